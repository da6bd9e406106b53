"""What no wording may break: more danger never makes a call safer, unknown is never no, a plan only makes stricter."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import clearance_of, decide, decide_safely
from services.intake.domain.triage.model import (
    CORE_FOUR,
    FACT_KEYS,
    Clearance,
    Cleared,
    Discipline,
    Evidence,
    Place,
    Statement,
    Verdict,
)
from services.intake.domain.triage.reader import read
from services.intake.domain.triage.text import fold, tokenize
from tests.unit.intake.evidence import ALL_DENIED, HOME, PROTOCOL, QUARREL, QUARREL_ES, RECITAL, decided, said
from tests.unit.intake.test_triage_hazards import HAZARDS, REVIEWS

few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
"""One example reads a whole call; forty of them find what this file is about."""

HARMLESS: Final = [
    QUARREL,
    QUARREL_ES,
    "RP wants someone to talk with them.",
    "Both calm now.",
    "The music is loud every night.",
    "Cada quien ya está en su casa.",
    "They argue over the rent.",
]
DENIALS: Final = [
    RECITAL,
    "No weapons.",
    "NWS.",
    "Nobody hurt.",
    "No threats.",
    "Verbal only.",
    "Sin armas, sin golpes, sin amenazas, sin heridos.",
    "Nadie lastimado.",
]
DANGERS: Final = [told for told, _, _ in HAZARDS]
TO_WEIGH: Final = [told for told, _ in REVIEWS]

any_text = st.text(max_size=200)
DENYING: Final = (
    "no",
    "not",
    "never",
    "without",
    "sin",
    "ni",
    "nadie",
    "weapons",
    "threats",
    "hurt",
    "armas",
    "golpes",
)
GOVERNING: Final = ("s1", "says", "dice", "but", "except", ",", ".", "/", "a")
words = st.lists(st.sampled_from([*DENYING, *GOVERNING]), max_size=25).map(" ".join)
facts = st.sampled_from(["yes", "no", "unknown"])
some_answers = st.dictionaries(st.sampled_from(FACT_KEYS), facts, max_size=8)
sentences = st.lists(st.sampled_from([*HARMLESS, *DENIALS, *DANGERS, *TO_WEIGH]), max_size=6).map(" ".join)
places = st.sampled_from([HOME, Place.unknown(), Place.outside()])


@st.composite
def statements(draw: st.DrawFn, *, linked: bool = False) -> Statement:
    return Statement(
        source=draw(st.sampled_from(["report", "update:1"])) if not linked else "linked:1",
        narrative=draw(st.one_of(sentences, any_text, words)),
        call_type_code=draw(st.sampled_from([None, "415N", "415", "594", "245", "620D", "ZZ9"])),
        call_type_text=draw(st.sampled_from(["", "NEIGHBOR DISPUTE", "415 SUSP NOW", "NO TEXT"])),
        language=draw(st.sampled_from([None, "en", "es", "ko"])),
        answers=draw(some_answers),
        extra_text=draw(st.sampled_from(["", "a note", "he has a gun", "no weapons"])),
        truncated=draw(st.sampled_from([False, False, True])),
        linked=linked,
    )


@st.composite
def calls(draw: st.DrawFn) -> Evidence:
    told = [draw(statements()), *draw(st.lists(statements(), max_size=2))]
    told += draw(st.lists(statements(linked=True), max_size=1))
    return Evidence(tuple(told), draw(places), draw(st.booleans()), draw(st.booleans()))


@st.composite
def civil_narratives(draw: st.DrawFn) -> str:
    """Return a narrative that is safe with the core four answered no."""
    told = [QUARREL, *draw(st.lists(st.sampled_from([*HARMLESS, *DENIALS]), max_size=4))]
    return " ".join(told)


def caution(call: Evidence, plan: PlanRules | None = None) -> int:
    return decide(call, PROTOCOL, plan or PlanRules()).verdict.caution


@few
@given(calls())
def test_a_decision_is_total_and_deterministic(call: Evidence) -> None:
    first = decide(call, PROTOCOL, PlanRules())
    assert decide(call, PROTOCOL, PlanRules()) == first
    assert decide_safely(call, PROTOCOL, PlanRules()) == first
    assert (first.recommended_response is None) == (first.verdict is Verdict.SAFE)
    assert first.reasons


@few
@given(civil_narratives())
def test_harmless_words_and_denials_are_safe_when_the_core_four_were_denied(narrative: str) -> None:
    assert decided(said(narrative)).verdict is Verdict.SAFE


@few
@given(civil_narratives(), st.sampled_from(DANGERS), st.integers(0, 6), st.sampled_from(DENIALS))
def test_a_danger_anywhere_among_harmless_words_disqualifies(text: str, danger: str, place: int, denial: str) -> None:
    told = text.split(". ")
    at = min(place, len(told))
    with_danger = ". ".join([*told[:at], danger.rstrip("."), *told[at:]]) + f". {denial}"
    assert decided(said(with_danger)).verdict is Verdict.UNSAFE


@few
@given(civil_narratives(), st.sampled_from(TO_WEIGH), st.sampled_from(DENIALS))
def test_what_must_be_weighed_is_never_safe(text: str, told: str, denial: str) -> None:
    assert decided(said(f"{text} {told} {denial}")).verdict is not Verdict.SAFE


@pytest.mark.parametrize("told", TO_WEIGH)
def test_nor_is_it_beside_a_wish_to_talk(told: str) -> None:
    for denial in DENIALS:
        assert (
            decided(said(f"{QUARREL} RP wants someone to talk with them. {told} {denial}")).verdict is not Verdict.SAFE
        )


@few
@given(calls(), st.sampled_from(DANGERS), st.integers(0, 3))
def test_adding_a_danger_to_any_call_makes_it_unsafe(call: Evidence, danger: str, which: int) -> None:
    at = min(which, len(call.statements) - 1)
    changed = replace(call.statements[at], narrative=f"{call.statements[at].narrative}\n{danger}")
    more = replace(call, statements=(*call.statements[:at], changed, *call.statements[at + 1 :]))
    assert caution(more) == Verdict.UNSAFE.caution


@few
@given(calls(), st.sampled_from(FACT_KEYS))
def test_the_bad_answer_to_any_question_never_makes_a_call_safer(call: Evidence, key: str) -> None:
    bad = "no" if key in ("caller_safe", "consent", "location_known") else "yes"
    news = Statement("update:9", answers={key: bad})
    assert caution(replace(call, statements=(*call.statements, news))) >= caution(call)


@few
@given(calls(), statements(linked=True))
def test_a_linked_statement_never_makes_a_call_safer(call: Evidence, linked: Statement) -> None:
    assert caution(replace(call, statements=(*call.statements, linked))) >= caution(call)


@few
@given(calls(), st.one_of(any_text, sentences, words))
def test_more_words_make_a_call_safer_only_by_denying_the_core_four(call: Evidence, text: str) -> None:
    assume(any(not s.linked and tokenize(s.narrative) for s in call.statements))  # these are not the first words
    assume(not read(text, PROTOCOL).denied)
    more = replace(call, statements=(*call.statements, Statement("update:9", text)))
    assert caution(more) >= caution(call)


@few
@given(calls(), any_text)
def test_unsafe_stays_unsafe_whatever_is_added(call: Evidence, text: str) -> None:
    assume(caution(call) == Verdict.UNSAFE.caution)
    reassuring = Statement("update:9", f"{text} {RECITAL}", answers=dict(ALL_DENIED))
    assert caution(replace(call, statements=(*call.statements, reassuring))) == Verdict.UNSAFE.caution


@few
@given(calls(), st.sampled_from(CORE_FOUR))
def test_forgetting_an_answer_never_makes_a_call_safer(call: Evidence, fact: str) -> None:
    def forget(answers: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in answers.items() if not (key == fact and value == "no")}

    less = replace(call, statements=tuple(replace(s, answers=forget(s.answers)) for s in call.statements))
    assert caution(less) >= caution(call)


@few
@given(calls())
def test_unknown_is_never_eligible(call: Evidence) -> None:
    decision = decide(call, PROTOCOL, PlanRules())
    own = [s for s in call.statements if not s.linked]
    if decision.verdict is Verdict.SAFE:
        assert decision.missing == ()
        assert call.place.neighborhood is not None
        for fact in CORE_FOUR:
            denied = any(fact in read(text, PROTOCOL).denied for s in own for text in (s.narrative, s.extra_text))
            answered = any(s.answers.get(fact) == "no" for s in own)
            assert denied or answered or "NO TEXT" in {s.call_type_text for s in own}


@st.composite
def plans(draw: st.DrawFn) -> PlanRules:
    disciplines = st.sampled_from(list(Discipline))
    orders = draw(st.dictionaries(disciplines, st.lists(disciplines, unique=True, max_size=3).map(tuple)))
    return PlanRules(
        version=draw(st.integers(0, 9)),
        orders=orders,
        open_now=draw(st.frozensets(disciplines)),
        excluded_call_types=draw(st.frozensets(st.sampled_from(["415N", "415", "594"]))),
        excluded_relationships=draw(st.frozensets(st.sampled_from(["neighbor", "family"]))),
        excluded_reasons=draw(st.frozensets(st.sampled_from(["intox_calm", "missing_info", "core_four_denied"]))),
    )


@few
@given(calls(), plans())
def test_no_plan_makes_safe_what_the_default_plan_does_not(call: Evidence, plan: PlanRules) -> None:
    assert caution(call, plan) >= caution(call)


@few
@given(calls(), plans(), st.booleans())
def test_no_clearance_lets_a_danger_or_a_forbidden_call_through(
    call: Evidence, plan: PlanRules, everything: bool
) -> None:
    asked = decide(call, PROTOCOL, plan)
    named = (Cleared(r.rule, r.reason, None if r.quote is None else fold(r.quote)) for r in asked.reasons)
    wide = Clearance(frozenset(named if everything else ()))
    settled = decide(call, PROTOCOL, plan, [clearance_of(asked, "Kim"), wide])
    assert settled.verdict.caution <= asked.verdict.caution
    if asked.verdict is Verdict.UNSAFE:
        assert settled.verdict is Verdict.UNSAFE
    if any(reason.effect == "return" for reason in asked.reasons):
        assert settled.verdict is not Verdict.SAFE


@few
@given(any_text)
def test_every_quote_stands_where_it_says(text: str) -> None:
    for finding in read(text, PROTOCOL).findings:
        assert text[finding.words.start : finding.words.end] == finding.words.quote


@few
@given(st.sampled_from(DANGERS), st.sampled_from([str.upper, str.lower, str.title, str.swapcase]))
def test_writing_a_danger_otherwise_changes_nothing(danger: str, otherwise: Any) -> None:
    full_width = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c.isalnum() else c for c in danger)
    hidden = "\u200b".join(danger)
    for told in (otherwise(danger), full_width, hidden):
        assert decided(said(f"{QUARREL} {told} {RECITAL}")).verdict is Verdict.UNSAFE
