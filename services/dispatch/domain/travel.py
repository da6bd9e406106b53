"""How long a drive takes: from a routing server where one answered, else an estimate that needs nothing but two places.

The estimate is the great circle, times how much longer streets are, by the speed of the hour, plus the time to turn out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Place, Team, Waiting

Numbers = npt.NDArray[np.float64]
EARTH_M: Final = 6_371_000
NULL_ISLAND_DEG: Final = 0.001
CLOCKS_APART: Final = timedelta(minutes=1)
"""A tablet's clock may be ahead of ours by this much, as the teams service has it."""


class Start(NamedTuple):
    """Where a team would start from, and why from there."""

    place: Place | None
    source: str
    why: str = ""
    """Empty for a position; else why the position was not used."""


@dataclass(frozen=True, slots=True)
class TravelTimes:
    """What a routing server said: `seconds[call][team]`, NaN where it knows no way; the rest is estimated."""

    source: str
    calls: Mapping[UUID, int]
    teams: Mapping[UUID, int]
    seconds: Numbers
    fallback: str | None = None
    """Why the server's times are missing, when they are; it is recorded with every decision of the round."""


def start_of(team: Team, policy: Policy, now: datetime) -> Start:
    """Return where a team would start from: where its work ends, its position while that can be believed, else its base."""
    if team.busy is not None:
        return Start(team.busy.place or team.base, "scene" if team.busy.place else "base")
    seen = team.position
    if seen is None:
        return Start(team.base, "base", "no position is known")
    why = _disbelief(seen.place, seen.at, team.base, policy, now)
    return Start(team.base, "base", why) if why else Start(seen.place, "position")


def _disbelief(place: Place, at: datetime | None, base: Place | None, policy: Policy, now: datetime) -> str:
    """Return why a position is not used, in words; empty if it is."""
    if at is None or now - at > policy.position_age:
        age = "of unknown age" if at is None else f"{int((now - at) / timedelta(minutes=1))} min old"
        return f"its position is {age}"
    if at - now > CLOCKS_APART:
        return "its position is of the future"
    if abs(place.lat_deg) < NULL_ISLAND_DEG and abs(place.lon_deg) < NULL_ISLAND_DEG:
        return "its position is 0, 0"
    if base is not None and distance_m(place, base) > policy.farthest_m:
        return "its position is too far from its base"
    return ""


def distance_m(one: Place, other: Place) -> float:
    """Return the great-circle distance."""
    lat1, lat2 = math.radians(one.lat_deg), math.radians(other.lat_deg)
    half_lon = math.radians(other.lon_deg - one.lon_deg) / 2
    a = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(a)))


def distances_m(places: Sequence[Place | None], others: Sequence[Place | None]) -> Numbers:
    """Return the great-circle distances, places × others; NaN where one is not known."""
    table: Numbers = _unit(places) @ (
        -0.5 * _unit(others).T
    )  # worked on in place: fresh memory costs more than the sums
    table += 0.5
    np.clip(table, 0.0, 1.0, out=table)
    np.sqrt(table, out=table)
    np.arcsin(table, out=table)
    table *= 2 * EARTH_M
    return table


def _unit(places: Sequence[Place | None]) -> Numbers:
    """Return the places as points on the unit sphere, one row each."""
    nowhere = (np.nan, np.nan)
    lat, lon = np.radians(np.array([place or nowhere for place in places], dtype=np.float64).reshape(-1, 2)).T
    flat = np.cos(lat)
    return np.array((flat * np.cos(lon), flat * np.sin(lon), np.sin(lat))).T


def estimated_s(metres: Numbers, policy: Policy, now: datetime) -> Numbers:
    """Return the estimated drives in seconds, turn-out included."""
    speed_mps = policy.speeds_kmh[now.astimezone(_zone(policy.timezone)).hour] / 3.6
    table: Numbers = metres / -policy.detour_reach_m
    np.exp(table, out=table)
    table *= policy.detour_near
    table += policy.detour
    table *= metres
    table *= policy.travel_factor / speed_mps
    table += policy.turn_out.total_seconds()
    return table


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def drives_s(
    calls: Sequence[Waiting], teams: Sequence[Team], times: TravelTimes | None, policy: Policy, now: datetime
) -> tuple[Numbers, npt.NDArray[np.bool_], tuple[Start, ...]]:
    """Return drives in whole seconds (calls × teams; NaN: not known), which of them a server gave, and where teams start."""
    starts = tuple(start_of(team, policy, now) for team in teams)
    metres = distances_m([call.place for call in calls], [start.place for start in starts])
    drives = estimated_s(metres, policy, now)
    np.rint(drives, out=drives)
    routed = np.zeros(drives.shape, dtype=np.bool_)
    if times is not None and times.seconds.size:
        known = _looked_up(times, calls, teams)
        routed = np.isfinite(known)
        drives = np.where(routed, np.rint(known), drives)
    return drives, routed, starts


def _looked_up(times: TravelTimes, calls: Sequence[Waiting], teams: Sequence[Team]) -> Numbers:
    rows = np.array([times.calls.get(call.id, -1) for call in calls], dtype=np.intp)
    columns = np.array([times.teams.get(team.id, -1) for team in teams], dtype=np.intp)
    found = times.seconds[np.ix_(rows, columns)]
    found[rows < 0, :] = np.nan
    found[:, columns < 0] = np.nan
    return found
