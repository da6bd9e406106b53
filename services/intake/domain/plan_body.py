"""A plan's body, as a supervisor writes it, to a `Plan` and back; every fault names its field."""

from collections.abc import Callable, Iterable, Mapping
from datetime import time, timedelta
from types import MappingProxyType
from typing import Any, Final

from services.intake.domain.plan import (
    DAYS,
    DEFAULT_ASSIGN_WITHIN,
    DEFAULT_ORDERS,
    Fault,
    Plan,
    PlanInvalid,
    Window,
)
from services.intake.domain.triage.model import Discipline

KNOWN_FIELDS: Final = (
    "disciplines",
    "hours",
    "exclude",
    "languages",
    "assign_within_min",
    "notes",
    "catchment",
)
_MAX_ITEMS: Final = 200
_MAX_TEXT: Final = 2000
_LONGEST_ASSIGN_MIN: Final = 7 * 24 * 60


def parse_plan(slug: str, version: int, body: Mapping[str, Any]) -> Plan:
    """Return the plan that `body` states; what it leaves out is as in the default plan. Raises `PlanInvalid`.

    A body: `{"disciplines": {"mediator": ["mediator", "interrupter"]}, "hours": {"mediator": [{"days": ["mon"],
    "opens": "08:00", "closes": "22:00"}]}, "exclude": {"call_types": [], "relationships": [], "reasons": []},
    "languages": {"required": [], "preferred": ["es"]}, "assign_within_min": {"1": 20}, "notes": [], "catchment": []}`.
    """
    reader = _Reader()
    for name in body:
        if name not in KNOWN_FIELDS:
            reader.fault(f"/{name}", "is not a field of a plan")
    exclude = reader.section(body, "exclude", ("call_types", "relationships", "reasons"))
    languages = reader.section(body, "languages", ("required", "preferred"))
    plan = Plan(
        slug=slug,
        version=version,
        orders=reader.orders(body.get("disciplines")),
        hours=reader.hours(body.get("hours")),
        excluded_call_types=frozenset(
            code.upper() for code in reader.words("/exclude/call_types", exclude.get("call_types"))
        ),
        excluded_relationships=frozenset(reader.words("/exclude/relationships", exclude.get("relationships"))),
        excluded_reasons=frozenset(reader.words("/exclude/reasons", exclude.get("reasons"))),
        languages_required=reader.words("/languages/required", languages.get("required")),
        languages_preferred=reader.words("/languages/preferred", languages.get("preferred")),
        assign_within=reader.assign_within(body.get("assign_within_min")),
        notes=reader.words("/notes", body.get("notes")),
        catchment=reader.words("/catchment", body.get("catchment")),
    )
    if reader.faults:
        raise PlanInvalid(tuple(reader.faults))
    return plan


def plan_body(plan: Plan) -> dict[str, Any]:
    """Return the body that `parse_plan` reads back to `plan`, with every field written out."""
    return {
        "disciplines": {d.value: [o.value for o in plan.orders.get(d, ())] for d in Discipline},
        "hours": {d.value: [_window_body(w) for w in windows] for d, windows in sorted(plan.hours.items())},
        "exclude": {
            "call_types": sorted(plan.excluded_call_types),
            "relationships": sorted(plan.excluded_relationships),
            "reasons": sorted(plan.excluded_reasons),
        },
        "languages": {"required": list(plan.languages_required), "preferred": list(plan.languages_preferred)},
        "assign_within_min": {
            str(priority): int(within.total_seconds()) // 60 for priority, within in sorted(plan.assign_within.items())
        },
        "notes": list(plan.notes),
        "catchment": list(plan.catchment),
    }


def _window_body(window: Window) -> dict[str, Any]:
    return {
        "days": [day for day in DAYS if day in window.days],
        "opens": window.opens.isoformat("minutes"),
        "closes": window.closes.isoformat("minutes"),
    }


