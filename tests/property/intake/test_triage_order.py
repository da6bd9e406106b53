"""Risk is a partial order, and decisions follow it.

Per fact `no` < `unknown` < `yes` (the other way round where `no` is the bad news); per text the set of hazards and review
reasons found in it. What stands higher in the order is never decided more safely, with two exceptions: a denial removes
`missing_info` and nothing else, and the first words and the first place of a call that had none remove `unintelligible`
and `location_unknown`.

Within one text the order is by whole sentences: what is told before or after takes no reason away, but for those that
say what nobody has told yet (too few words, no dispute, nobody known), and "No." after the question that it answers. A
word put into a sentence may change what the sentence says, and is another sentence. The second opinion is about the
story of a text as a whole: no denial takes it back, what is told in another text does not (test_triage_opinion.py). An
ambiguous word means what its own sentence says (test_triage_ambiguous.py).
"""

import csv
import gzip
import json
import re
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import (
    CORE_FOUR,
    FACT_KEYS,
    Decision,
    Effect,
    Evidence,
    Place,
    Statement,
    Verdict,
)
from services.intake.domain.triage.protocol import AMBIGUOUS, SECOND_OPINION, UNEXPLAINED
from services.intake.domain.triage.reader import read
from services.intake.domain.triage.text import fold
from services.intake.domain.triage.unite import WORSE_WHEN_NO, unite
from tests.property.intake.test_triage_properties import DANGERS, DENIALS, HARMLESS, TO_WEIGH, calls
from tests.shared_data import shared_data
from tests.unit.intake.evidence import ALL_DENIED, HOME, PROTOCOL, evidence, said
from tests.unit.intake.test_triage_cases import Case, cases

some = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
STEPS = {"no": 0, "unknown": 1, "yes": 2}


def decided(call: Evidence) -> Decision:
    return decide(call, PROTOCOL, PlanRules())


def against(decision: Decision) -> frozenset[tuple[str, str | None, str | None]]:
    """Return what speaks against civilians: the hazards and the review reasons, with their words."""
    return frozenset(
        (reason.rule, reason.reason, reason.quote)
        for reason in decision.reasons
        if reason.effect in (Effect.UNSAFE, Effect.REVIEW)
    )


def reasons(decision: Decision) -> set[str | None]:
    return {reason for _, reason, _ in against(decision)}


def risk(key: str, value: str) -> int:
    return -STEPS[value] if key in WORSE_WHEN_NO else STEPS[value]


@some
@given(calls(), st.sampled_from(FACT_KEYS), st.sampled_from(list(STEPS)), st.sampled_from(list(STEPS)))
def test_a_worse_answer_is_never_decided_more_safely(call: Evidence, key: str, one: str, other: str) -> None:
    better, worse = sorted((one, other), key=lambda value: risk(key, value))

    def answered(value: str) -> Decision:
        first = replace(call.statements[0], answers={**call.statements[0].answers, key: value})
        return decided(replace(call, statements=(first, *call.statements[1:])))

    assert answered(worse).verdict.caution >= answered(better).verdict.caution


@some
@given(calls(), st.sampled_from(CORE_FOUR))
def test_a_yes_is_never_taken_back(call: Evidence, fact: str) -> None:
    told = replace(call, statements=(*call.statements, Statement("update:8", answers={fact: "yes"})))
    denied = replace(told, statements=(*told.statements, Statement("update:9", answers=dict(ALL_DENIED))))
    assert decided(denied).verdict is Verdict.UNSAFE


@some
@given(calls(), st.sampled_from(CORE_FOUR), st.sampled_from(DENIALS))
def test_a_denial_removes_missing_info_and_nothing_else(call: Evidence, fact: str, words: str) -> None:
    # a number alone is no words
    assume(any(not s.linked and read(s.narrative, PROTOCOL).words for s in call.statements))
    before = decided(call)
    for news in (Statement("update:9", answers={fact: "no"}), Statement("update:9", words)):
        after = decided(replace(call, statements=(*call.statements, news)))
        lost = {reason for _, reason, _ in against(before) - against(after)}
        assert lost <= {"missing_info"}
        if after.verdict.caution < before.verdict.caution:
            assert before.verdict is Verdict.REVIEW


