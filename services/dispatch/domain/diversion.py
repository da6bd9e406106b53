"""Taking a team off a call that it drives to, for a call of priority 1 that nobody reaches soon: when that is worth it.

One at a time, once for a call, and never without somebody else for the call that is left: docs/matching.md has the rule.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.dispatch.domain import costs
from services.dispatch.domain.costs import URGENT, Board
from services.dispatch.domain.explanation import minutes
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Team, Waiting
from services.dispatch.domain.travel import Numbers

DIVERTED: Final = "diverted"
"""The reason with which a crew is called off that is taken off its call for a more urgent one."""


class UnderWay(NamedTuple):
    """A team that drives to a call and may be taken off it, and when it should arrive there."""

    team: Team
    """As if it had no work: where it is now it could start for another call."""
    call: Waiting
    eta: datetime


class Diversion(NamedTuple):
    """A team is taken off one call for another."""

    incident_id: UUID
    """The more urgent call."""
    team: Team
    taken_from: UUID
    successor: Team
    """Who should go to that call instead."""
    drive_s: int
    saves_s: int
    """How much sooner somebody should be at the more urgent call."""
    words: str


class _Late(NamedTuple):
    """The calls of priority 1 to which the round sends nobody: their rows, and how long until somebody would be there."""

    rows: list[int]
    kept_for: list[int | None]
    wait_s: Numbers
    cost: costs.Seconds


def find(
    board: Board, chosen: Mapping[int, int], under_way: Sequence[UnderWay], policy: Policy, now: datetime
) -> Diversion | None:
    """Return the diversion that is worth most after a round's assignment (`chosen`: column by row of `board`), or None."""
    on_road = sorted((one for one in under_way if _may_be_taken_off(one, policy, now)), key=lambda one: one.team.id.int)
    late = _late(board, chosen, policy, now)
    if not on_road or not late.rows or not board.teams or policy.divert_saves is None:
        return None
    near = costs.board([board.calls[row] for row in late.rows], [one.team for one in on_road], None, policy, now)
    saves = late.wait_s[:, None] - near.drive_s
    better = (near.price < costs.FORBIDDEN) & (saves >= policy.divert_saves.total_seconds())
    better &= np.array([start.source == "position" for start in near.starts])
    if not better.any():
        return None
    successor, loss = _successors(board, chosen, late, on_road, policy, now)
    gain = late.cost[:, None] - near.cost - loss - int(policy.divert_price.total_seconds())
    gain[~better] = -1
    row, column = np.unravel_index(int(np.argmax(gain)), gain.shape)
    if gain[row, column] <= 0:
        return None
    one, other = on_road[column], board.teams[successor[row, column]]
    drive_s, saves_s = int(near.drive_s[row, column]), int(saves[row, column])
    words = (
        f"{one.team.name} is taken off the call that it drives to: {minutes(drive_s)} min away,"
        f" {minutes(saves_s)} min sooner than anybody else. {other.name} should go there instead."
    )
    return Diversion(near.calls[row].id, one.team, one.call.id, other, drive_s, saves_s, words)


def _may_be_taken_off(one: UnderWay, policy: Policy, now: datetime) -> bool:
    return one.call.priority != URGENT and one.eta - now >= policy.divert_left and _has_time(one.call, policy, now)


def _has_time(call: Waiting, policy: Policy, now: datetime) -> bool:
    """Say whether there is time to find the call somebody before it is returned."""
    return call.assign_by is None or call.assign_by - now >= policy.divert_needs


def _late(board: Board, chosen: Mapping[int, int], policy: Policy, now: datetime) -> _Late:
    rows, kept_for, wait_s, cost = [], [], [], []
    nobody_s = policy.hold_longest[URGENT].total_seconds()
    for row, call in enumerate(board.calls):
        column = chosen.get(row)
        is_sent = column is not None and not board.busy[column]
        if call.priority != URGENT or is_sent or not _has_time(call, policy, now):
            continue
        rows.append(row)
        kept_for.append(column)
        if column is None:
            wait_s.append(nobody_s)
            cost.append(int(board.fixed_cost[row] + round(costs.weight_of(call, policy) * nobody_s)))
        else:
            wait_s.append(float(board.free_s[column] + np.nan_to_num(board.drive_s[row, column], nan=nobody_s)))
            cost.append(int(board.cost[row, column]))
    return _Late(rows, kept_for, np.array(wait_s), np.array(cost, dtype=np.int64))


def _successors(
    board: Board,
    chosen: Mapping[int, int],
    late: _Late,
    on_road: Sequence[UnderWay],
    policy: Policy,
    now: datetime,
) -> tuple[npt.NDArray[np.intp], costs.Seconds]:
    """Return, late calls × teams under way, who would go to the call that is left, and what that costs more than now.

    A team that the round sends or keeps for a call is nobody's successor, but for the one that the late call would give back.
    """
    behind = costs.board([one.call for one in on_road], board.teams, None, policy, now)
    row_of = {call.id: row for row, call in enumerate(behind.calls)}
    rows = [row_of[one.call.id] for one in on_road]
    price = np.where(behind.price < costs.FORBIDDEN, behind.price - behind.fixed_cost[:, None], costs.FORBIDDEN)[rows]
    now_cost = [
        round((costs.weight_of(one.call, policy) + policy.drive_price) * (one.eta - now).total_seconds())
        for one in on_road
    ]
    own = {team.id: column for column, team in enumerate(board.teams)}
    for place, one in enumerate(on_road):
        if (column := own.get(one.team.id)) is not None:
            price[place, column] = costs.FORBIDDEN
    taken = np.zeros(len(board.teams), dtype=np.bool_)
    taken[list(chosen.values())] = True
    free = np.where(taken, costs.FORBIDDEN, price)
    best, least = free.argmin(axis=1), free.min(axis=1)
    successor = np.tile(best, (len(late.rows), 1))
    loss = np.tile(least, (len(late.rows), 1))
    for place, column in enumerate(late.kept_for):
        if column is not None:
            given_back = price[:, column] < loss[place]
            successor[place, given_back] = column
            loss[place, given_back] = price[given_back, column]
    return successor, loss - np.array(now_cost, dtype=np.int64)
