"""The public safety plan of a neighborhood, as a value. A plan can only make triage stricter.

It says which disciplines serve here and when, what is never sent to civilians here and what a person must see first, how soon a
team must be found, whose teams may come, and what they should know. It has no word that could make a call safe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from services.intake.domain.triage.model import Discipline

DEFAULT_VERSION: Final = 0
DEFAULT_SLUG: Final = "*"
"""Under this key the versions of the city's default plan are kept; no neighborhood can have it."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_ORDERS: Final[Mapping[Discipline, tuple[Discipline, ...]]] = MappingProxyType({d: (d,) for d in Discipline})
DEFAULT_ASSIGN_WITHIN: Final[Mapping[int, timedelta]] = MappingProxyType(
    {1: timedelta(minutes=20), 2: timedelta(minutes=60), 3: timedelta(minutes=1440)}
)
_DAY_MIN: Final = 24 * 60


class Window(NamedTuple):
    """Local opening hours on the days named. `closes` at or before `opens` is on the next day; equal is 24 hours."""

    days: frozenset[str]
    opens: time
    closes: time

    def contains(self, local: datetime) -> bool:
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        now = local.time()
        if self.opens < self.closes:
            return today in self.days and self.opens <= now < self.closes
        return (today in self.days and now >= self.opens) or (yesterday in self.days and now < self.closes)

    def minutes(self) -> frozenset[int]:
        """Return the minutes of the week that lie in these hours."""
        opens, closes = (t.hour * 60 + t.minute for t in (self.opens, self.closes))
        length = (closes - opens) % _DAY_MIN or _DAY_MIN
        starts = (DAYS.index(day) * _DAY_MIN + opens for day in self.days)
        return frozenset((start + minute) % (7 * _DAY_MIN) for start in starts for minute in range(length))


def overlap(one: Window, other: Window) -> bool:
    """Say whether some minute of the week lies in both."""
    return not one.minutes().isdisjoint(other.minutes())


@dataclass(frozen=True, slots=True)
class Matters:
    """Which calls a clause is about: any of these is enough."""

    call_types: frozenset[str] = frozenset()
    relationships: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    """Reason keys or rule ids of the protocol."""


class NeverPlace(NamedTuple):
    """A place to which no civilian team is sent: a circle, an address, or both."""

    name: str
    lat_deg: float | None = None
    lon_deg: float | None = None
    radius_m: float = 0.0
    address: str | None = None


