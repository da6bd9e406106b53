"""A neighborhood's plan: it can only make triage stricter, and a fault in it names its field."""

from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest

from services.intake.domain.plan import DAYS, DEFAULT_ASSIGN_WITHIN, Plan, PlanInvalid, PlanRules, Window, default_plan
from services.intake.domain.plan_body import parse_plan, plan_body
from services.intake.domain.triage.model import Discipline

M, I, R = Discipline.MEDIATOR, Discipline.INTERRUPTER, Discipline.RESTORATIVE_JUSTICE  # noqa: E741
PACIFIC = timezone(timedelta(hours=-8))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a moment of November 2026; the 2nd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=PACIFIC)


DAY = Window(frozenset({"mon"}), time(8), time(17))
NIGHT = Window(frozenset({"fri"}), time(22), time(2))
ROUND = Window(frozenset({"sat"}), time(6), time(6))


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        (DAY, at(2, 7, 59), False),
        (DAY, at(2, 8), True),
        (DAY, at(2, 16, 59), True),
        (DAY, at(2, 17), False),
        (DAY, at(3, 9), False),
        (NIGHT, at(6, 21, 59), False),
        (NIGHT, at(6, 22), True),
        (NIGHT, at(7, 1, 59), True),  # Saturday morning belongs to Friday night
        (NIGHT, at(7, 2), False),
        (NIGHT, at(7, 22), False),
        (NIGHT, at(6, 1), False),
        (ROUND, at(7, 5, 59), False),
        (ROUND, at(7, 6), True),
        (ROUND, at(8, 5, 59), True),
        (ROUND, at(8, 6), False),
    ],
)
def test_a_window_of_hours_may_run_into_the_next_day(window: Window, moment: datetime, inside: bool) -> None:
    assert window.contains(moment) is inside


def test_sunday_night_runs_into_monday() -> None:
    window = Window(frozenset({"sun"}), time(22), time(3))
    assert window.contains(at(9, 1))
    assert not window.contains(at(8, 1))


def test_the_default_plan_serves_round_the_clock_with_the_fitting_discipline_alone() -> None:
    plan = default_plan("venice")
    for discipline in Discipline:
        assert plan.is_open(discipline, at(2, 3))
        assert plan.rules_at(at(2, 3)).disciplines_for(discipline) == (discipline,)
    assert plan.rules_at(at(2, 3)) == PlanRules()
    assert plan.assign_within == DEFAULT_ASSIGN_WITHIN
    assert plan.served_from() == ("venice",)
    assert plan.languages_for("es") == (("es",), ())


def test_nothing_known_fits_a_mediator() -> None:
    assert PlanRules().order(None) == (M,)
    assert PlanRules(orders={M: (I, M)}).disciplines_for(None) == (I, M)
    assert PlanRules(orders={}).disciplines_for(None) == ()


def test_a_discipline_without_hours_never_works_and_one_not_named_always_does() -> None:
    plan = Plan("venice", hours={M: (), I: (DAY,)})
    rules = plan.rules_at(at(2, 9))
    assert rules.open_now == {I, R}
    assert plan.rules_at(at(2, 18)).open_now == {R}
    assert rules.disciplines_for(M) == ()


def test_the_callers_language_is_required_and_then_no_longer_preferred() -> None:
    plan = Plan("venice", languages_required=("en",), languages_preferred=("es", "ko"))
    assert plan.languages_for("es") == (("en", "es"), ("ko",))
    assert plan.languages_for(None) == (("en",), ("es", "ko"))


BODY: dict[str, Any] = {
    "disciplines": {"mediator": ["mediator", "interrupter"], "interrupter": []},
    "hours": {"mediator": [{"days": ["mon", "tue"], "opens": "08:00", "closes": "22:00"}]},
    "exclude": {"call_types": ["507p"], "relationships": ["landlord_tenant"], "reasons": ["crowd_size"]},
    "languages": {"required": ["en"], "preferred": ["es"]},
    "assign_within_min": {"1": 15},
    "notes": ["Meet the block captain first."],
    "catchment": ["venice", "mar-vista"],
}


