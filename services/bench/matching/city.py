"""The city: 114 areas, 30 teams and their bases, and the calls of a seed. Synthetic, and the same for every rule."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import cos, radians
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.dispatch.domain.policy import OnScene, Policy
from services.dispatch.domain.pool import Place

Numbers = npt.NDArray[np.float64]
BEGIN: Final = datetime(2026, 1, 5, tzinfo=UTC)
CITY_SEED: Final = 1
CENTER: Final = Place(34.05, -118.25)
SCALE: Final = 0.74
"""Chosen so that the simple rules do here what the study that this repeats saw them do, at a load of 0.4 and at 0.6."""
KM_PER_DEG: Final = 111.195
DAY_MIN: Final = 1440.0
DRIVE_ALLOWED_MIN: Final = 18.0
"""A load is nominal: (on scene + 18 min of driving) of all calls over the time of all teams."""
SPANISH_ASKED, SPANISH_SPOKEN, SECOND_SKILL, URGENT_SHARE = 0.3, 0.6, 0.6, 0.25
DRIVE_SPREAD: Final = 0.3
PEAK: Final = 0.3


class Region(NamedTuple):
    """A rectangle of areas: kilometres east and north of the center, and how many calls an area has."""

    areas: int
    west: float
    east: float
    south: float
    north: float
    demand: float


REGIONS: Final = (
    Region(34, -28, 4, 13, 32, 0.8),  # the Valley
    Region(24, -24, -8, -6, 8, 0.8),  # the Westside
    Region(24, -6, 8, -4, 10, 1.3),  # Central
    Region(26, -8, 4, -20, -6, 1.4),  # South
    Region(6, -6, 4, -38, -28, 1.0),  # the Harbor
)
SKILLS: Final = ("mediator", "interrupter", "restorative_justice")
TEAMS_OF: Final = (15, 8, 7)
STAY_MIN: Final = (60.0, 50.0, 80.0)
STAY_SPREAD: Final = 0.5
SPEEDS_KMH: Final = (*[48.0] * 6, 42.0, *[28.0] * 3, *[36.0] * 5, *[26.0] * 4, 34.0, *[42.0] * 4)
POLICY: Final = Policy(
    on_scene={name: OnScene(timedelta(minutes=stay), STAY_SPREAD) for name, stay in zip(SKILLS, STAY_MIN, strict=True)},
    speeds_kmh=SPEEDS_KMH,
    timezone="UTC",
    detour=1.3,
    detour_near=0.0,
)
"""The production constants, but for what the city itself is: its streets and how long its calls last."""
AS_STUDIED: Final = replace(POLICY, hold_saves=None)
"""The study had no deadlines and did not ask what a hold of an urgent call saves; figures without deadlines are measured like that."""


class SimTeam(NamedTuple):
    """A team of the city."""

    id: UUID
    skills: frozenset[str]
    languages: tuple[str, ...]
    base: Place


class SimCall(NamedTuple):
    """A call of the city, with everything about it that chance decides."""

    id: UUID
    at_min: float
    area: int
    place: Place
    priority: int
    skill: str
    spanish: bool
    stay_min: float
    drive_factor: float


@dataclass(frozen=True, slots=True)
class City:
    """Where calls come from and who answers them."""

    areas: tuple[Place, ...]
    demand: Numbers
    teams: tuple[SimTeam, ...]


def build(seed: int = CITY_SEED) -> City:
    """Return the city; the seed is frozen, so that figures of different days compare."""
    draw = np.random.default_rng(seed)
    points, demand = _areas(draw)
    teams: list[SimTeam] = []
    for skill, count in enumerate(TEAMS_OF):
        for base in _medoids(points, demand, count, draw):
            second = draw.choice([other for other in range(len(SKILLS)) if other != skill])
            skills = {SKILLS[skill]} | ({SKILLS[second]} if draw.random() < SECOND_SKILL else set())
            languages = ("en", "es") if draw.random() < SPANISH_SPOKEN else ("en",)
            teams.append(SimTeam(UUID(int=len(teams) + 1), frozenset(skills), languages, _place(points[base])))
    return City(tuple(_place(point) for point in points), demand, tuple(teams))


def calls(city: City, *, load: float, days: int, seed: int) -> list[SimCall]:
    """Return the calls of a seed, the first first. Each kind of chance has its own stream, so rules meet the same calls."""
    when, where, what, lasts, roads = (np.random.default_rng([seed, stream]) for stream in range(5))
    times = _arrivals(when, _rate(load), days)
    area = where.choice(len(city.areas), size=times.size, p=city.demand)
    share = np.array(TEAMS_OF) / sum(TEAMS_OF)
    skill = what.choice(len(SKILLS), size=times.size, p=share)
    urgent, spanish = what.random(times.size) < URGENT_SHARE, what.random(times.size) < SPANISH_ASKED
    stay = np.array(STAY_MIN)[skill] * _lognormal(lasts, STAY_SPREAD, times.size)
    factor = _lognormal(roads, DRIVE_SPREAD, times.size)
    return [
        SimCall(
            UUID(int=(seed << 64) + n + 1), float(times[n]), int(area[n]), city.areas[area[n]], 1 if urgent[n] else 2,
            SKILLS[skill[n]], bool(spanish[n]), float(stay[n]), float(factor[n]),
        )
        for n in range(times.size)
    ]  # fmt: skip


def _rate(load: float) -> float:
    """Return calls per minute."""
    stay = sum(n * minutes for n, minutes in zip(TEAMS_OF, STAY_MIN, strict=True)) / sum(TEAMS_OF)
    return load * sum(TEAMS_OF) / (stay + DRIVE_ALLOWED_MIN)


def _arrivals(draw: np.random.Generator, rate: float, days: int) -> Numbers:
    """Return the times of calls, more of them by day than by night."""
    most = rate * (1 + PEAK)
    count = draw.poisson(most * days * DAY_MIN)
    times = np.sort(draw.random(count) * days * DAY_MIN)
    now = rate * (1 + PEAK * np.sin((times / DAY_MIN - 0.375) * 2 * np.pi))
    kept: Numbers = times[draw.random(count) < now / most]
    return kept


def _lognormal(draw: np.random.Generator, spread: float, size: int) -> Numbers:
    """Return factors with mean 1."""
    variance = np.log(1 + spread**2)
    factors: Numbers = np.exp(draw.normal(-variance / 2, np.sqrt(variance), size))
    return factors


def _areas(draw: np.random.Generator) -> tuple[Numbers, Numbers]:
    points, demand = [], []
    for region in REGIONS:
        east = SCALE * draw.uniform(region.west, region.east, region.areas)
        north = SCALE * draw.uniform(region.south, region.north, region.areas)
        points.append(np.stack((east, north), axis=1))
        demand.append(region.demand * _lognormal(draw, 0.5, region.areas))
    shares = np.concatenate(demand)
    return np.concatenate(points), shares / shares.sum()


def _medoids(points: Numbers, demand: Numbers, count: int, draw: np.random.Generator) -> Sequence[int]:
    """Return `count` areas such that calls have it short to the nearest of them (k-medoids, by swaps)."""
    apart = np.sqrt(((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)) * demand[:, None]
    chosen = [int(place) for place in draw.choice(len(points), count, replace=False)]
    best = apart[:, chosen].min(axis=1).sum()
    improved = True
    while improved:
        improved = False
        for slot in range(count):
            others = apart[:, chosen[:slot] + chosen[slot + 1 :]].min(axis=1, initial=np.inf)
            totals = np.minimum(others[:, None], apart).sum(axis=0)
            if totals.min() < best - 1e-12:
                chosen[slot], best, improved = int(totals.argmin()), totals.min(), True
    return chosen


def _place(point: Numbers) -> Place:
    east, north = float(point[0]), float(point[1])
    lat = CENTER.lat_deg + north / KM_PER_DEG
    return Place(lat, CENTER.lon_deg + east / (KM_PER_DEG * cos(radians(CENTER.lat_deg))))
