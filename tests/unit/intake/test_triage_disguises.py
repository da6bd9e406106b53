"""A danger is found however it is written: in wrapped lines, between dots, spelled out, with digits, in pictures, in unknown fields."""

import textwrap
from collections.abc import Callable
from itertools import islice
from typing import Final

import pytest

from services.intake.domain.triage.decide import clearance_of
from services.intake.domain.triage.model import Statement, Verdict
from tests.unit.intake.evidence import QUARREL, RECITAL, decided, rules, said, without
from tests.unit.intake.test_triage_cases import cases

DISGUISED: Final = (
    "Suspect has 2guns.", "He has 2knives in the truck.", "Male w/1gun", "sees 1knife", "he has a gun1", "x2knives", "has a 9un",
    "G U N", "G-U-N", "a g u n", "He has a b a t.", "He has a 🏹", "He stands there with ⛏️", "🆘 help", "he has a 🅖🅤🅝", "he has a 🇬🇺🇳",
    "Weapons: none knife",
)  # fmt: skip
HARMLESS: Final = (
    "Both say thanks 🙏", "They talk again 👍", "It is about a 100lbs couch.", "He lives in unit 2b on 60th st.", "It began at 10am.",
    "A B C Plumbing parks there.", "Weapons: none. Injuries: none.", "They argue...\nand argue...",
)  # fmt: skip


@pytest.mark.parametrize("words", DISGUISED)
def test_a_disguised_danger_is_not_safe(words: str) -> None:
    assert decided(said(f"{QUARREL} {words}")).verdict is not Verdict.SAFE


@pytest.mark.parametrize("words", HARMLESS)
def test_what_only_looks_like_one_is(words: str) -> None:
    assert decided(said(f"{QUARREL} {words}")).verdict is Verdict.SAFE


def stamped(text: str) -> str:
    return "\n".join(f"[14:22:{at:02} OPR 1121] {line}" for at, line in enumerate(textwrap.wrap(text, 60)))


WRITTEN: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: "\n".join(textwrap.wrap(text, 40)),
    lambda text: "\r\n".join(textwrap.wrap(text, 60)),
    lambda text: "\u2028".join(textwrap.wrap(text, 72)),
    lambda text: text.replace(" ", "..."),
    lambda text: text.replace(" ", "… ", 5),
    stamped,
)


def test_no_danger_of_our_cases_is_lost_where_lines_are_wrapped_or_dots_stand_between_words() -> None:
    lost = []
    for number, case in enumerate(islice(cases(), 0, None, 2)):
        if case.expected["safe_for_civilian"] is False:
            narrative = WRITTEN[number % len(WRITTEN)](case.record["narrative"])
            written = case._replace(record={**case.record, "narrative": narrative})
            if written.decide().verdict is Verdict.SAFE:
                lost.append(narrative)
    assert lost == []


@pytest.mark.parametrize(
    "danger",
    [
        "Neighbor charges up to RP over the scooter and the shared outlet.",
        "El cliente dice que dejo una bomba en el taller por el cobro. Sin armas, no se tocaron, nadie herido, sin amenazas.",
    ],
)
def test_stamps_make_no_danger_sound_calmer(danger: str) -> None:
    assert decided(said(stamped(danger))).verdict is not Verdict.SAFE


def test_a_denial_that_a_line_break_makes_denies_nothing() -> None:
    """Read without the break it is the accused's, and with it nobody's: only what both deny is denied."""
    both = decided(said(f"{QUARREL} Suspect says that there are\nno weapons.", answers=without("weapons")))
    assert "weapons" in both.missing


CLAIMS: Final = (
    "Suspect says, {}", 'Suspect said: "{}"', "Suspect says: {}", "S1 stated, {}", "Per S1, {}", "RP is not sure, {}",
    "Suspect says he was just leaving, {}",
)  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_the_accused_denies_behind_a_comma_proves_nothing_all_through_the_list(claim: str) -> None:
    words = claim.format("no threats, nobody hurt, no weapons.")
    for fact in ("weapons", "injuries", "threats"):
        assert decided(said(f"{QUARREL} {words}", answers=without(fact))).verdict is not Verdict.SAFE