class OutsideHours(NamedTuple):
    """What happens to a call when nobody who serves it here works: who takes over, and what the call center is told."""

    served_by: tuple[Discipline, ...] = ()
    tell: str | None = None


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What `decide` needs of a plan at the moment that the call came in."""

    version: int = DEFAULT_VERSION
    orders: Mapping[Discipline, tuple[Discipline, ...]] = field(default_factory=lambda: DEFAULT_ORDERS)
    open_now: frozenset[Discipline] = frozenset(Discipline)
    excluded_call_types: frozenset[str] = frozenset()
    excluded_relationships: frozenset[str] = frozenset()
    excluded_reasons: frozenset[str] = frozenset()
    """Reason keys or rule ids that no reviewer may clear here."""

    def order(self, fit: Discipline | None) -> tuple[Discipline, ...]:
        """Return who serves a call that fits `fit`, whatever the hour. Nothing known fits a mediator (policy, 5)."""
        return self.orders.get(fit or Discipline.MEDIATOR, ())

    def disciplines_for(self, fit: Discipline | None) -> tuple[Discipline, ...]:
        """Return who may be offered the call, best first: dispatch's `disciplines`."""
        return tuple(d for d in self.order(fit) if d in self.open_now)


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of one neighborhood's plan: the part of it that steers calls."""

    slug: str
    version: int = DEFAULT_VERSION
    orders: Mapping[Discipline, tuple[Discipline, ...]] = field(default_factory=lambda: DEFAULT_ORDERS)
    """By what triage says fits: who is offered the call, in this order. Left out or empty: nobody."""
    hours: Mapping[Discipline, tuple[Window, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """A discipline that is not named works round the clock; one with no window never works."""
    outside_hours: Mapping[Discipline, OutsideHours] = field(default_factory=lambda: MappingProxyType({}))
    exclude: Matters = Matters()
    """Never sent to civilians here: the call goes back at once."""
    review: Matters = Matters()
    """A person decides first, whatever the protocol says."""
    never_at: tuple[NeverPlace, ...] = ()
    quiet_hours: tuple[Window, ...] = ()
    languages_required: tuple[str, ...] = ()
    languages_preferred: tuple[str, ...] = ()
    assign_within: Mapping[int, timedelta] = field(default_factory=lambda: DEFAULT_ASSIGN_WITHIN)
    preferred_providers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """For the team's briefing, in the neighborhood's own words."""
    more_notes: tuple[str, ...] = ()
    """For the briefing, made of other clauses: where to meet, whom to bring in, where to refer people."""
    catchment: tuple[str, ...] = ()
    """Neighborhoods whose teams may come; empty: this one's."""
    review_by: date | None = None
    """When the plan itself is due to be looked at again; after that it is flagged and stays in force."""
    default_version: int | None = None
    """The version of the city's default plan, if this is it and not the neighborhood's own."""

    def rules_at(self, local_time: datetime) -> PlanRules:
        """Return the rules in force for a call that came in at `local_time` (the neighborhood's wall clock).

        Use the time at which the call came in for its later updates too: a call does not fall out of the opening
        hours while it is being served.
        """
        open_now = frozenset(d for d in Discipline if self.is_open(d, local_time))
        return PlanRules(
            version=self.version,
            orders={fit: self._order_at(fit, order, open_now) for fit, order in self.orders.items()},
            open_now=open_now,
            excluded_call_types=self.exclude.call_types,
            excluded_relationships=self.exclude.relationships,
            excluded_reasons=self.exclude.reasons,
        )

    def _order_at(
        self, fit: Discipline, order: tuple[Discipline, ...], open_now: frozenset[Discipline]
    ) -> tuple[Discipline, ...]:
        """Return who serves a call now: those who take over when nobody of the usual order works."""
        if not order or open_now.intersection(order) or fit not in self.outside_hours:
            return order
        return self.outside_hours[fit].served_by or order

    def is_open(self, discipline: Discipline, local_time: datetime) -> bool:
        windows = self.hours.get(discipline)
        return windows is None or any(window.contains(local_time) for window in windows)

    def served_from(self) -> tuple[str, ...]:
        """Return the slugs whose teams may serve a call here: dispatch's `catchment`."""
        return self.catchment or (self.slug,)

    def languages_for(self, caller_language: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the languages that a team must have and those it had better have."""
        spoken = () if caller_language is None else (caller_language,)
        required = tuple(dict.fromkeys((*self.languages_required, *spoken)))
        return required, tuple(tag for tag in self.languages_preferred if tag not in required)

    def notes_at(self, local_time: datetime) -> tuple[str, ...]:
        """Return what the briefing says of the plan for a call that came in at `local_time`."""
        quiet = next((window for window in self.quiet_hours if window.contains(local_time)), None)
        hush = (
            () if quiet is None else (f"Quiet hours until {quiet.closes:%H:%M}: no horn, no knocking on other doors.",)
        )
        return (*self.notes, *hush, *self.more_notes)

    def review_is_overdue(self, today: date) -> bool:
        """Say whether the day by which the plan was to be looked at again has passed. It stays in force."""
        return self.review_by is not None and self.review_by < today


def default_plan(slug: str) -> Plan:
    """Return what holds where not even the city has a default plan: every discipline, round the clock."""
    return Plan(slug=slug)


class Fault(NamedTuple):
    """One thing wrong with a plan: where, as a JSON pointer into the body, and why."""

    field: str
    problem: str


class PlanInvalid(ValueError):
    """A plan's body breaks its rules; `faults` names each field."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.problem}" for fault in faults))
        self.faults = faults
