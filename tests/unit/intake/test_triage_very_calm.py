"""What is told plainly counts, unless its rule lets it be set aside and all that is told sounds very calm."""

from dataclasses import replace
from typing import Any

import pytest

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import Decision, Effect, Statement, Verdict
from services.intake.domain.triage.protocol import PLAIN_SHOWN, SECOND_OPINION, ProtocolInvalid
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.domain.triage.reader import Finding, read
from tests.unit.intake.evidence import PROTOCOL, QUARREL, RECITAL, decided, evidence, in_short, rules, said
from tests.unit.intake.test_triage_ambiguous import MENU
from tests.unit.intake.test_triage_ambiguous_protocol import strict

PANTRY = "The caterer left two crates of steak knives and spoons in the shared pantry and the neighbor wants them moved by noon."
RULE = "blades_named"


def under(told: str, *, plain: float = 1e6, plain_story: float = 1e6, **more: Any) -> Decision:
    """Return the decision when what is told plainly is set aside up to these log odds, and ambiguous words always."""
    asked = PROTOCOL.second_opinion
    assert asked is not None
    score_of = asked.opinion.score_of
    moved = asked._replace(
        above=score_of(1e6),
        above_ambiguous=score_of(1e6),
        above_ambiguous_story=score_of(1e6),
        above_plain=score_of(plain),
        above_plain_story=score_of(plain_story),
    )
    return decide(evidence(said(told, **more)), replace(PROTOCOL, second_opinion=moved), PlanRules())


def test_where_sentence_and_story_sound_very_calm_it_is_only_shown() -> None:
    decision = decided(said(f"{QUARREL} {PANTRY} {RECITAL}"))
    assert decision.verdict is Verdict.SAFE
    (shown,) = (reason for reason in decision.reasons if reason.rule == RULE)
    assert (shown.effect, shown.quote) == (Effect.NOTE, "knives")
    assert shown.explanation == PROTOCOL.rules[PLAIN_SHOWN].explanation


@pytest.mark.parametrize("strict", [{"plain": -1e6}, {"plain_story": -1e6}])
def test_where_either_does_not_it_counts_in_full(strict: dict[str, float]) -> None:
    assert under(f"{QUARREL} {PANTRY}").verdict is Verdict.SAFE
    assert RULE in rules(under(f"{QUARREL} {PANTRY}", **strict), Effect.UNSAFE)


@pytest.mark.parametrize("strict", [{"plain": -1e6}, {"plain_story": -1e6}])
def test_and_so_does_what_is_told_beside_it_in_ambiguous_words(strict: dict[str, float]) -> None:
    assert under(f"{QUARREL} {PANTRY} {MENU}").verdict is Verdict.SAFE
    assert {RULE, "weapon"} <= rules(under(f"{QUARREL} {PANTRY} {MENU}", **strict), Effect.UNSAFE)


@pytest.mark.parametrize("at_hand", ["knife", "pistol", "rifle", "machete", "cuchillo", "navaja", "hacha", "escopeta"])
def test_beside_a_weapon_that_one_holds_nothing_is_set_aside(at_hand: str) -> None:
    told = f"RP says the roommate talks about the {at_hand} in the shower and sings every morning."
    assert {RULE, "weapon"} <= rules(under(f"{QUARREL} {PANTRY} {told}"), Effect.UNSAFE)


def test_what_is_told_later_or_in_a_label_counts_as_it_says() -> None:
    assert decided(said(), Statement("update:1", PANTRY)).verdict is Verdict.UNSAFE
    assert decided(said(), Statement("linked:1", PANTRY, linked=True)).verdict is Verdict.UNSAFE
    assert RULE in rules(under(QUARREL, call_type_text=PANTRY), Effect.UNSAFE)


def test_a_misspelled_word_counts_as_it_says() -> None:
    assert RULE in rules(under(f"{QUARREL} {PANTRY.replace('knives', 'bladdes')}"), Effect.UNSAFE)


def test_with_nobody_to_ask_or_where_the_rule_does_not_let_it_it_counts() -> None:
    call = evidence(said(f"{QUARREL} {PANTRY} {RECITAL}"))
    assert decide(call, replace(PROTOCOL, second_opinion=None), PlanRules()).verdict is Verdict.UNSAFE
    document = {**PROTOCOL.document, "rules": [strict(rule) for rule in PROTOCOL.document["rules"]]}
    document[SECOND_OPINION] = {
        key: value
        for key, value in document[SECOND_OPINION].items()
        if not key.startswith(("above_plain", "above_calmest"))
    }
    assert decide(call, parse_protocol(document), PlanRules()).verdict is Verdict.UNSAFE


