"""What one crew will do with one assignment, drawn in advance: the same seed and call give the same crew's day."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from services.replay.draws import chance, pick
from services.replay.script import CrewScript

DECLINE_REASONS: Final = ("crew_too_tired", "conflict_of_interest", "vehicle_trouble", "language_not_enough")
_DETOUR: Final = 1.3
"""Roads against the straight line."""
_SHORTEST_DRIVE: Final = timedelta(minutes=3)
_EARTH_M: Final = 6_371_008.8

Answer = Literal["accept", "decline", "ignore"]


@dataclass(frozen=True, slots=True)
class Intent:
    """One crew's intentions for one assignment."""

    answer: Answer
    answers_after: timedelta
    decline_reason: str
    departs_after: timedelta | None
    """None: it never leaves."""
    on_scene: timedelta
    outcome: str
    reads_after: timedelta
    away_after: timedelta
    escalates: str | None
    """`en_route` or `on_scene`; None: it does not."""
    needs: str
    panics: bool
    falls_silent: str | None
    """`accepted`, `en_route` or `on_scene`."""
    silent_for: timedelta


@dataclass(frozen=True, slots=True)
class Crew:
    """How crews behave in this replay."""

    script: CrewScript
    seed: int
    key_of: Callable[[str], str]
    """The file's number of the event behind an incident id, so that draws do not depend on ids made by the system."""
    unwilling: Callable[[], bool] = lambda: False
    """Whether this is a stretch of the shift in which nobody accepts."""

    def intent(self, incident_id: str, team: str) -> Intent:
        """Return what `team` will do with this incident."""
        script, draw = self.script, chance(self.seed, self.key_of(incident_id), team, "crew")
        answer: Answer = pick(draw, {"decline": script.decline, "ignore": script.ignore}) or "accept"
        if self.unwilling():
            answer = "decline" if draw.random() < 0.6 else "ignore"
        panics = draw.random() < script.panic
        return Intent(
            answer=answer,
            answers_after=script.answers_after.draw(draw),
            decline_reason=draw.choice(DECLINE_REASONS),
            departs_after=None if draw.random() < script.never_departs else script.departs_after.draw(draw),
            on_scene=script.on_scene.draw(draw),
            outcome=pick(draw, script.outcomes) or "other",
            reads_after=script.answers_after.draw(draw),
            away_after=script.withdraws_after.draw(draw),
            escalates="on_scene" if panics else pick(draw, script.escalate),
            needs=pick(draw, {"police": 0.75, "ems": 0.2}) or "fire",
            panics=panics,
            falls_silent=pick(draw, script.silent),
            silent_for=script.silent_for.draw(draw),
        )

    def drive(self, start: tuple[float, float], end: tuple[float, float]) -> timedelta:
        """Return how long it drives between two points given as latitude and longitude."""
        hours = distance_m(start, end) * _DETOUR / 1000 / self.script.speed_kmh
        return max(_SHORTEST_DRIVE, timedelta(hours=hours))


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance of two points given as latitude and longitude in degrees."""
    lat1, lat2 = math.radians(one[0]), math.radians(other[0])
    half = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(other[1] - one[1]) / 2) ** 2
    )
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def point_of(place: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Return latitude and longitude of a location as the API writes it; None when it has none."""
    if not place or place.get("lat_deg") is None or place.get("lon_deg") is None:
        return None
    return float(place["lat_deg"]), float(place["lon_deg"])