def test_what_the_accused_denies_behind_a_comma_is_no_danger_either() -> None:
    assert decided(said(f"{QUARREL} Suspect says, no threats, nobody hurt, no weapons.")).verdict is Verdict.SAFE


def test_what_the_caller_denies_after_the_accused_spoke_counts() -> None:
    words = "The neighbor says he is tired, RP says no weapons."
    assert decided(said(f"{QUARREL} {words}", answers=without("weapons"))).verdict is Verdict.SAFE


class TestSecondOpinionOfLaterMessages:
    FIRST = f"{QUARREL} He said he is coming back tonight."

    def update(self, narrative: str) -> Statement:
        return Statement(narrative=narrative, answers={}, source="update:1", language="en")

    def test_a_clearance_does_not_cover_what_is_told_beside_the_sentence_that_was_quoted(self) -> None:
        clearance = clearance_of(decided(said(self.FIRST)), "reviewer")
        assert decided(said(self.FIRST), clearances=[clearance]).verdict is Verdict.SAFE
        for more in ("He said he knows where they nap.", "He said she'd be planted by spring."):
            later = self.update(f"{self.FIRST} Brothers argue about a truck. {more}")
            assert decided(said(self.FIRST), later, clearances=[clearance]).verdict is Verdict.REVIEW

    def test_the_same_account_again_asks_nobody_again(self) -> None:
        clearance = clearance_of(decided(said(self.FIRST)), "reviewer")
        assert decided(said(self.FIRST), self.update(self.FIRST), clearances=[clearance]).verdict is Verdict.SAFE


@pytest.mark.parametrize(
    "told",
    [
        "Il a un couteau et il a dit qu'il va la tuer.",
        "Er hat ein Messer und schlaegt sie.",
        "he is at her door with it running",
    ],
)
def test_what_an_unknown_field_tells_in_a_sentence_is_understood_or_a_person_reads_it(told: str) -> None:
    assert decided(said(extra_text=f"remarks: {told}\nunit: CT04 1121")).verdict is not Verdict.SAFE


def test_codes_and_names_in_unknown_fields_are_no_sentences() -> None:
    fields = "unit: CT04 1121\nbeat: 4A23 RD 412\ncalltaker: Maria Gonzalez\nremarks: caller would like a mediator to talk with both"
    assert decided(said(extra_text=fields)).verdict is Verdict.SAFE


def test_codes_and_times_beside_a_calm_sentence_in_an_unknown_field_make_it_no_garbled_one() -> None:
    remarks = "caller would like a mediator to talk with both"
    fields = f"cad update id: u7 zq\nunit: CT04\nremarks: {remarks}\nat: 2026-12-01T09:13:50.980646+00:00"
    assert decided(said(extra_text=fields)).verdict is Verdict.SAFE


@pytest.mark.parametrize(
    "fields",
    [
        "remarks: he is at\nher door with\nit running\nunit: CT04",
        "unit: CT04\nremarks: he is at\nremarks: her door with\nremarks: it running",
        "remarks: \nhe is at her door with it running",
        "he is at her door\nwith it running",
    ],
)
def test_a_sentence_in_an_unknown_field_may_go_on_for_some_lines(fields: str) -> None:
    assert decided(said(extra_text=fields)).verdict is not Verdict.SAFE


@pytest.mark.parametrize("told", ["He has a kn*fe.", "He has a g*n", "Le dio un nav*jazo."])
def test_a_letter_behind_a_star_is_for_a_person(told: str) -> None:
    decision = decided(said(f"{QUARREL} {RECITAL} {told}"))
    assert decision.verdict is not Verdict.SAFE
    assert "garbled_text" in rules(decision)


@pytest.mark.parametrize(
    "told",
    [
        "She called him a b*tch over the bill.",
        "He says it is f***ing loud.",
        "**no** weapons, *verbal* only.",
        "415*no weapons*verbal",
    ],
)
def test_a_curse_behind_a_star_and_stars_between_words_hide_nothing(told: str) -> None:
    assert "garbled_text" not in rules(decided(said(f"{QUARREL} {RECITAL} {told}")))
