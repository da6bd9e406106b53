"""What some rules find plainly is set aside only in the calmest of sentences and stories, where they stand."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import Decision, Effect, Statement, Verdict
from services.intake.domain.triage.protocol import PLAIN_SHOWN, SECOND_OPINION, UNEXPLAINED, ProtocolInvalid
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.domain.triage.reader import read
from tests.unit.intake.evidence import PROTOCOL, QUARREL, decided, evidence, in_short, rules, said

TOLD_POLITELY: Final = Path(__file__).parent / "told_politely.txt"
"""Calls, one a line: a calm dispute in which one dry sentence says outright that somebody does or holds what is dangerous."""
HOSTAGES = "The tenants say they are hostages of the board, whose new rules about mailboxes take three pages."
PISTOLS = "The candy shop sells chocolate pistols to children and a mother wants them out of the window."
SOFA = "The couch of the new tenant is blocking the hall and the owner wants it moved by Sunday."
DANCE = "The dance teacher kicks the shared wall in every lesson and the neighbor wants a mat put there."
CALM = "Both are polite and drink coffee and want somebody to help them talk about the parking."


def under(told: str, **numbers: float) -> Decision:
    """Return the decision with other numbers of the second opinion, in log odds."""
    asked = PROTOCOL.second_opinion
    assert asked is not None
    changed: dict[str, Any] = {key: asked.opinion.score_of(value) for key, value in numbers.items()}
    return decide(evidence(said(told)), replace(PROTOCOL, second_opinion=asked._replace(**changed)), PlanRules())


@pytest.mark.parametrize(("told", "rule"), [(HOSTAGES, "restraint"), (SOFA, "restraint"), (DANCE, "aggression")])
def test_in_the_calmest_sentence_of_a_very_calm_story_it_is_only_shown(told: str, rule: str) -> None:
    decision = decided(said(f"{QUARREL} {told}"))
    assert decision.verdict is Verdict.SAFE
    (shown,) = (reason for reason in decision.reasons if reason.rule == rule and reason.effect is Effect.NOTE)
    assert shown.explanation == PROTOCOL.rules[PLAIN_SHOWN].explanation
    assert str(shown.quote) in told


@pytest.mark.parametrize("number", ["above_calmest", "above_plain", "above_plain_story"])
def test_where_sentence_or_story_sounds_any_worse_it_counts_in_full(number: str) -> None:
    assert under(f"{QUARREL} {HOSTAGES}").verdict is Verdict.SAFE
    assert "restraint" in rules(under(f"{QUARREL} {HOSTAGES}", **{number: -50}), Effect.UNSAFE)


def test_a_very_calm_story_alone_is_not_enough() -> None:
    """Its own sentence must be calmer than other rules ask for."""
    told = f"{QUARREL} {CALM} Man is holding the door shut so that RP stays in the room with him. {CALM}"
    assert decided(said(told)).verdict is not Verdict.SAFE
    everywhere = under(
        told, above=50, above_plain=50, above_plain_story=50, above_sentence=50, above_ambiguous_story=50
    )
    assert "restraint" in rules(everywhere, Effect.UNSAFE)


@pytest.mark.parametrize(
    "told",
    [
        "The tenant, who has a pistol on his belt, asks for the deposit by Friday.",
        "He is waving a machete at the mailbox and wants it moved by Sunday.",
        "The manager held the customer by the collar until the receipt was found.",
        "El vecino trae un cuchillo en la mano y pide que bajen la música.",
        "El casero no la deja salir del cuarto hasta que firme el recibo.",
        "The tenant made threats to the manager about the mailbox and the lease.",
        "Two young men carry the television out through the window of the neighbor who is away.",
    ],
)
def test_a_danger_told_politely_is_none_of_them(told: str) -> None:
    for around in (told, f"{CALM} {told}", f"{told} {CALM} {CALM}"):
        assert decided(said(f"{QUARREL} {around}")).verdict is not Verdict.SAFE


def test_no_danger_told_outright_in_a_polite_call_is_safe() -> None:
    calls = TOLD_POLITELY.read_text(encoding="utf-8").splitlines()
    assert len(calls) >= 400
    assert [told for told in calls if decided(said(told)).verdict is Verdict.SAFE] == []


@pytest.mark.parametrize(
    "told",
    [
        PISTOLS,
        'RP asked re guns: "his shotguns in the hall closet like always, he hunts quail".',
        "He keeps the rifle behind the pantry door, where the deer calendar hangs.",
    ],
)
def test_no_weapon_is_set_aside_so_however_calmly_it_is_named(told: str) -> None:
    """A shotgun in the closet during a quarrel was, in the calmest of words."""
    call = f"Utilities split. Wordy, no touching, no threats. {told} {CALM}"
    assert "weapon" in rules(under(call, above_calmest=0.4, above_plain=0.4, above_plain_story=0.4), Effect.UNSAFE)


def test_a_word_whose_meaning_the_listener_does_not_know_counts_in_full() -> None:
    """It only hears that the words around are calm."""
    asked = PROTOCOL.second_opinion
    assert asked is not None
    assert asked.opinion.knows(["hostages", "3rd"])
    assert not asked.opinion.knows(["hostages", "plomearon"])


def test_a_misspelled_word_and_one_in_few_words_count_in_full() -> None:
    for told in (HOSTAGES.replace("hostages", "hostagges"), "Held hostage again."):
        found = [one for one in read(f"{QUARREL} {told}", PROTOCOL).findings if one.rule == "restraint"]
        assert all(one.plainly_in == () for one in found)


def test_what_is_told_later_in_a_label_or_of_another_call_counts_as_it_says() -> None:
    assert decided(said(), Statement("update:1", HOSTAGES)).verdict is Verdict.UNSAFE
    assert decided(said(), Statement("linked:1", HOSTAGES, linked=True)).verdict is Verdict.UNSAFE
    assert decided(said(QUARREL, call_type_text=HOSTAGES)).verdict is Verdict.UNSAFE


def test_beside_a_danger_that_counts_nothing_is_set_aside() -> None:
    worse = decided(said(f"{QUARREL} {HOSTAGES} She was choked by her brother this morning."))
    assert {"restraint", "violence_now"} <= rules(worse, Effect.UNSAFE)


def test_only_these_rules_are_set_aside_so() -> None:
    """No weapon, no threat, no extortion, nothing of couples, of the helpless, of despair, of illness, of fire."""
    assert {rule.id for rule in PROTOCOL.rules.values() if rule.unless_calmest} == {
        "violence_now", "restraint", "aggression", "vehicle_weapon", "crime_in_progress",
    }  # fmt: skip


def test_it_needs_its_number() -> None:
    without = {key: value for key, value in PROTOCOL.document[SECOND_OPINION].items() if key != "above_calmest"}
    with pytest.raises(ProtocolInvalid, match="above_calmest: is missing"):
        parse_protocol(in_short({**PROTOCOL.document, SECOND_OPINION: without}))


EGG = "Trae el huevo de Zubrowskaa en un vaso como prueba."


def test_a_sentence_that_nobody_explains_may_hold_a_strange_word_where_it_is_among_the_calmest() -> None:
    (found,) = read(f"{QUARREL} {EGG}", PROTOCOL).unexplained
    assert found.is_strange
    assert UNEXPLAINED in rules(decided(said(f"{QUARREL} {EGG}")), Effect.REVIEW)
    calm = {"above_ambiguous_story": 0.0, "above_plain_story": 0.0, "above_calmest": 0.0}
    assert under(f"{QUARREL} {EGG}", **calm).verdict is Verdict.SAFE
    for number in ("above_calmest", "above_plain_story"):
        assert UNEXPLAINED in rules(under(f"{QUARREL} {EGG}", **{**calm, number: -50}), Effect.REVIEW)


def test_strange_words_in_a_quote_are_for_a_person_however_calm_all_sounds() -> None:
    told = f'{QUARREL} {CALM} He said "flurbs by morning" to the florist and walked home for lunch.'
    lax = ("above", "above_sentence", "above_ambiguous", "above_ambiguous_story", "above_plain_story", "above_calmest")
    assert UNEXPLAINED in rules(under(told, **dict.fromkeys(lax, 50.0)), Effect.REVIEW)
    assert UNEXPLAINED not in rules(under(told.replace("flurbs", "flour"), **dict.fromkeys(lax, 50.0)), Effect.REVIEW)


def test_a_sentence_that_begins_with_a_denial_does_not_run_on_from_the_one_before_it() -> None:
    story = read("Neighbors argue about a fence. No weapons and they want to talk it over.", PROTOCOL).story
    asked = PROTOCOL.second_opinion
    assert asked is not None
    assert [story[each.first].word for each in asked.opinion.listen(story).sentences] == ["neighbors", "and"]
