"""Ambiguous words: what a danger is told in and an ordinary quarrel as well counts by how its sentence sounds."""

from dataclasses import replace
from typing import Any

import pytest

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import clearance_of, decide
from services.intake.domain.triage.model import Decision, Effect, Statement, Verdict
from services.intake.domain.triage.protocol import (
    AMBIGUOUS,
    AMBIGUOUS_SHOWN,
    SECOND_OPINION,
    UNEXPLAINED,
    UNEXPLAINED_SHOWN,
)
from services.intake.domain.triage.reader import read
from tests.unit.intake.evidence import PROTOCOL, QUARREL, RECITAL, decided, evidence, rules, said

MENU = "The cook shot the whole menu in the wrong light and the owner wants new pictures."
CALM = [
    (MENU, "weapon", "shot"),
    (
        "El grupo explota las bocinas todos los domingos y la vecina pide que paren a las diez.",
        "fire_hazard",
        "explota",
    ),
    (
        "The choir attacks the high note too early says the organist and they argue about tempo.",
        "violence_now",
        "attacks",
    ),
]
MEANT = [
    "Over by the vending machines the two brothers fight on the floor and one holds the other down.",
    "Her boyfriend's cousin shot twice out of the kitchen window while the others ran for the stairs.",
    "El señor explotó un cohete junto a la cara del niño y los papás lo traen corriendo.",
]


def under(
    narrative: str, *, above: float, above_ambiguous: float, story: float = 1e6, unnamed: float = -1e6, **more: Any
) -> Decision:
    """Return the decision when the second opinion speaks from these log odds on; `more` of what is said."""
    asked = PROTOCOL.second_opinion
    assert asked is not None
    score_of = asked.opinion.score_of
    moved = asked._replace(
        above=score_of(above),
        above_ambiguous=score_of(above_ambiguous),
        above_ambiguous_story=score_of(story),
        above_unnamed=score_of(unnamed),
    )
    return decide(evidence(said(narrative, **more)), replace(PROTOCOL, second_opinion=moved), PlanRules())


@pytest.mark.parametrize(("told", "rule", "word"), CALM)
def test_told_calmly_it_is_shown_and_decides_nothing(told: str, rule: str, word: str) -> None:
    decision = decided(said(f"{QUARREL} {told} {RECITAL}"))
    assert decision.verdict is Verdict.SAFE
    shown = [reason for reason in decision.reasons if reason.rule == rule]
    assert [(reason.effect, reason.quote) for reason in shown] == [(Effect.NOTE, word)]
    assert shown[0].explanation == PROTOCOL.rules[AMBIGUOUS_SHOWN].explanation


@pytest.mark.parametrize("told", MEANT)
def test_told_as_a_danger_it_is_one(told: str) -> None:
    assert decided(said(f"{QUARREL} {told} {RECITAL}")).verdict is Verdict.UNSAFE


def test_in_between_a_person_reads_it_and_may_clear_it() -> None:
    decision = under(f"{QUARREL} {MENU}", above=1e6, above_ambiguous=-1e6)
    assert decision.verdict is Verdict.REVIEW
    (word,) = (reason for reason in decision.reasons if reason.rule == "weapon")
    assert (word.effect, word.reason, word.quote) == (Effect.REVIEW, "weapon", "shot")
    assert word.explanation == PROTOCOL.rules[AMBIGUOUS].explanation
    asked = PROTOCOL.second_opinion
    assert asked is not None
    unsure = replace(PROTOCOL, second_opinion=asked._replace(above=10**15, above_ambiguous=-(10**15)))
    call = evidence(said(f"{QUARREL} {MENU}"))
    assert decide(call, unsure, PlanRules(), [clearance_of(decision, "reviewer")]).verdict is Verdict.SAFE


def test_where_the_sentence_sounds_unfit_the_rule_counts_in_full() -> None:
    decision = under(f"{QUARREL} {MENU}", above=-1e6, above_ambiguous=-1e6)
    assert decision.verdict is Verdict.UNSAFE
    assert "weapon" in rules(decision, Effect.UNSAFE)