@some
@given(calls(), st.sampled_from([*HARMLESS, *DENIALS]))
def test_the_first_words_and_the_first_place_remove_only_that_there_were_none(call: Evidence, words: str) -> None:
    silent = replace(call, statements=tuple(replace(s, narrative="", extra_text="") for s in call.statements))
    assume(any(not statement.linked for statement in silent.statements))
    before = decided(silent)
    after = decided(replace(silent, statements=(*silent.statements, Statement("update:9", words))))
    assert reasons(before) - reasons(after) <= {"unintelligible", "missing_info"}
    placed = decided(replace(silent, place=HOME))
    nowhere = decided(replace(silent, place=Place.unknown()))
    assert reasons(nowhere) - reasons(placed) <= {"location_unknown"}


@some
@given(calls(), st.sampled_from([*DANGERS, *TO_WEIGH]), st.integers(0, 3))
def test_more_that_is_bad_is_never_decided_more_safely(call: Evidence, bad: str, which: int) -> None:
    at = min(which, len(call.statements) - 1)
    changed = replace(call.statements[at], narrative=f"{call.statements[at].narrative}\n{bad}")
    more = replace(call, statements=(*call.statements[:at], changed, *call.statements[at + 1 :]))
    assume(not read(bad, PROTOCOL).denied)
    assert decided(more).verdict.caution >= decided(call).verdict.caution


@some
@given(st.sampled_from(cases()), st.sampled_from([*DANGERS, *TO_WEIGH]), st.booleans())
def test_our_cases_never_become_safer_by_what_is_bad(case: Case, bad: str, before: bool) -> None:
    plain = case.decide()
    record = {**case.record, "narrative": f"{bad} {case.record['narrative']}"} if before else case.record
    worse = case._replace(record=record).decide("" if before else f". {bad}")
    assert worse.verdict is Verdict.UNSAFE or bad in TO_WEIGH  # at a party fourteen people are guests until they fight
    assert worse.verdict.caution >= plain.verdict.caution


@cache
def real_narratives() -> tuple[str, ...]:
    """Return what real call-takers and officers wrote."""
    with gzip.open(
        shared_data("ucsd-police-call-summaries", "ucsd_calls_dev.csv.gz"), "rt", encoding="utf-8"
    ) as packed:
        told = [row["summary"] for row in csv.DictReader(packed)]
    with shared_data("lapd-assault-narratives", "lapd_assault_narratives_dev.csv").open(encoding="utf-8") as plain:
        told += [row["narrative"] for row in csv.DictReader(plain)]
    return tuple(text for text in told if text.strip())


@some
@given(st.integers(0, 10_000), st.sampled_from([*DANGERS, *TO_WEIGH]), st.floats(0, 1))
def test_a_bad_span_put_into_a_real_narrative_never_makes_it_safer(which: int, bad: str, where: float) -> None:
    narratives = real_narratives()
    told = narratives[which % len(narratives)]
    words = told.split(" ")
    at = round(where * len(words))
    for inserted in (" ".join([*words[:at], f". {bad}", *words[at:]]), f"{told}. {bad}"):
        for answers in ({}, ALL_DENIED):
            plain, worse = (decided(evidence(said(text, answers=answers))) for text in (told, inserted))
            assert worse.verdict is not Verdict.SAFE or bad in TO_WEIGH
            if inserted.startswith(told):
                assert worse.verdict.caution >= plain.verdict.caution


FRAGILE = (
    "Neighbors argue. There is smoke in the hallway.",
    "The smoke gets in her bedroom.",
    "Neighbors argue. Asdf hjkl qwrt zxcv.",
    "Los vecinos discuten. Он стоит у двери.",
    "Officer spoke with group of 14 people arguing.",
    "k n i f e. Neighbors argue.",
    'Neighbors argue. She says "remember the zorchids"',
    'Neighbors argue. The board is 6" wide. He said "flurbs by morning" and left',
    "He hid a flurb past umbrellas beneath velvet rain since copper dawn wandered over violet hills.",
    "Neighbors argue. He pulled out a flurb from the sleeve.",
)
"""Each has a reason that something harmless elsewhere in the text once took away."""
ELSEWHERE = (
    *HARMLESS,
    "They have a grill.",
    "He smokes a cigarette.",
    "Tienen un asador.",
    "It is a birthday party.",
    'The pipe is 6" wide.',
    'She says "ok',
    "The neighbors argue about the parking spot in front of the house, and the landlord wants them to talk it over.",
    "They live in unit A",
    "ok",
)
TOLD_LATER = {("no_conflict_found", ""), ("no_known_person", ""), *((f"missing_{fact}", "") for fact in CORE_FOUR)}
"""Reasons that say what has not been told."""


