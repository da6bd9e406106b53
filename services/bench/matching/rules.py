"""The rules that are compared: the production rule, called as it is, and the two that dispatchers and textbooks use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from scipy.optimize import linear_sum_assignment

from services.dispatch.domain import matching, travel
from services.dispatch.domain.diversion import UnderWay
from services.dispatch.domain.masks import hold_until
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Place, Team, Waiting


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rule sees: who waits and every team, busy ones with when they should be free."""

    now: datetime
    waiting: Sequence[Waiting]
    teams: Sequence[Team]
    policy: Policy
    under_way: Sequence[UnderWay] = ()
    """Teams that drive to a call and were never taken off it."""


class Sent(NamedTuple):
    """What a rule says: who goes where now, and when it wants to be asked again at the latest."""

    pairs: list[tuple[UUID, UUID]]
    again_at: datetime | None = None
    diverted: tuple[UUID, UUID] | None = None
    """The call and the team that turns around for it."""


Rule = Callable[[Scene], Sent]
RECHECK: Final = timedelta(minutes=10)
"""While a call is kept for a busy team the rule looks again so often; in production it does every second."""


def look_ahead(scene: Scene) -> Sent:
    """The production rule."""
    plan = matching.decide(scene.waiting, scene.teams, None, scene.policy, scene.now, scene.under_way)
    pairs = [(choice.incident_id, choice.team.id) for choice in plan.choices]
    diverted = None if plan.diversion is None else (plan.diversion.incident_id, plan.diversion.team.id)
    if not plan.holds:
        return Sent(pairs, diverted=diverted)
    kept = {hold.incident_id for hold in plan.holds}
    ends = [hold_until(call, scene.policy) for call in scene.waiting if call.id in kept]
    later = [at for at in ends if at > scene.now]
    return Sent(pairs, min([scene.now + RECHECK, *later]), diverted)


def closest_idle(scene: Scene) -> Sent:
    """The usual one: calls by priority and then by age, each gets the nearest free team that fits it."""
    calls, teams, drive = _free_pairs(scene)
    pairs = []
    for row in sorted(range(len(calls)), key=lambda row: (calls[row].priority, calls[row].since)):
        if drive.size and np.isfinite(drive[row].min()):
            column = int(drive[row].argmin())
            pairs.append((calls[row].id, teams[column].id))
            drive[:, column] = np.inf
    return Sent(pairs)


def myopic(scene: Scene) -> Sent:
    """The best assignment of the teams that are free now, without a look ahead and without a price on driving."""
    calls, teams, drive = _free_pairs(scene)
    if not drive.size:
        return Sent([])
    policy = scene.policy
    weight = np.array([policy.weights[call.priority] for call in calls], dtype=np.float64)
    age = np.array([(scene.now - call.since).total_seconds() for call in calls])
    bonus = np.array([policy.urgent_bonus.total_seconds() if call.priority == 1 else 0.0 for call in calls])
    price = weight[:, None] * (drive - age[:, None]) - bonus[:, None]
    price[np.isinf(drive)] = 1e9
    rows, columns = linear_sum_assignment(price)
    return Sent([(calls[r].id, teams[c].id) for r, c in zip(rows, columns, strict=True) if np.isfinite(drive[r, c])])


def _free_pairs(scene: Scene) -> tuple[list[Waiting], list[Team], travel.Numbers]:
    """Return the calls, the free teams and the drives between them; infinite where the team does not fit."""
    calls = list(scene.waiting)
    teams = [team for team in scene.teams if team.busy is None]
    starts = [team.position.place if team.position else team.base for team in teams]
    metres = travel.distances_m([call.place for call in calls], starts)
    drive = travel.estimated_s(metres, scene.policy, scene.now)
    skill = np.array([call.disciplines[0] for call in calls])
    spanish = np.array([bool(call.required_languages) for call in calls])
    for column, team in enumerate(teams):
        fits = np.isin(skill, [*team.disciplines]) & (("es" in team.languages) | ~spanish)
        drive[~fits, column] = np.inf
    return calls, teams, drive


def drive_s(start: Place, end: Place, policy: Policy, now: datetime) -> float:
    """Return the estimate of one drive, as every rule sees it."""
    metres = np.array([[travel.distance_m(start, end)]])
    return float(travel.estimated_s(metres, policy, now)[0, 0])


RULES: Final[dict[str, Rule]] = {"closest": closest_idle, "myopic": myopic, "look-ahead": look_ahead}
WORDS: Final = {
    "closest": "closest free team, priority then first come",
    "myopic": "best assignment of the free teams",
    "look-ahead": "look ahead and price on driving (ours)",
}