def test_where_the_story_does_not_sound_calm_a_person_reads_what_the_sentence_would_only_show() -> None:
    assert under(f"{QUARREL} {MENU}", above=1e6, above_ambiguous=1e6, story=1e6).verdict is Verdict.SAFE
    decision = under(f"{QUARREL} {MENU}", above=1e6, above_ambiguous=1e6, story=-1e6)
    assert decision.verdict is Verdict.REVIEW
    assert "weapon" in rules(decision, Effect.REVIEW)


ACROSS = "The owner across the street says the tag of the trailer is current and wants the curb measured."


def test_an_ordinary_sentence_that_falls_into_a_loose_construction_is_heard() -> None:
    (found,) = (one for one in read(ACROSS, PROTOCOL).findings if one.rule == "mental_crisis")
    assert (found.words.quote, found.ambiguous_in != ()) == ("owner across the street", True)
    calm = under(f"{QUARREL} {ACROSS}", above=1e6, above_ambiguous=1e6)
    assert "mental_crisis" in rules(calm, Effect.NOTE)
    assert calm.verdict is Verdict.SAFE
    unsure = under(f"{QUARREL} {ACROSS}", above=1e6, above_ambiguous=-1e6)
    assert "mental_crisis" in rules(unsure, Effect.REVIEW)
    meant = under(f"{QUARREL} {ACROSS}", above=-1e6, above_ambiguous=-1e6)
    assert "mental_crisis" in rules(meant, Effect.UNSAFE)
    assert decided(said(), Statement("update:1", ACROSS)).verdict is Verdict.UNSAFE


def test_no_loose_construction_takes_the_place_of_a_plain_one() -> None:
    """What the rules name beside it counts as ever: the same words are found by both."""
    told = "He says he hears voices in the wall and owns the moon and the freeway."
    assert any(found.rule == "mental_crisis" and not found.ambiguous_in for found in read(told, PROTOCOL).findings)
    assert decided(said(f"{QUARREL} {told} {RECITAL}")).verdict is Verdict.UNSAFE


def test_what_nobody_explains_is_only_shown_where_it_sounds_calm_in_everyday_words() -> None:
    told = "He told them they wont be strolling much longer by the {} entrance."
    calm = under(f"{QUARREL} {told.format('purple')}", above=1e6, above_ambiguous=1e6)
    assert UNEXPLAINED_SHOWN in rules(calm, Effect.NOTE)
    assert calm.verdict is Verdict.SAFE
    for strict in (
        under(f"{QUARREL} {told.format('purple')}", above=1e6, above_ambiguous=-1e6),
        under(f"{QUARREL} {told.format('purple')}", above=1e6, above_ambiguous=1e6, story=-1e6),
        under(f"{QUARREL} {told.format('zorpel')}", above=1e6, above_ambiguous=1e6),
    ):
        assert UNEXPLAINED in rules(strict, Effect.REVIEW)


def test_who_tells_much_that_nobody_explains_means_it() -> None:
    told = "He told them they wont be strolling much longer by the {} entrance."
    sizes = [
        "small",
        "large",
        "short",
        "narrow",
        "wide",
        "round",
        "square",
        "heavy",
        "light",
        "plain",
        "broad",
        "thin",
        "flat",
    ]
    colors = ["red", "blue", "green", "yellow", *sizes]
    for number, is_heard in ((16, True), (17, False)):
        text = " ".join(told.format(color) for color in colors[:number])
        assert [bool(found.ambiguous_in) for found in read(text, PROTOCOL).unexplained] == [is_heard] * number


def test_a_loose_construction_is_denied_as_any_other() -> None:
    assert {found.rule for found in read("Tailgating was the start of it.", PROTOCOL).findings} == {"vehicle_weapon"}
    assert read("No tailgating, RP says.", PROTOCOL).findings == ()


def test_with_nobody_to_ask_a_dispute_must_be_named() -> None:
    told = "The shears are back on Tuesday with the blue case and two boxes of tulips."
    alone = replace(PROTOCOL, second_opinion=None)
    decision = decide(evidence(said(told, call_type_code=None)), alone, PlanRules())
    assert "no_conflict_found" in rules(decision, Effect.REVIEW)


def test_a_story_that_sounds_like_a_dispute_is_one_though_no_word_names_it() -> None:
    told = "The shears are back on Tuesday with the blue case and two boxes of tulips."
    for unnamed, is_one in ((1e6, True), (-1e6, False)):
        decision = under(told, above=1e6, above_ambiguous=1e6, unnamed=unnamed, call_type_code=None)
        assert ("no_conflict_found" not in rules(decision)) is is_one