def test_a_body_is_read_and_written_back() -> None:
    plan = parse_plan("venice", 3, BODY)
    assert plan.orders[M] == (M, I)
    assert plan.orders[I] == ()
    assert plan.orders[R] == (R,)
    assert plan.hours[M][0].contains(at(2, 9))
    assert plan.excluded_call_types == {"507P"}
    assert plan.assign_within[1] == timedelta(minutes=15)
    assert plan.assign_within[2] == DEFAULT_ASSIGN_WITHIN[2]
    assert plan.served_from() == ("venice", "mar-vista")
    assert parse_plan("venice", 3, plan_body(plan)) == plan


def test_an_empty_body_is_the_default_plan() -> None:
    assert parse_plan("venice", 0, {}) == default_plan("venice")
    assert parse_plan("venice", 0, plan_body(default_plan("venice"))) == default_plan("venice")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": 1}, "/colour"),
        ({"disciplines": ["mediator"]}, "/disciplines"),
        ({"disciplines": {"police": []}}, "/disciplines/police"),
        ({"disciplines": {"mediator": ["police"]}}, "/disciplines/mediator/0"),
        ({"disciplines": {"mediator": "mediator"}}, "/disciplines/mediator"),
        ({"hours": {"mediator": [{"opens": "8", "closes": "22:00"}]}}, "/hours/mediator/0/opens"),
        ({"hours": {"mediator": [{"opens": "08:00"}]}}, "/hours/mediator/0/closes"),
        ({"hours": {"mediator": [{"opens": 8, "closes": "22:00"}]}}, "/hours/mediator/0/opens"),
        ({"hours": {"mediator": [{"opens": "08:00Z", "closes": "22:00"}]}}, "/hours/mediator/0/opens"),
        ({"hours": {"mediator": [{"opens": "08:00", "closes": "09:00", "till": 1}]}}, "/hours/mediator/0/till"),
        ({"hours": {"mediator": [{"days": ["monday"], "opens": "08:00", "closes": "09:00"}]}},
         "/hours/mediator/0/days/0"),
        ({"hours": {"mediator": [{"days": [], "opens": "08:00", "closes": "09:00"}]}}, "/hours/mediator/0/days"),
        ({"hours": {"mediator": ["always"]}}, "/hours/mediator/0"),
        ({"exclude": {"teams": []}}, "/exclude/teams"),
        ({"exclude": {"call_types": [415]}}, "/exclude/call_types/0"),
        ({"exclude": {"reasons": [""]}}, "/exclude/reasons/0"),
        ({"exclude": []}, "/exclude"),
        ({"languages": {"required": "es"}}, "/languages/required"),
        ({"assign_within_min": {"4": 10}}, "/assign_within_min/4"),
        ({"assign_within_min": {"1": 0}}, "/assign_within_min/1"),
        ({"assign_within_min": {"1": True}}, "/assign_within_min/1"),
        ({"assign_within_min": {"1": 1.5}}, "/assign_within_min/1"),
        ({"notes": ["x" * 3000]}, "/notes/0"),
        ({"notes": ["x"] * 300}, "/notes"),
        ({"catchment": [None]}, "/catchment/0"),
    ],
)  # fmt: skip
def test_a_fault_names_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(PlanInvalid) as refused:
        parse_plan("venice", 1, {**BODY, **change})
    assert field in [fault.field for fault in refused.value.faults]


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(PlanInvalid) as refused:
        parse_plan("venice", 1, {"colour": 1, "notes": [7], "exclude": {"teams": []}})
    assert [fault.field for fault in refused.value.faults] == ["/colour", "/exclude/teams", "/notes/0"]


def test_the_days_are_those_of_the_calendar() -> None:
    assert [DAYS[at(2 + n, 12).weekday()] for n in range(7)] == list(DAYS)