def test_it_needs_its_numbers_and_its_explanation() -> None:
    without = {key: value for key, value in PROTOCOL.document[SECOND_OPINION].items() if key != "above_plain"}
    with pytest.raises(ProtocolInvalid, match="above_plain"):
        parse_protocol(in_short({**PROTOCOL.document, SECOND_OPINION: without}))
    unexplained = [rule for rule in PROTOCOL.document["system_rules"] if rule["id"] != PLAIN_SHOWN]
    with pytest.raises(ProtocolInvalid, match=f"needs the rule '{PLAIN_SHOWN}'"):
        parse_protocol(in_short({**PROTOCOL.document, "system_rules": unexplained}))


def test_some_dangers_are_never_set_aside() -> None:
    """Weapons that one holds, couples, the helpless, despair, fear, and what is done in secret are told in calm words."""
    never = {
        "weapon", "threat", "threat_implied", "violence_now", "violence_imminent", "injury", "partners", "dv_words", "stalking",
        "restraining_order", "suicidal_ideation", "suicidal_means", "caller_unsafe", "fear", "minor_caller", "child_risk",
        "elder_abuse", "missing_person", "sexual_offense", "trafficking", "mental_crisis", "delusion", "medical", "medical_sign",
        "overdose", "fire_hazard", "extortion", "hate", "hate_slur", "toy_weapon", "tampering", "consent_refused",
        "repeat_calls", "intox_aggressive", "forced_entry",
    }  # fmt: skip
    assert never <= PROTOCOL.rules.keys()
    assert not {rule for rule in never if PROTOCOL.rules[rule].unless_very_calm}


def found(told: str) -> Finding:
    (one,) = (one for one in read(told, PROTOCOL).findings if one.rule == RULE)
    return one


def test_in_few_words_it_is_meant_as_it_says() -> None:
    assert found(PANTRY).plainly_in != ()
    assert found(f"{QUARREL} The knives were bread knives. {QUARREL}").plainly_in == ()


def test_who_tells_so_much_means_it() -> None:
    told = "The caterer left two crates of steak knives and {} spoons in the shared pantry of the hall."
    sizes = ("small", "large", "short", "narrow", "wide", "round", "square", "heavy", "light", "plain", "broad", "thin")
    for number, is_open in ((4, True), (17, False)):
        text = " ".join(told.format(size) for size in (*sizes, "flat", "red", "blue", "green", "yellow")[:number])
        blades = [one for one in read(text, PROTOCOL).findings if one.rule == RULE]
        assert {bool(one.plainly_in) for one in blades} == {is_open}


def test_she_wants_to_die_is_not_talked_away_by_a_calm_story() -> None:
    calm = "Both sides are polite and drink coffee and want somebody to help them talk about the parking."
    for told in (f"{calm} She wants to die. {calm}", f"{calm} {calm} He is armed."):
        assert decided(said(f"{QUARREL} {told} {RECITAL}")).verdict is not Verdict.SAFE


@pytest.mark.parametrize(
    "told",
    [
        "Resident with suicidal thoughts asks for a counselor.",
        "Caller reports suicidal comments that a classmate has posted online.",
        "Psych patient making confused statements at the front desk.",
        "Apartment door was kicked in over the weekend and cannot be repaired.",
        "Asks how to file a harassment complaint about repeated visits and gifts.",
    ],
)
def test_what_a_desk_reports_in_one_dry_line_is_not_calm_enough(told: str) -> None:
    """Nobody quarrels in such lines, and they are short: the second opinion finds many of them calm."""
    assert decided(said(told, call_type_code=None)).verdict is not Verdict.SAFE
    assert decided(said(told)).verdict is not Verdict.SAFE


def test_no_other_rule_is_set_aside_in_a_very_calm_story() -> None:
    """Being kept from leaving was one of them, and a sister-in-law locked in a garage was found safe."""
    assert {rule.id for rule in PROTOCOL.rules.values() if rule.unless_very_calm} == {
        "blades_named", "weapon_object", "weapon_possible", "weapon_access", "property_destruction", "gang", "gang_rumor",
        "strange_plan",
    }  # fmt: skip


@pytest.mark.parametrize("calm", [QUARREL, "Barking complaint, owner home, RP willing to mediate."])
def test_a_neighbor_in_handcuffs_is_not_talked_away_by_a_calm_story(calm: str) -> None:
    assert decided(said(f"{calm} handcuffed by a wannabe sheriff nbr")).verdict is not Verdict.SAFE