def test_one_hazard_told_plainly_and_all_of_them_count() -> None:
    decision = decided(said(f"{QUARREL} {MENU} He has a knife."))
    assert {reason.quote for reason in decision.reasons if reason.effect is Effect.UNSAFE} == {"shot", "knife"}


def test_what_is_told_later_or_in_a_label_or_in_few_words_is_meant_as_it_says() -> None:
    assert decided(said(), Statement("update:1", MENU)).verdict is Verdict.UNSAFE
    assert decided(said(), Statement("linked:1", MENU, linked=True)).verdict is Verdict.UNSAFE
    assert decided(Statement("linked:1", MENU, linked=True), said()).verdict is Verdict.UNSAFE
    assert decided(said(call_type_text=MENU)).verdict is Verdict.UNSAFE
    assert decided(said(f"{QUARREL} He shot the menu.")).verdict is Verdict.UNSAFE


def test_an_account_may_come_later_than_the_call() -> None:
    assert decided(said(""), Statement("update:1", f"{QUARREL} {MENU}")).verdict is Verdict.SAFE


def test_what_its_sentence_denies_does_not_speak() -> None:
    told = "The cook shot the whole menu, no weapons, in the wrong light and the owner wants new pictures."
    assert "light" in around_shot(told)
    assert "weapons" not in around_shot(told)


@pytest.mark.parametrize(
    "more", ["The owner cooks well.", "He came out with an axe over his shoulder.", "Ok.", "Music, flowers, calm."]
)
def test_no_other_sentence_says_what_a_word_means(more: str) -> None:
    short = "The cook shot the menu badly."
    for told in (f"{short} {more}", f"{more} {short}", f"{short}\n{more} No weapons."):
        assert around_shot(told) == ["the", "cook", "shot", "the", "menu", "badly"]


def test_nor_does_what_stands_far_away_in_its_own() -> None:
    near = "in that room the young cook from the fourth floor shot the menu in the wrong light and then the owner"
    for before, behind in (("", ""), ("calm and polite as ever", ""), ("", "laughed and sang and danced")):
        assert " ".join(around_shot(f"{before} today {near} {behind}")) == near


def around_shot(told: str) -> list[str]:
    (shot,) = (found for found in read(told, PROTOCOL).findings if found.words.quote == "shot")
    return [token.word for token in shot.ambiguous_in]


def test_the_same_word_is_heard_wherever_it_stands() -> None:
    meant = "The younger one was shot on the corner by the taco stand and lies there."
    assert decided(said(f"{QUARREL} {MENU} {meant} {RECITAL}")).verdict is not Verdict.SAFE
    found = read(f"{MENU} {meant}", PROTOCOL).findings
    assert len([one for one in found if one.words.quote == "shot"]) == 2


def test_so_many_of_them_are_no_calm_account() -> None:
    words = "abcdefghijklmnopq"
    told = " ".join(MENU.replace("wrong light", f"wrong {letter} light") for letter in words)
    assert decided(said(f"{QUARREL} {told}")).verdict is Verdict.UNSAFE
    few = " ".join(MENU.replace("wrong light", f"wrong {letter} light") for letter in words[:3])
    assert decided(said(f"{QUARREL} {few}")).verdict is Verdict.SAFE


def test_an_everyday_deed_told_calmly_is_shown_and_a_strange_one_is_for_a_person() -> None:
    calm = decided(said(f"{QUARREL} The curtains are long and the tailor did shorten them by a bit before the party."))
    assert calm.verdict is Verdict.SAFE
    assert "strange_act" in rules(calm, Effect.NOTE)
    strange = decided(
        said(f"{QUARREL} The curtains are long and the tailor did blorten them by a bit before the party.")
    )
    assert strange.verdict is Verdict.REVIEW
    assert "strange_act" in rules(strange, Effect.REVIEW)


def test_every_ambiguous_word_is_one_of_a_hazard() -> None:
    """A word that no rule names has no business there."""
    listed = [entry for language in ("en", "es") for entry in PROTOCOL.document["ambiguous"][language]]
    words = {word for entry in listed if " " not in entry for word in entry.split("|")}
    assert len(words) > 100
    for word in words:
        hazards = [f.rule for f in read(word, PROTOCOL).findings if PROTOCOL.rules[f.rule].effect is Effect.UNSAFE]
        assert hazards, word


