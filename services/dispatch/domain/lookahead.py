"""When a team that has work is expected to be free again: what its crew said, or how long such work usually lasts."""

import math
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.dispatch.domain.assignment import Status
from services.dispatch.domain.policy import OnScene, Policy
from services.dispatch.domain.pool import Busy, Place

_LONGEST: Final = 8.0
"""Work that lasts longer than so many times its mean says nothing about when it ends; it is treated as that old."""
SOON: Final = timedelta(minutes=2)
"""A crew that said when it would be clear, and is not, may be clear at any moment; so may one that was asked to turn around."""
_TURNS_WITHIN: Final = timedelta(minutes=3)
"""A crew that was taken off its call for another, and has not said by then that it is free, is not counted on any more."""


class Work(NamedTuple):
    """A live assignment as far as it says when its team will be free."""

    status: Status
    discipline: str | None
    place: Place | None
    arrived_at: datetime | None = None
    eta: datetime | None = None
    drive: timedelta | None = None
    expected_clear_at: datetime | None = None
    turns_since: datetime | None = None
    """When the team was taken off this call for a more urgent one; `place` is then where it was seen."""


def expected_free(work: Work, policy: Policy, now: datetime) -> Busy | None:
    """Return when and where the team is expected to be free; None for one that is being called off, but for a more urgent call."""
    if work.status is Status.WITHDRAWING:
        turns = work.turns_since is not None and now - work.turns_since < _TURNS_WITHIN
        return Busy(now + SOON, work.place) if turns else None
    if work.expected_clear_at is not None:
        return Busy(max(work.expected_clear_at, now + SOON), work.place, "crew")
    law = policy.stay(work.discipline)
    if work.status is Status.ON_SCENE:
        return Busy(now + remaining(law, now - (work.arrived_at or now)), work.place)
    arrives = max(work.eta, now) if work.eta is not None else now + (work.drive or policy.unknown_drive)
    return Busy(arrives + law.mean, work.place)


def remaining(law: OnScene, elapsed: timedelta) -> timedelta:
    """Return how much longer work is expected to last that has lasted so long already."""
    age = min(max(elapsed / law.mean, 0.0), _LONGEST)
    if age <= 0:
        return law.mean
    variance = math.log(1 + law.spread**2)
    sigma = math.sqrt(variance)
    median = -variance / 2  # the mean is 1
    beyond = (median + variance - math.log(age)) / sigma
    still = (median - math.log(age)) / sigma
    return law.mean * (_normal(beyond) / _normal(still) - age)


def _normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2
