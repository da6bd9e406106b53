"""Why this team and no other: the cost parts of the best teams, the rule against each of the rest, and a HOLD in plain words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from services.dispatch.domain import costs, masks
from services.dispatch.domain.costs import Board
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Team, Waiting
from services.dispatch.domain.travel import TravelTimes

_BITS_OF_COST: Final = ("waiting", "driving", "preference", "language", "place")


class Considered(NamedTuple):
    """One team considered for one call: ranked with its cost parts, or excluded by a rule."""

    team_id: UUID
    team_name: str
    rank: int | None = None
    excluded_by: str | None = None
    words: str = ""
    discipline: str | None = None
    drive_s: int | None = None
    """None when the call's place or the team's is not known."""
    drive_from: str | None = None
    """`position`, `base`, `scene` (where its work ends), or the routing server that gave the time."""
    free_in_s: int | None = None
    """Of a team that has work: in how many seconds it should be clear."""
    cost: int | None = None
    """The sum of the parts. The least sum over all calls together decides, not the least of one call."""
    parts: dict[str, int] | None = None


class Explanation(NamedTuple):
    """Of one call: the best teams, the chosen one first, and the columns of the others by the rule that excluded them."""

    ranked: tuple[Considered, ...]
    excluded: tuple[tuple[str, tuple[int, ...]], ...]


def explain(board: Board, row: int, chosen: int | None, most: int) -> Explanation:
    """Explain one row of a round; `chosen` is the column that it got, `most` how many teams are ranked."""
    codes = board.codes[row]
    best = _cheapest(board.price[row], most)
    if chosen is not None:
        best = [chosen, *(column for column in best if column != chosen)][:most]
    return Explanation(_ranked(board, row, best), _by_rule(codes))


def consider(
    call: Waiting, teams: Sequence[Team], times: TravelTimes | None, policy: Policy, now: datetime
) -> tuple[Considered, ...]:
    """Return every team as if this call were alone: the best first, then the excluded ones, each with its reason."""
    board = costs.board([call], teams, times, policy, now)
    return in_full(board, 0, explain(board, 0, None, len(board.teams)))


def in_full(board: Board, row: int, explanation: Explanation) -> tuple[Considered, ...]:
    """Return the ranked teams and after them each excluded team with its rule in words."""
    call = board.calls[row]
    excluded = (
        Considered(team.id, team.name, excluded_by=rule, words=masks.words_for(rule, call, team))
        for rule, columns in explanation.excluded
        for team in (board.teams[column] for column in columns)
    )
    return (*explanation.ranked, *excluded)


def hold_words(board: Board, row: int, column: int) -> str:
    """Return a HOLD as a dispatcher says it."""
    team = board.teams[column]
    said = "says it will be" if team.busy is not None and team.busy.said_by == "crew" else "should be"
    kept = f"{team.name} {said} clear in {_minutes(board.free_s[column])} min, {_away(board.drive_s[row, column])}"
    free = np.flatnonzero((board.codes[row] == masks.FREE_TO_GO) & ~board.busy)
    if not free.size:
        return f"{kept}; no free team can go."
    best = free[np.argmin(board.waiting_cost[row, free])]
    return f"{kept}; best free team is {_away(board.drive_s[row, best])}."


def _cheapest(price: costs.Seconds, most: int) -> list[int]:
    """Return the `most` cheapest columns that no rule forbids, the cheapest first; of equals the lower one."""
    near = np.arange(price.size)
    if price.size > most:
        limit = np.partition(price, most - 1)[most - 1]
        near = np.flatnonzero(price <= min(limit, costs.FORBIDDEN - 1))
    of_these = price[near]
    order = near[np.argsort(of_these, kind="stable")][:most].tolist()
    return [column for column in order if price[column] < costs.FORBIDDEN]


def _by_rule(codes: masks.Codes) -> tuple[tuple[str, tuple[int, ...]], ...]:
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(masks.RULES) + 1).tolist()
    columns = order.tolist()
    groups, begins = [], counts[0]
    for rule, count in zip(masks.RULES, counts[1:], strict=True):
        if count:
            groups.append((rule, tuple(columns[begins : begins + count])))
        begins += count
    return tuple(groups)


def _ranked(board: Board, row: int, columns: Sequence[int]) -> tuple[Considered, ...]:
    call = board.calls[row]
    parts = zip(*(table[row, columns].tolist() for table in board.parts), strict=True)
    found = zip(columns, parts, board.cost[row, columns].tolist(), board.drive_s[row, columns].tolist(), strict=True)
    fixed = int(board.fixed_cost[row])
    ranked = []
    for rank, (column, of_team, cost, drive) in enumerate(found, start=1):
        team = board.teams[column]
        free_s = board.free_s[column]
        ranked.append(Considered(
            team_id=team.id,
            team_name=team.name,
            rank=rank,
            words=_words(call, board, row, column),
            discipline=next((name for name in call.disciplines if name in team.disciplines), None),
            drive_s=int(drive) if drive == drive else None,  # noqa: PLR0124 - NaN: not known
            drive_from=board.times_from if board.routed[row, column] else board.starts[column].source,
            free_in_s=int(free_s) if free_s else None,
            cost=cost,
            parts={**dict(zip(_BITS_OF_COST, of_team, strict=True)), "age_and_urgency": fixed},
        ))  # fmt: skip
    return tuple(ranked)


def _words(call: Waiting, board: Board, row: int, column: int) -> str:
    team, start = board.teams[column], board.starts[column]
    words = _away(board.drive_s[row, column])
    if team.busy is not None:
        words = f"clear in {_minutes(board.free_s[column])} min, then {words}"
    if start.why:
        words = f"{words} from its base ({start.why})"
    if board.language_cost[row, column]:
        words = f"{words}; lacks a preferred language"
    if team.id in call.known_to:
        words = f"{words}; has been at this address before"
    return f"{words[0].upper()}{words[1:]}."


def _away(drive_s: float) -> str:
    return "an unknown drive" if drive_s != drive_s else f"{_minutes(drive_s)} min away"  # noqa: PLR0124 - NaN


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))