NEVER = (
    "suicidal_ideation", "suicidal_means", "overdose", "sexual_offense", "aggression", "stalking", "child_risk", "elder_abuse",
    "dv_words", "restraining_order", "caller_unsafe", "gang", "extortion", "missing_person", "mental_crisis", "weapon_access",
)  # fmt: skip


def test_no_listed_word_is_one_of_despair_of_the_helpless_or_of_fear() -> None:
    listed = [entry for language in ("en", "es") for entry in PROTOCOL.document["ambiguous"][language]]
    for word in {word for entry in listed if " " not in entry for word in entry.split("|")}:
        assert not {found.rule for found in read(word, PROTOCOL).findings} & set(NEVER), word


@pytest.mark.parametrize("word", ["gun", "knife", "pistol", "pistola", "cuchillo", "machete", "rifle", "axe", "espada"])
def test_no_weapon_that_one_holds_is_ambiguous(word: str) -> None:
    told = f"RP says the roommate talks about the {word} in the shower and sings every morning."
    assert decided(said(f"{QUARREL} {told} {RECITAL}")).verdict is Verdict.UNSAFE


@pytest.mark.parametrize(
    "told",
    [
        "The cook shot the neighbor in the kitchen and the owner wants new locks and new pictures.",
        "Dice entre risas que lo va a matar un día de estos y pide otra ranchera para todos.",
        "The coach says he'd kill for a quiet field and wants the drums to stop before the party.",
        "In the kitchen with soup and flowers and music the cook hit RP over the recipe.",
    ],
)
def test_what_is_done_or_promised_to_a_person_is_no_ambiguous_word(told: str) -> None:
    hazards = [one for one in read(told, PROTOCOL).findings if PROTOCOL.rules[one.rule].effect is Effect.UNSAFE]
    assert not all(one.ambiguous_in for one in hazards)
    assert decided(said(f"{QUARREL} {told} {RECITAL}")).verdict is Verdict.UNSAFE


def test_the_story_is_heard_beside_an_ambiguous_word() -> None:
    locked = "Nobody hears her when she knocks from inside the pantry, he says she can wait until Sunday."
    decision = decided(said(f"{QUARREL} {locked} {MENU}"))
    assert decision.verdict is Verdict.REVIEW
    assert {SECOND_OPINION, "weapon"} <= rules(decision, Effect.REVIEW)


def test_a_review_is_no_less_for_an_ambiguous_word() -> None:
    told = "There is talk of payback at the park, says the coach who wants new nets and a bench."
    found = {one.rule: one.ambiguous_in for one in read(told, PROTOCOL).findings}
    assert found["gang_rumor"] == ()
    assert found["threat_implied"] != ()


def test_a_strange_word_in_its_sentence_still_needs_an_explanation() -> None:
    told = "He keeps the old heirloom near the entrance, shot of {} hills"
    assert read(told.format("purple"), PROTOCOL).unexplained == ()
    assert [found.words.quote for found in read(told.format("zorpel"), PROTOCOL).unexplained] == [told.format("zorpel")]


def test_a_misspelled_word_is_meant_as_it_says() -> None:
    told = MENU.replace("shot", "shott")
    assert {found.ambiguous_in for found in read(told, PROTOCOL).findings} == {()}
    assert decided(said(f"{QUARREL} {told}")).verdict is Verdict.UNSAFE


def test_the_question_is_about_the_hazard() -> None:
    asked = under(f"{QUARREL} {MENU}", above=1e6, above_ambiguous=-1e6).ask_next
    assert asked is not None
    assert asked.fact == "weapons"


def test_a_plan_that_excludes_the_hazard_returns_the_call_even_where_it_is_only_shown() -> None:
    plan = PlanRules(excluded_reasons=frozenset({"weapon"}))
    assert "plan_excludes" in rules(decided(said(f"{QUARREL} {MENU}"), plan=plan), Effect.RETURN)


def test_with_nobody_to_ask_every_word_counts() -> None:
    alone = replace(PROTOCOL, second_opinion=None)
    assert decide(evidence(said(f"{QUARREL} {MENU}")), alone, PlanRules()).verdict is Verdict.UNSAFE
