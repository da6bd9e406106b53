"""The public safety plan of a neighborhood, as a value. A plan can only make triage stricter.

It says which disciplines serve here and when, what is never sent to civilians here, how soon a team must be found,
whose teams may come, and what they should know. It has no word that could make a call safe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from services.intake.domain.triage.model import Discipline

DEFAULT_VERSION: Final = 0
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_ORDERS: Final[Mapping[Discipline, tuple[Discipline, ...]]] = MappingProxyType({d: (d,) for d in Discipline})
DEFAULT_ASSIGN_WITHIN: Final[Mapping[int, timedelta]] = MappingProxyType(
    {1: timedelta(minutes=20), 2: timedelta(minutes=60), 3: timedelta(minutes=1440)}
)


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
    """One version of one neighborhood's plan."""

    slug: str
    version: int = DEFAULT_VERSION
    orders: Mapping[Discipline, tuple[Discipline, ...]] = field(default_factory=lambda: DEFAULT_ORDERS)
    """By what triage says fits: who is offered the call, in this order. Left out or empty: nobody."""
    hours: Mapping[Discipline, tuple[Window, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """A discipline that is not named works round the clock; one with no window never works."""
    excluded_call_types: frozenset[str] = frozenset()
    excluded_relationships: frozenset[str] = frozenset()
    excluded_reasons: frozenset[str] = frozenset()
    languages_required: tuple[str, ...] = ()
    languages_preferred: tuple[str, ...] = ()
    assign_within: Mapping[int, timedelta] = field(default_factory=lambda: DEFAULT_ASSIGN_WITHIN)
    notes: tuple[str, ...] = ()
    """For the team's briefing."""
    catchment: tuple[str, ...] = ()
    """Neighborhoods whose teams may come; empty: this one's."""

    def rules_at(self, local_time: datetime) -> PlanRules:
        """Return the rules in force for a call that came in at `local_time` (the neighborhood's wall clock).

        Use the time at which the call came in for its later updates too: a call does not fall out of the opening
        hours while it is being served.
        """
        return PlanRules(
            version=self.version,
            orders=self.orders,
            open_now=frozenset(d for d in Discipline if self.is_open(d, local_time)),
            excluded_call_types=self.excluded_call_types,
            excluded_relationships=self.excluded_relationships,
            excluded_reasons=self.excluded_reasons,
        )

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


def default_plan(slug: str) -> Plan:
    """Return the plan of a neighborhood that has written none: every discipline, round the clock."""
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
