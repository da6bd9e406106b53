"""What a reviewer and a plan may do to a decision, what a fault does, and how a decision is shown."""

from dataclasses import replace
from typing import Any

import pytest

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import (
    SYSTEM_FAULT,
    clearable,
    clearance_of,
    decide_safely,
    disqualifiers,
    fault,
)
from services.intake.domain.triage.model import (
    CORE_FOUR,
    Clearance,
    Cleared,
    Discipline,
    Disposition,
    Effect,
    Place,
    RecommendedResponse,
    Statement,
    Verdict,
)
from tests.unit.intake.evidence import (
    ALL_DENIED,
    PROTOCOL,
    QUARREL,
    RECITAL,
    decided,
    evidence,
    reasons,
    rules,
    said,
    without,
)

# --- reviewers


def test_a_clearance_settles_exactly_what_it_names() -> None:
    call = said(f"{QUARREL} Fourth call today. {RECITAL}")
    asked = decided(call)
    cleared = clearance_of(asked, "Kim")
    settled = decided(call, clearances=[cleared])
    assert settled.verdict is Verdict.SAFE
    assert settled.disposition is Disposition.CIVILIAN_WITH_CO_RESPONSE
    assert "repeat_calls" in rules(settled, Effect.NOTE)

    again = decided(call, Statement("update:1", "This is the sixth call."), clearances=[cleared])
    assert again.verdict is Verdict.REVIEW, "other words of the same rule were not cleared"


def test_a_clearance_names_rule_reason_and_words_as_they_read() -> None:
    call = said(f"{QUARREL} They had a few BEERS. {RECITAL}")
    same_words = Clearance(frozenset({Cleared("intox", "intox_calm", "they had a few beers")}))
    other_words = Clearance(frozenset({Cleared("intox", "intox_calm", "tequila")}))
    other_reason = Clearance(frozenset({Cleared("intox", "fear", "they had a few beers")}))
    assert "intox" in rules(decided(call, clearances=[same_words]), Effect.NOTE)
    for clearance in (other_words, other_reason):
        assert "intox" in rules(decided(call, clearances=[clearance]), Effect.REVIEW)


@pytest.mark.parametrize("fact", CORE_FOUR)
def test_a_missing_fact_may_be_cleared(fact: str) -> None:
    call = said(answers=without(fact))
    assert decided(call, clearances=[clearance_of(decided(call), "Kim")]).verdict is Verdict.SAFE


def test_a_clearance_never_clears_a_hazard_nor_what_the_plan_forbids() -> None:
    call = said(f"{QUARREL} He has a knife.")
    named = Clearance(frozenset(Cleared(r.rule, r.reason, "knife") for r in decided(call).reasons))
    assert decided(call, clearances=[named, clearance_of(decided(call), "Kim")]).verdict is Verdict.UNSAFE

    outside = decided(said(), place=Place.outside())
    everything = Clearance(frozenset(Cleared(r.rule, r.reason, None) for r in outside.reasons))
    assert decided(said(), place=Place.outside(), clearances=[everything]).verdict is Verdict.REVIEW


def test_worse_news_after_a_clearance_counts() -> None:
    call = said(f"{QUARREL} Fourth call today. {RECITAL}")
    cleared = clearance_of(decided(call), "Kim")
    assert decided(call, Statement("update:1", "He has a gun."), clearances=[cleared]).verdict is Verdict.UNSAFE


def test_co_response_is_reviewed_until_a_reviewer_clears_it() -> None:
    decision = decided(said(f"{QUARREL} Fourth call today. {RECITAL}"))
    assert decision.verdict is Verdict.REVIEW
    assert decision.disposition is Disposition.CIVILIAN_WITH_CO_RESPONSE
    mixed = decided(said(f"{QUARREL} They had a few beers. RP is scared. {RECITAL}"))
    assert mixed.disposition is Disposition.REVIEW


# --- plans


def test_a_plan_may_exclude_by_code_relationship_and_reason() -> None:
    call = said(answers={**ALL_DENIED, "relationship": "landlord_tenant"}, call_type_code="415N")
    excluding = (
        PlanRules(excluded_call_types=frozenset({"415N"})),
        PlanRules(excluded_relationships=frozenset({"landlord_tenant"})),
        PlanRules(orders={}),
        PlanRules(orders={Discipline.MEDIATOR: ()}),
    )
    assert decided(call).verdict is Verdict.SAFE
    for plan in excluding:
        decision = decided(call, plan=plan)
        assert decision.verdict is Verdict.REVIEW
        assert reasons(decision, Effect.RETURN) == {"plan_excludes"}
    closed = decided(call, plan=PlanRules(open_now=frozenset({Discipline.INTERRUPTER})))
    assert reasons(closed, Effect.RETURN) == {"outside_hours"}


@pytest.mark.parametrize("name", ["intox_calm", "intox"])
def test_a_reason_that_a_plan_excludes_cannot_be_cleared(name: str) -> None:
    call = said(f"{QUARREL} They had a few beers. {RECITAL}")
    plan = PlanRules(excluded_reasons=frozenset({name}))
    decision = decided(call, plan=plan, clearances=[clearance_of(decided(call), "Kim")])
    assert decision.verdict is Verdict.REVIEW
    assert disqualifiers(decision)


# --- faults


@pytest.mark.parametrize("broken", [{"owners": ()}, {"rules": {}}, {"limits": None}, {"lexicon": None}])
def test_a_broken_protocol_is_a_system_fault_and_reviewed(broken: dict[str, Any]) -> None:
    decision = decide_safely(evidence(said()), replace(PROTOCOL, **broken), PlanRules(version=7))
    assert decision.verdict is Verdict.REVIEW
    assert [reason.reason for reason in decision.reasons] == [SYSTEM_FAULT]
    assert decision.recommended_response is RecommendedResponse.POLICE
    assert decision.missing == CORE_FOUR
    assert (decision.protocol_version, decision.plan_version) == (PROTOCOL.version, 7)


def test_nobody_may_send_civilians_on_a_fault() -> None:
    assert disqualifiers(fault("v", 1))
    assert clearable(fault("v", 1)) == ()
    assert clearance_of(fault("v", 1), "Kim").cleared == frozenset()


def test_decide_safely_is_decide_when_nothing_is_wrong() -> None:
    assert decide_safely(evidence(said()), PROTOCOL, PlanRules()) == decided(said())


# --- reasons


def test_the_deciding_reason_stands_first_with_its_words() -> None:
    decision = decided(said(f"{QUARREL} RP is scared. He has a knife."))
    first = decision.reasons[0]
    assert (first.rule, first.quote, first.source) == ("weapon", "knife", "narrative")
    assert first.start is not None
    assert first.explanation


def test_no_more_reasons_are_shown_than_a_person_can_use() -> None:
    text = " ".join(f"knife{'s' * 0} gun{n} pistol{n}" for n in range(500))
    decision = decided(said(text))
    assert decision.verdict is Verdict.UNSAFE
    assert len(decision.reasons) == 100


@pytest.mark.parametrize(
    ("narrative", "answers", "priority"),
    [
        ("Neighbors yelling about parking.", {}, 1),
        ("Neighbors were yelling about parking, both calm now.", {}, 2),
        ("Neighbors arguing about parking.", {"suspect_on_scene": "no"}, 2),
        ("A kid tagged the fence last week, admitted it.", {}, 3),
    ],
)
def test_priority_says_how_soon(narrative: str, answers: dict[str, str], priority: int) -> None:
    assert decided(said(narrative, answers={**ALL_DENIED, **answers})).priority == priority
