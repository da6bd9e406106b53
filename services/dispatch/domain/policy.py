"""The constants of matching: every price, limit and guard of the rule. docs/matching.md says what each was measured to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

SLOWEST_HOUR: Final = 29.0
"""km/h. Los Angeles at 4 pm; free flow at night is 55."""


class OnScene(NamedTuple):
    """How long teams stay with people: a lognormal law, by its mean and its spread (standard deviation over mean)."""

    mean: timedelta
    spread: float = 0.5


def _fixed(**values: Any) -> Any:
    return field(default_factory=lambda: MappingProxyType(values))


@dataclass(frozen=True, slots=True)
class Policy:
    """The constants of the rule. Times in the cost are added up in whole seconds."""

    weights: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({1: 3, 2: 1, 3: 1}))
    """What a minute of a call's waiting costs, by priority."""
    drive_price: float = 1.0
    """What a minute of driving costs beside the waiting it causes: a team on the road is a team for nobody."""
    urgent_bonus: timedelta = timedelta(minutes=40)
    """How much sooner a priority-1 call is served when there are more calls than teams."""
    deadline_bonus: timedelta = timedelta(minutes=120)
    """How much sooner a call is served that is about to be returned: nothing in the first half of its time to be assigned, then more
    and more."""
    first_share: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({1: 0.25}))
    """A call that has used up so much of its time to be assigned goes before every call that does not, by priority: at priority 1 from
    when a supervisor is alerted that it waits."""
    first_bonus: timedelta = timedelta(days=7)
    """What that takes off its cost: more than any two calls differ by otherwise."""
    later_choice: timedelta = timedelta(minutes=15)
    """For each discipline that the plan would rather send than the one that goes."""
    language_missing: timedelta = timedelta(minutes=5)
    away_from_home: timedelta = timedelta(minutes=3)
    """The team serves the neighborhood, but it is not its home."""
    known_there: timedelta = timedelta(minutes=3)
    """Taken off for a team that has cleared a call at this address before."""
    spare_ability: timedelta = timedelta(minutes=5)
    """For each discipline of a team that the call does not ask for, and for a language beyond those of every team that it does not
    need: sent here, they are missing where they are needed."""
    other_provider: timedelta = timedelta(minutes=5)
    """The neighborhood's plan asks other providers first."""
    equity: Mapping[str, float] = _fixed()
    """Published weights of neighborhoods that wait longer than the city, 1 to 1.5; `equity_weight` is the formula."""

    hold_longest: Mapping[int, timedelta] = field(
        default_factory=lambda: MappingProxyType(
            {
                1: timedelta(minutes=60),
                2: timedelta(minutes=180),
                3: timedelta(minutes=180),
            }
        )
    )
    """A call that has waited so long is not kept for a busy team any more, while a free one can go."""
    hold_share: float = 0.8
    """Nor is one that has used up so much of its time to be assigned."""
    hold_saves: timedelta | None = timedelta(minutes=5)
    """A priority-1 call is kept for a busy team only if that brings somebody so much sooner than the best free team; None: whenever
    that costs less."""
    divert_saves: timedelta | None = timedelta(minutes=10)
    """A team is taken off a call that it drives to only if it is at one of priority 1 so much sooner than anybody else; None: never."""
    divert_left: timedelta = timedelta(minutes=5)
    """A team that should arrive sooner than in so much is left alone."""
    divert_price: timedelta = timedelta(minutes=5)
    """What it counts for that a crew turns around and a caller is told to wait again."""
    divert_needs: timedelta = timedelta(minutes=3)
    """A crew needs so much to read it, to say that it is free and to accept: nobody is taken off for a call that is returned sooner."""
    on_scene: Mapping[str, OnScene] = _fixed(
        mediator=OnScene(timedelta(minutes=30)),
        interrupter=OnScene(timedelta(minutes=30)),
        restorative_justice=OnScene(timedelta(minutes=60)),
    )

    turn_out: timedelta = timedelta(minutes=2)
    speeds_kmh: tuple[float, ...] = (
        *[55.0] * 6,
        45.0,
        *[30.0] * 3,
        *[38.0] * 5,
        *[SLOWEST_HOUR] * 4,
        36.0,
        *[45.0] * 4,
    )
    """By hour of the local day: Los Angeles, no lights and sirens."""
    timezone: str = "America/Los_Angeles"
    detour: float = 1.25
    """Streets are this much longer than the great circle, on long trips;"""
    detour_near: float = 0.20
    """and this much longer again on the shortest ones."""
    detour_reach_m: float = 3_000.0
    travel_factor: float = 1.0
    """The median of actual over estimated drives; 1 until enough trips are known."""
    unknown_drive: timedelta = timedelta(hours=2)
    """What a drive counts for whose start or end is not known."""
    position_age: timedelta = timedelta(minutes=10)
    """An older position is not used; the base is, and the explanation says so."""
    farthest_m: float = 500_000.0
    """A position farther from the base is an error of the receiver."""
    explained: int = 4
    """How many ranked teams are kept with a choice: the chosen one and the next three."""

    def stay(self, discipline: str | None) -> OnScene:
        """Return how long a team of this discipline is expected to stay."""
        return self.on_scene.get(discipline or "", _UNKNOWN_STAY)


_UNKNOWN_STAY: Final = OnScene(timedelta(minutes=30))
LARGEST_EQUITY: Final = 1.5


def equity_weight(area_p90: timedelta, city_p90: timedelta, *, strength: float = 0.5) -> float:
    """Return the weight of a neighborhood whose slow responses (90th percentile) are slower than the city's, 1 to 1.5."""
    excess = max(0.0, area_p90 / city_p90 - 1)
    return min(LARGEST_EQUITY, 1 + strength * excess)