class _Reader:
    """Reads one body and gathers its faults, so that a supervisor sees all of them at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, field: str, problem: str) -> None:
        self.faults.append(Fault(field, problem))

    def mapping(self, field: str, value: object) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.fault(field, "must be an object")
            return {}
        return value

    def section(self, body: Mapping[str, Any], name: str, keys: Iterable[str]) -> Mapping[str, Any]:
        section = self.mapping(f"/{name}", body.get(name))
        for key in section:
            if key not in keys:
                self.fault(f"/{name}/{key}", "is not a field of a plan")
        return section

    def items(self, field: str, value: object) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.fault(field, "must be a list")
            return []
        if len(value) > _MAX_ITEMS:
            self.fault(field, f"has more than {_MAX_ITEMS} items")
        return list(value[:_MAX_ITEMS])

    def words(self, field: str, value: object) -> tuple[str, ...]:
        found: list[str] = []
        for index, item in enumerate(self.items(field, value)):
            if not isinstance(item, str) or not item.strip() or len(item) > _MAX_TEXT:
                self.fault(f"{field}/{index}", f"must be text of 1 to {_MAX_TEXT} characters")
            else:
                found.append(item.strip())
        return tuple(dict.fromkeys(found))

    def discipline(self, field: str, value: object) -> Discipline | None:
        try:
            return Discipline(value)  # type: ignore[arg-type]  # any value may be asked for; most are refused
        except ValueError:
            self.fault(field, f"must be one of {', '.join(Discipline)}")
            return None

    def by_discipline(self, field: str, value: object, read: Callable[[str, Any], Any]) -> dict[Discipline, Any]:
        found = {}
        for key, item in self.mapping(field, value).items():
            if (discipline := self.discipline(f"{field}/{key}", key)) is not None:
                found[discipline] = read(f"{field}/{key}", item)
        return found

    def orders(self, value: object) -> Mapping[Discipline, tuple[Discipline, ...]]:
        def order(field: str, items: object) -> tuple[Discipline, ...]:
            read = (self.discipline(f"{field}/{i}", item) for i, item in enumerate(self.items(field, items)))
            return tuple(dict.fromkeys(discipline for discipline in read if discipline is not None))

        return MappingProxyType({**DEFAULT_ORDERS, **self.by_discipline("/disciplines", value, order)})

    def hours(self, value: object) -> Mapping[Discipline, tuple[Window, ...]]:
        def windows(field: str, items: object) -> tuple[Window, ...]:
            read = (self.window(f"{field}/{i}", item) for i, item in enumerate(self.items(field, items)))
            return tuple(window for window in read if window is not None)

        return MappingProxyType(self.by_discipline("/hours", value, windows))

    def window(self, field: str, value: object) -> Window | None:
        body = self.mapping(field, value)
        for key in body:
            if key not in ("days", "opens", "closes"):
                self.fault(f"{field}/{key}", "is not a field of opening hours")
        days = self.words(f"{field}/days", body.get("days", list(DAYS)))
        if not days:
            self.fault(f"{field}/days", "must name a day")
        for index, day in enumerate(days):
            if day not in DAYS:
                self.fault(f"{field}/days/{index}", f"must be one of {', '.join(DAYS)}")
        opens, closes = (self.clock_time(f"{field}/{key}", body.get(key)) for key in ("opens", "closes"))
        return None if opens is None or closes is None else Window(frozenset(days), opens, closes)

    def clock_time(self, field: str, value: object) -> time | None:
        try:
            read = time.fromisoformat(value)  # type: ignore[arg-type]  # anything but text is a TypeError
        except (TypeError, ValueError):
            read = None
        if read is None or read.tzinfo is not None:
            self.fault(field, "must be a local time such as 08:00")
            return None
        return read

    def assign_within(self, value: object) -> Mapping[int, timedelta]:
        found = dict(DEFAULT_ASSIGN_WITHIN)
        for key, minutes in self.mapping("/assign_within_min", value).items():
            field = f"/assign_within_min/{key}"
            if key not in ("1", "2", "3"):
                self.fault(field, "is not a priority: 1, 2 or 3")
            elif isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= _LONGEST_ASSIGN_MIN:
                self.fault(field, f"must be whole minutes from 1 to {_LONGEST_ASSIGN_MIN}")
            else:
                found[int(key)] = timedelta(minutes=minutes)
        return MappingProxyType(found)
