"""What a plan does to a decision: each reason of it names its clause, and it only ever adds caution."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.domain.call import ReturnReason, sent_back_at_once
from services.intake.domain.plan_clauses import NEVER_HERE, WANTS_REVIEW, apply_plan
from services.intake.domain.triage.decide import clearance_of, decide, disqualifiers
from services.intake.domain.triage.model import Clearance, Decision, Disposition, Evidence, Verdict
from services.intake.plan_model import parse_plan
from tests.unit.intake.evidence import ALL_DENIED, PROTOCOL, evidence, said

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
CALL = evidence(said(answers={**ALL_DENIED, "relationship": "neighbor"}))
HERE = {"lat_deg": 34.0443, "lon_deg": -118.2106}


def under(
    body: dict[str, Any], call: Evidence = CALL, location: Any = HERE, cleared: Any = ()
) -> tuple[Decision, list[str]]:
    plan = parse_plan("boyle-heights", 7, body)
    decision = decide(call, PROTOCOL, plan.rules_at(NOON), cleared)
    after, clauses = apply_plan(decision, plan, call, location, cleared)
    return after, [clause.pointer for clause in clauses]


def test_a_plan_with_nothing_to_say_changes_nothing() -> None:
    plain, clauses = under({})
    assert (plain.verdict, clauses) == (Verdict.SAFE, [])


@pytest.mark.parametrize(
    ("body", "pointer", "why"),
    [
        ({"exclude": {"call_types": ["415n"]}}, "/exclude/call_types", "plan_excludes"),
        ({"exclude": {"relationships": ["Neighbor"]}}, "/exclude/relationships", "plan_excludes"),
        ({"disciplines": {"mediator": []}}, "/disciplines/mediator", "plan_excludes"),
        ({"hours": {"mediator": []}}, "/hours/mediator", "outside_hours"),
    ],
)
def test_what_the_plan_sends_back_names_its_clause(body: dict[str, Any], pointer: str, why: str) -> None:
    decision, clauses = under(body)
    assert clauses == [pointer]
    assert f"Plan clause {pointer}:" in decision.reasons[0].explanation
    assert (decision.verdict, sent_back_at_once(decision)) == (Verdict.REVIEW, ReturnReason(why))
    assert decision.plan_version == 7


def test_a_reason_of_the_protocol_can_be_one_that_nobody_clears_here() -> None:
    call = evidence(said(answers={**ALL_DENIED, "weapons": "unknown"}))
    decision, clauses = under({"exclude": {"reasons": ["missing_info"]}}, call)
    assert (clauses, sent_back_at_once(decision)) == (["/exclude/reasons"], ReturnReason.PLAN_EXCLUDES)


def test_the_call_center_is_told_what_happens_outside_the_hours() -> None:
    body = {"hours": {"mediator": []}, "outside_hours": {"mediator": {"tell": "Offer the hotline 213-555-0150"}}}
    assert "Offer the hotline" in under(body)[0].reasons[0].explanation


@pytest.mark.parametrize(
    ("place", "location", "met"),
    [
        ({"lat_deg": 34.0443, "lon_deg": -118.2106, "radius_m": 20}, HERE, True),
        ({"lat_deg": 34.0453, "lon_deg": -118.2106, "radius_m": 20}, HERE, False),
        ({"lat_deg": 34.0453, "lon_deg": -118.2106, "radius_m": 20}, {**HERE, "accuracy_m": 100}, True),
        ({"address": "1st St"}, {"address": "200 E. 1ST ST., unit 4"}, True),
        ({"address": "1st St"}, {"address": "201st Street"}, False),
        ({"address": "1st St"}, HERE, False),
        ({"address": "1st St"}, None, False),
    ],
)
def test_no_team_goes_where_the_plan_never_sends_one(place: dict[str, Any], location: Any, met: bool) -> None:
    decision, clauses = under({"places": {"never": [{"name": "Yard", **place}]}}, location=location)
    assert (decision.verdict is Verdict.SAFE) is not met
    assert clauses == (["/places/never/0"] if met else [])
    if met:
        assert decision.reasons[0].rule == NEVER_HERE
        assert sent_back_at_once(decision) is ReturnReason.PLAN_EXCLUDES
        assert disqualifiers(decision)
        assert decision.disposition is Disposition.POLICE


def test_what_a_person_must_see_first_waits_and_can_be_cleared() -> None:
    body = {"review": {"relationships": ["neighbor"]}}
    waits, clauses = under(body)
    assert (waits.verdict, waits.disposition, clauses) == (
        Verdict.REVIEW,
        Disposition.REVIEW,
        ["/review/relationships"],
    )
    assert waits.reasons[0].rule == WANTS_REVIEW
    assert not disqualifiers(waits)
    cleared, _ = under(body, cleared=[clearance_of(waits, "reviewer")])
    assert cleared.verdict is Verdict.SAFE
    other, _ = under(body, cleared=[Clearance(frozenset(), "reviewer")])
    assert other.verdict is Verdict.REVIEW


def test_what_is_unsafe_stays_unsafe_and_only_gains_a_reason() -> None:
    call = evidence(said(answers={**ALL_DENIED, "weapons": "yes"}))
    decision, _ = under({"review": {"call_types": ["415N"]}}, call)
    assert decision.verdict is Verdict.UNSAFE
    assert WANTS_REVIEW in {reason.rule for reason in decision.reasons}
    assert decision.reasons[0].rule != WANTS_REVIEW


def test_what_linked_calls_say_is_not_what_this_call_is_about() -> None:
    call = evidence(
        said(), said(linked=True, source="linked:1", call_type_code="507P", answers={"relationship": "family"})
    )
    assert under({"exclude": {"call_types": ["507P"]}, "review": {"relationships": ["family"]}}, call)[1] == []
