"""Position fixes (AVL): which are believable, which one is the position, and what is kept of the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt
from typing import Final, NamedTuple

AHEAD: Final = timedelta(minutes=1)
"""A tablet's clock may be ahead of ours by this much."""
FARTHEST_M: Final = 500_000.0
"""A fix farther from the team's base is an error of the receiver."""
WORST_ACCURACY_M: Final = 5_000.0
"""A receiver that says worse of itself knows the cell or the network that it is in, not where the van is."""
_NULL_ISLAND_DEG: Final = 0.001
_TRACE_DIGITS: Final = 3  # about 100 m: the trace says which part of town, not which house
_EARTH_RADIUS_M: Final = 6_371_008.8


class Disbelief(StrEnum):
    """Why a fix is ignored."""

    FUTURE = "future"
    INACCURATE = "inaccurate"
    NULL_ISLAND = "null_island"
    TOO_FAR = "too_far"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a tablet says it was, and when by its own clock."""

    lat_deg: float
    lon_deg: float
    at: datetime
    accuracy_m: float | None = None


class Judged(NamedTuple):
    """A batch, judged: the believable fixes from oldest to newest, and the others by their place in the batch."""

    believed: tuple[Fix, ...]
    ignored: tuple[tuple[int, Disbelief], ...]

    @property
    def newest(self) -> Fix | None:
        """The fix that is the position, if nothing newer is known already."""
        return self.believed[-1] if self.believed else None


def judge(fixes: Sequence[Fix], *, base: tuple[float, float], at: datetime, kept_for: timedelta) -> Judged:
    """Judge a batch that came in any order; `base` is latitude and longitude in degrees, `at` our own now."""
    verdicts = [(place, fix, _disbelief(fix, base, at, kept_for)) for place, fix in enumerate(fixes)]
    believed = sorted((fix for _, fix, why in verdicts if why is None), key=lambda fix: fix.at)
    return Judged(tuple(believed), tuple((place, why) for place, _, why in verdicts if why is not None))


def trace(fixes: Iterable[Fix]) -> list[Fix]:
    """Return what is kept as history of believable fixes: the first of each minute, rounded to about 100 m."""
    minutes: dict[datetime, Fix] = {}
    for fix in sorted(fixes, key=lambda fix: fix.at):
        minute = fix.at.replace(second=0, microsecond=0)
        minutes.setdefault(minute, Fix(round(fix.lat_deg, _TRACE_DIGITS), round(fix.lon_deg, _TRACE_DIGITS), minute))
    return list(minutes.values())


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance of two points given as latitude and longitude in degrees."""
    lat1, lat2 = radians(one[0]), radians(other[0])
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin(radians(other[1] - one[1]) / 2) ** 2
    return 2 * _EARTH_RADIUS_M * asin(min(1.0, sqrt(half)))


def _disbelief(fix: Fix, base: tuple[float, float], at: datetime, kept_for: timedelta) -> Disbelief | None:
    if fix.at > at + AHEAD:
        return Disbelief.FUTURE
    if fix.at < at - kept_for:
        return Disbelief.TOO_OLD
    if abs(fix.lat_deg) < _NULL_ISLAND_DEG and abs(fix.lon_deg) < _NULL_ISLAND_DEG:
        return Disbelief.NULL_ISLAND
    if fix.accuracy_m is not None and fix.accuracy_m > WORST_ACCURACY_M:
        return Disbelief.INACCURATE
    if distance_m((fix.lat_deg, fix.lon_deg), base) > FARTHEST_M:
        return Disbelief.TOO_FAR
    return None
