"""Which team for which call: rolling optimal assignment with a look ahead to busy teams and a price on driving.

Pure, deterministic and able to explain itself. A call is sent the team of the assignment that costs least for all calls together; where
that team is still busy the call is kept for it (a HOLD) and everything is decided anew at the next event. docs/matching.md has the
formula, its constants and what it was measured to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
from scipy.optimize import linear_sum_assignment

from services.dispatch.domain import costs, diversion, masks
from services.dispatch.domain.costs import Board
from services.dispatch.domain.diversion import Diversion, UnderWay
from services.dispatch.domain.incident import ReturnReason
from services.dispatch.domain.masks import BUSY, BY_HAND, OF_FACTS, RULES, Rule
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Team, Waiting
from services.dispatch.domain.travel import Numbers, TravelTimes


class Choice(NamedTuple):
    """A call gets a team that is free."""

    incident_id: UUID
    team: Team


class Hold(NamedTuple):
    """A call is kept for a team that is expected to be free soon enough."""

    incident_id: UUID
    team: Team


class Unmatched(NamedTuple):
    """A call gets no team in this round, and why not."""

    incident_id: UUID
    reason: ReturnReason


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of one round, and the tables that explain it (`explanation.explain`)."""

    choices: tuple[Choice, ...]
    holds: tuple[Hold, ...]
    unmatched: tuple[Unmatched, ...]
    board: Board = field(compare=False, repr=False)
    sent: tuple[tuple[int, int], ...] = field(compare=False, repr=False)
    """The choices as rows and columns of the board."""
    diversion: Diversion | None = None
    """The one team that is taken off its call in this round; the next round sees what became of it."""

    def place_of(self, incident_id: UUID, team_id: UUID) -> tuple[int, int]:
        """Return the row and the column of the board where a call and a team meet."""
        rows = (row for row, call in enumerate(self.board.calls) if call.id == incident_id)
        columns = (column for column, team in enumerate(self.board.teams) if team.id == team_id)
        return next(rows), next(columns)


def decide(
    waiting: Sequence[Waiting],
    teams: Sequence[Team],
    travel_times: TravelTimes | None,
    policy: Policy,
    now: datetime,
    under_way: Sequence[UnderWay] = (),
) -> Plan:
    """Return who is sent where, who is kept for whom, who is taken off a call for another, and who gets nobody.

    `under_way`: the teams that may be taken off. The order of the input does not matter.
    """
    board = costs.board(waiting, teams, travel_times, policy, now)
    chosen = solve(board)
    choices: list[Choice] = []
    holds: list[Hold] = []
    unmatched: list[Unmatched] = []
    for row, call in enumerate(board.calls):
        if (column := chosen.get(row)) is None:
            unmatched.append(Unmatched(call.id, _why_nobody(board, row)))
        elif board.free_s[column] > 0:
            holds.append(Hold(call.id, board.teams[column]))
        else:
            choices.append(Choice(call.id, board.teams[column]))
    sent = tuple((row, column) for row, column in chosen.items() if board.free_s[column] <= 0)
    diverted = diversion.find(board, chosen, under_way, policy, now)
    return Plan(tuple(choices), tuple(holds), tuple(unmatched), board, sent, diverted)


def solve(board: Board) -> dict[int, int]:
    """Return the column of each row that is served: as many as can be, and among those assignments the cheapest."""
    allowed = board.price < costs.FORBIDDEN
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    if not rows.size:
        return {}
    price = board.price[np.ix_(rows, columns)].astype(np.float64)  # as the solver wants it; whole seconds stay exact
    picked_rows, picked_columns = linear_sum_assignment(_reduced(price))
    picked_rows, picked_columns = rows[picked_rows], columns[picked_columns]
    served = allowed[picked_rows, picked_columns]
    return dict(zip(picked_rows[served].tolist(), picked_columns[served].tolist(), strict=True))


def _reduced(price: Numbers) -> Numbers:
    """Take off what every assignment pays anyway: the same optimum, found in half the time. Works in place."""
    calls, teams = price.shape
    if calls <= teams:  # else some calls are left out, and what every team asks of a call is not paid for it
        price -= price.min(axis=1, keepdims=True)
    if teams <= calls:
        price -= price.min(axis=0)
    return price


def _why_nobody(board: Board, row: int) -> ReturnReason:
    """Return why a round found no team, judging by those that only lack time or willingness."""
    found = np.unique(board.codes[row]).tolist()
    rules = {RULES[code - 1] for code in found if code}
    if masks.FREE_TO_GO in found or rules & BUSY:
        return ReturnReason.ALL_TEAMS_BUSY
    return ReturnReason.NO_TEAM_ACCEPTED if "refused_this_call" in rules else ReturnReason.NO_TEAM_ON_DUTY


def why_not(call: Waiting, team: Team, policy: Policy, now: datetime, *, assigned: bool = False) -> Rule | None:
    """Return the first rule that keeps this team from this call; None if it may be sent, or kept for.

    `assigned`: the team has this call already, so only what the call needs is checked, not whether the team is free.
    """
    return next(iter(_against(call, team, policy, now, OF_FACTS if assigned else RULES)), None)


def why_not_by_hand(call: Waiting, team: Team, policy: Policy, now: datetime) -> Rule | None:
    """Return the first rule that even a supervisor cannot set aside; None if the team may be sent by hand."""
    at_work = replace(team, busy=None)  # by hand nobody is kept for later
    return next((rule for rule in _against(call, at_work, policy, now, RULES) if rule.name not in BY_HAND), None)


def _against(call: Waiting, team: Team, policy: Policy, now: datetime, names: Sequence[str]) -> list[Rule]:
    forbidding = costs.forbidding(call, team, policy, now)
    return [Rule(name, masks.words_for(name, call, team)) for name in names if name in forbidding]