@cache
def narratives() -> tuple[str, ...]:
    """Return what our own cases and the development set tell, and what real calls did."""
    with shared_data("triage-dev", "cases.jsonl").open(encoding="utf-8") as lines:
        told = [json.loads(line)["narrative"] for line in lines]
    told += [case.record["narrative"] for case in cases()]
    return tuple(text for text in told if text.strip())


def kept(text: str) -> set[tuple[str, str]]:
    """Return what `text` alone says against civilians: rules with their words, whatever else may be told.

    Without what the story around it may say to be calm: the second opinion, and whatever that is asked about, if it
    sounds calm by itself.
    """
    reading, asked = read(text, PROTOCOL), PROTOCOL.second_opinion
    assert asked is not None
    heard = {
        (found.rule, fold(found.words.quote))
        for found in (*reading.findings, *reading.unexplained)
        if (found.plainly_in and asked.opinion.listen(found.plainly_in).score <= asked.above_plain)
        or (found.rule == UNEXPLAINED and found.ambiguous_in)
    }
    asked_about = (PROTOCOL.rules[AMBIGUOUS].explanation, PROTOCOL.rules[SECOND_OPINION].explanation)
    found = {
        (reason.rule, fold(reason.quote or ""))
        for reason in unite(evidence(said(text)), PROTOCOL).reasons
        if reason.effect in (Effect.UNSAFE, Effect.REVIEW) and reason.explanation not in asked_about
    }
    too_few = set() if reading.garbled else {("garbled_text", "")}  # words, until there are more
    return found - TOLD_LATER - heard - too_few


def told(text: str) -> set[str]:
    """Return the words in which `text` may tell of a danger, whatever they are worth."""
    reading = read(text, PROTOCOL)
    return {fold(found.words.quote) for found in (*reading.findings, *reading.unexplained)}


def recorded(text: str) -> set[str]:
    return {fold(reason.quote) for reason in unite(evidence(said(text)), PROTOCOL).reasons if reason.quote is not None}


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw a narrative: of our own, of the development set or a real one, whole or one of its sentences."""
    if draw(st.booleans()):
        return draw(st.sampled_from([*FRAGILE, *ELSEWHERE]))
    told = draw(st.sampled_from([narratives(), real_narratives()]))
    text = told[draw(st.integers(0, len(told) - 1))]
    return draw(st.sampled_from(re.split(r"(?<=[.!?])\s+", text))) if draw(st.booleans()) else text


@settings(some, max_examples=200)
@given(texts(), texts())
def test_no_sentence_takes_back_what_another_one_says(text: str, other: str) -> None:
    assume(text.strip() != "")  # the first words take "no text" back
    assume(not text.rstrip().endswith("?"))  # "Weapons? No." is an answer
    assert kept(text) <= kept(f"{text}. {other}")
    assert kept(text) <= kept(f"{other}. {text}")


@settings(some, max_examples=100)
@given(texts(), texts())
def test_what_may_be_a_danger_stands_in_the_decision_whatever_it_is_worth(text: str, other: str) -> None:
    assume(not text.rstrip().endswith("?"))
    for both in (f"{text}. {other}", f"{other}. {text}"):
        assert told(text) <= recorded(both)


@pytest.mark.parametrize("text", FRAGILE)
@pytest.mark.parametrize("other", ELSEWHERE)
def test_what_is_harmless_elsewhere_takes_nothing_back(text: str, other: str) -> None:
    alone = kept(text)
    assert alone
    assert alone <= kept(f"{text}. {other}")
    assert alone <= kept(f"{other}. {text}")
    assert alone <= kept(f"{other}\n{text}\n{other}")
