"""No plan, however written, makes any report safe that the city's protocol does not, with or without a reviewer's clearance."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from services.intake.domain.plan import DAYS, Fault, Plan, PlanInvalid, PlanRules
from services.intake.domain.plan_clauses import apply_plan
from services.intake.domain.triage.decide import clearance_of, decide
from services.intake.domain.triage.model import Clearance, Decision, Discipline, Evidence, Verdict
from services.intake.plan_model import WIDENING, parse_plan, plan_body, read_body
from tests.property.intake.test_triage_properties import calls, civil_narratives
from tests.unit.intake.evidence import PROTOCOL, evidence, said

many = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
disciplines = st.sampled_from([d.value for d in Discipline])
clock = st.integers(0, 47).map(lambda half: f"{half // 2:02d}:{half % 2 * 30:02d}")
hours = st.fixed_dictionaries(
    {"opens": clock, "closes": clock}, optional={"days": st.lists(st.sampled_from(DAYS), min_size=1, unique=True)}
)
reasons = st.sampled_from([*PROTOCOL.rules, "missing_info", "weapon", "no such rule"])
matters = st.fixed_dictionaries(
    {},
    optional={
        "call_types": st.lists(st.sampled_from(["415N", "415", "245", "zz9"]), max_size=3),
        "relationships": st.lists(st.sampled_from(["neighbor", "family", "stranger"]), max_size=2),
        "reasons": st.lists(reasons, max_size=3),
    },
)
never = st.fixed_dictionaries(
    {"name": st.just("Yard"), "lat_deg": st.just(34.0443), "lon_deg": st.just(-118.2106)},
    optional={"radius_m": st.integers(1, 2000), "address": st.just("E 1st St")},
)


def without_contradictions(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with only such words about outside the hours as a plan may have: most drawn by chance are refused."""
    closed = body.get("hours", {})
    outside = {
        fit: {"served_by": [d for d in said["served_by"] if d != fit]}
        for fit, said in body.get("outside_hours", {}).items()
        if fit in closed
    }
    return {**body, "outside_hours": outside}


bodies: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "disciplines": st.dictionaries(disciplines, st.lists(disciplines, max_size=3), max_size=3),
        "hours": st.dictionaries(disciplines, st.lists(hours, max_size=1), max_size=3),
        "outside_hours": st.dictionaries(
            disciplines, st.fixed_dictionaries({"served_by": st.lists(disciplines, max_size=2)})
        ),
        "exclude": matters,
        "review": matters,
        "places": st.fixed_dictionaries({"never": st.lists(never, max_size=2)}),
        "assign_within_min": st.dictionaries(st.sampled_from(["1", "2", "3"]), st.integers(1, 10_000), max_size=3),
        "notes": st.lists(st.text(string.ascii_letters, min_size=1, max_size=20), max_size=2),
    },
).map(without_contradictions)
moments = st.integers(0, 7 * 24 * 60).map(
    lambda minutes: datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=minutes)
)
locations = st.sampled_from([
    None, {"lat_deg": 34.0443, "lon_deg": -118.2106}, {"address": "200 E. 1ST ST"}, {"neighborhood": "boyle-heights"},
])  # fmt: skip
reports = st.one_of(calls(), civil_narratives().map(lambda told: evidence(said(told))))
widening = st.sampled_from(sorted(WIDENING))


def read_or_refused(body: Any) -> tuple[Plan | None, tuple[Fault, ...]]:
    try:
        return parse_plan("boyle-heights", 3, body), ()
    except PlanInvalid as refused:
        return None, refused.faults


def under(plan: Plan, call: Evidence, at: datetime, location: Any, cleared: list[Clearance]) -> Decision:
    decision = decide(call, PROTOCOL, plan.rules_at(at), cleared)
    return apply_plan(decision, plan, call, location, cleared)[0]


@many
@given(bodies, reports, moments, locations)
def test_no_plan_makes_a_report_safe_that_the_protocol_does_not(
    body: dict[str, Any], call: Evidence, at: datetime, location: Any
) -> None:
    plan, faults = read_or_refused(body)
    assert plan is not None, faults
    city = decide(call, PROTOCOL, PlanRules())
    event(f"city {city.verdict}")
    here = under(plan, call, at, location, [])
    event(f"here {here.verdict}, stricter: {here.verdict.caution > city.verdict.caution}")
    assert here.verdict.caution >= city.verdict.caution
    cleared = [clearance_of(here, "reviewer")]
    after = under(plan, call, at, location, cleared)
    assert after.verdict.caution >= decide(call, PROTOCOL, PlanRules(), cleared).verdict.caution
    if after.verdict is Verdict.SAFE:
        assert plan.rules_at(at).disciplines_for(after.discipline)
    assert parse_plan("boyle-heights", 3, plan_body(read_body(body))) == plan


@settings(max_examples=60)
@given(bodies, widening, st.sampled_from(["", "exclude", "review", "places"]))
def test_a_plan_with_a_word_that_would_widen_is_refused_wherever_it_stands(
    body: dict[str, Any], word: str, where: str
) -> None:
    holder = {**body.get(where, {}), word: ["weapon"]} if where else ["weapon"]
    plan, faults = read_or_refused({**body, where or word: holder})
    assert plan is None
    assert any(fault.field.endswith(f"/{word}") and "would widen" in fault.problem for fault in faults)


@settings(max_examples=60)
@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.sampled_from(["hours", "exclude", "review", "places", "never", "goals", "mediator", "opens", "summary", "en", "x"]),
        inner, max_size=4)), max_leaves=12,
))  # fmt: skip
def test_whatever_is_sent_as_a_plan_is_read_or_refused_with_pointers(body: Any) -> None:
    plan, faults = read_or_refused(body)
    assert (plan is None) == bool(faults)
    assert all((fault.field == "" or fault.field.startswith("/")) and fault.problem for fault in faults)
