"""A neighborhood's plan: it can only make triage stricter, and a fault in it names its field."""

from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest

from services.intake.domain.plan import DAYS, DEFAULT_ASSIGN_WITHIN, Plan, PlanInvalid, PlanRules, Window, default_plan
from services.intake.domain.triage.model import Discipline
from services.intake.plan_model import PlanBody, parse_plan, plan_body, read_body

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
    assert plan.exclude.call_types == {"507P"}
    assert plan.assign_within[1] == timedelta(minutes=15)
    assert plan.assign_within[2] == DEFAULT_ASSIGN_WITHIN[2]
    assert plan.served_from() == ("venice", "mar-vista")
    assert parse_plan("venice", 3, plan_body(read_body(BODY))) == plan


def test_an_empty_body_is_the_default_plan() -> None:
    assert parse_plan("venice", 0, {}) == default_plan("venice")
    assert parse_plan("venice", 0, plan_body(PlanBody())) == default_plan("venice")


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


MORNING = {"days": ["mon", "tue"], "opens": "08:00", "closes": "12:00"}


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"allow": {"call_types": ["242"]}}, "/allow", "may only be stricter"),
        ({"exclude": {"waive": ["weapons"]}}, "/exclude/waive", "may only be stricter"),
        ({"hours": {"mediator": [MORNING, {"days": ["tue"], "opens": "11:00", "closes": "13:00"}]}},
         "/hours/mediator/1", "overlaps with /hours/mediator/0"),
        ({"hours": {"mediator": [{"days": ["sun"], "opens": "22:00", "closes": "09:00"}, MORNING]}},
         "/hours/mediator/1", "overlaps"),
        ({"quiet_hours": [MORNING, MORNING]}, "/quiet_hours/1", "overlaps"),
        ({"outside_hours": {"mediator": {"served_by": ["interrupter"]}}}, "/outside_hours/mediator", "no hours"),
        ({"hours": {"mediator": [MORNING]}, "outside_hours": {"mediator": {"served_by": ["mediator"]}}},
         "/outside_hours/mediator/served_by", "closed"),
        ({"places": {"never": [{"name": "Yard"}]}}, "/places/never/0", "address"),
        ({"places": {"never": [{"name": "Yard", "lat_deg": 34.0}]}}, "/places/never/0", "together"),
        ({"goals": [{"text": "x", "measure": "share_served", "target": 90, "review_by": "2027-01-01"}]},
         "/goals/0/target", "share"),
        ({"summary": {"en": "only English"}}, "/summary/es", "required"),
        ([], "", "PlanBody"),
    ],
)  # fmt: skip
def test_a_plan_that_widens_or_contradicts_itself_is_refused_with_the_clause(body: Any, field: str, says: str) -> None:
    with pytest.raises(PlanInvalid) as refused:
        read_body(body)
    assert says in {fault.field: fault.problem for fault in refused.value.faults}[field]


def test_hours_that_only_touch_do_not_overlap() -> None:
    after = {"days": ["mon"], "opens": "12:00", "closes": "08:00"}
    assert read_body({"hours": {"mediator": [{**MORNING, "days": ["mon"]}, after]}})


def test_outside_the_hours_somebody_else_takes_over_and_inside_them_nobody_does() -> None:
    body = {"hours": {"mediator": [MORNING]}, "outside_hours": {"mediator": {"served_by": ["interrupter"]}}}
    plan = parse_plan("venice", 1, body)
    assert plan.rules_at(at(2, 9)).disciplines_for(M) == (M,)
    assert plan.rules_at(at(2, 13)).disciplines_for(M) == (I,)
    closed = parse_plan("venice", 1, {**body, "hours": {"mediator": [MORNING], "interrupter": []}})
    assert closed.rules_at(at(2, 13)).disciplines_for(M) == ()


def test_the_briefing_has_the_places_the_partners_and_in_quiet_hours_the_quiet() -> None:
    plan = parse_plan("venice", 1, {
        "notes": ["Ring twice."],
        "quiet_hours": [{"opens": "22:00", "closes": "07:00"}],
        "places": {"meet": [{"name": "Library", "address": "1 A St"}], "never": [{"name": "Yard", "address": "9 B St"}]},
        "partners": [{"name": "Circle", "contact": "213-555-0101", "bring_in": {"en": "for elders", "es": "mayores"}}],
        "referrals": [{"name": "211", "for": "housing", "contact": "211"}],
    })  # fmt: skip
    by_day = plan.notes_at(at(2, 12))
    assert by_day == (
        "Ring twice.", "Meet at Library, 1 A St", "Never go to Yard, 9 B St",
        "Bring in Circle (213-555-0101): for elders", "Refer for housing: 211 (211)",
    )  # fmt: skip
    assert "Quiet hours until 07:00" in plan.notes_at(at(2, 23))[1]


def test_a_review_date_that_has_passed_is_flagged_and_the_plan_stays() -> None:
    plan = parse_plan("venice", 1, {"review_by": "2026-11-01"})
    assert plan.review_is_overdue(at(2, 1).date())
    assert not plan.review_is_overdue(datetime(2026, 11, 1, tzinfo=PACIFIC).date())
    assert plan.rules_at(at(2, 1)).disciplines_for(M) == (M,)
