"""What line breaks mean: some are certainly no ends of sentences, others may be none, and what either reading finds counts."""

import textwrap
from itertools import islice
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.triage.lines import run_on, unwrapped
from services.intake.domain.triage.model import Verdict
from services.intake.domain.triage.protocol_parse import parse_protocol
from tests.unit.intake.evidence import PROTOCOL, QUARREL, decided, said
from tests.unit.intake.test_triage_cases import cases

CALM: Final = "Neighbors argue about the noise, verbal"


def without_breaks(text: str) -> str:
    return unwrapped(text, PROTOCOL.line_ends)


@pytest.mark.parametrize(
    ("text", "read_on"),
    [
        ("shooting at\ncars", "shooting at cars"),
        ("shooting at\r\ncars", "shooting at  cars"),
        ("they argue\n\nhe left", "they argue\n\nhe left"),
        ("at\n[14:22:01 OPR 7] cars", f"at{' ' * 18}cars"),
        ("at\n14:22 cars", "at       cars"),
        ("he... has… it.", "he    has  it."),
        ("One. Two? [3]", "One. Two? [3]"),
        ("[14:22] He left", "        He left"),
    ],
)
def test_what_may_be_no_end_of_a_sentence_is_blank_and_every_other_character_stays_in_its_place(
    text: str, read_on: str
) -> None:
    assert run_on(text) == read_on
    assert len(read_on) == len(text)


GOES_ON: Final = (
    "The two neighbors argue about the fence, calm voices. RP says no weapons, no\nthreats, nobody hurt.",
    "The two neighbors argue about the fence again, in calm voices. RP has seen that the\nother one has no weapons.",
    "Los vecinos discuten por la barda, puras palabras. No hay armas ni golpes, sin\namenazas, nadie lastimado.",
    "TWO NEIGHBORS ARGUE ABOUT THE FENCE AGAIN, CALM VOICES ONLY, NO WEAPONS AND NO\nTHREATS",
    (
        "Neighbors argue over a shared fence, nobody else is there. No\r\n"
        "weapons, no threats, both stay in their own yards today. No\r\nother calls today."
    ),
)
ENDS: Final = {
    "an answer": f"{CALM} only so far, RP was asked about any weapons: no\nknife in his hand",
    "an answer to a question": f"{CALM} only so far. RP, are there any weapons? No\nknife in his hand",
    "an answer to a question of three lines": (
        "Neighbors argue about the noise, are there any weapons? No\n"
        "knife in his hand and he is still in the yard by his car\nwaiting"
    ),
    "somebody's answer": f"{CALM} only so far, RP was asked and she says no\nknife in his hand",
    "an answer of two lines": f"{CALM} only so far. RP was asked for weapons. No\nknife in his hand",
    "a denial of its own": f"{CALM} only so far and RP reports no weapons\nknife in his hand",
    "a new sentence": f"{CALM} only so far, no weapons and no\nKnife in his hand",
    "answers, one behind the other": f"{CALM} only so far, RP says weapons no, no\nknife in his hand",
    "an answer behind answers": f"{CALM} only so far, RP says any weapons, no, injuries, no\nknife in his hand",
    "an answer without a comma": f"{CALM} only so far, RP says no weapons injuries no\nknife in his hand",
    "an answer behind and": f"{CALM} only so far, RP was asked about weapons and no\nknife in his hand",
    "what is left out": f"{CALM} only so far, no weapons that RP knows of\nknife in his hand",
    "somebody": f"{CALM} only so far, RP says that nobody hit her\nknife in his hand",
    "short remarks": "no weapons seen, no\nknife in his hand",
    "room was left on the line": f"{CALM} only, no weapons, no\nknife in his hand and he says that she will be next\nhe left",
    "a stamp": f"{CALM} only so far, no weapons at all and no\n[14:22] knife in his hand",
    "a paragraph": f"{CALM} only so far, no weapons at all and no\n\nknife in his hand",
}


@pytest.mark.parametrize("text", GOES_ON)
def test_a_line_that_software_has_wrapped_goes_on(text: str) -> None:
    assert without_breaks(text).split() == text.split()
    assert "\n" not in without_breaks(text)
    assert len(without_breaks(text)) == len(text)


@pytest.mark.parametrize("text", ENDS.values(), ids=ENDS)
def test_any_other_break_stays(text: str) -> None:
    assert without_breaks(text) == text


@pytest.mark.parametrize("text", ENDS.values(), ids=ENDS)
def test_what_begins_a_line_is_not_denied_by_the_end_of_the_one_before(text: str) -> None:
    assert decided(said(text)).verdict is Verdict.UNSAFE


def test_a_protocol_that_lists_no_words_joins_no_lines() -> None:
    document = {name: section for name, section in PROTOCOL.document.items() if name != "line_ends"}
    assert all(unwrapped(text, parse_protocol(document).line_ends) == text for text in GOES_ON)


@given(st.text(alphabet=st.sampled_from("no a.,:A\r\n\t"), max_size=400))
def test_nothing_but_breaks_and_blanks_beside_them_is_taken_out(text: str) -> None:
    read = without_breaks(text)
    assert len(read) == len(text)
    assert read.split() == text.split()
    assert all(a == b or (a in "\r\n\t" and b == " ") for a, b in zip(text, read, strict=True))


def test_calm_calls_in_wrapped_lines_are_nearly_all_found_safe() -> None:
    calm = [case for case in islice(cases(), 0, None, 5) if case.decide().verdict is Verdict.SAFE]
    for width in (60, 80):
        wrapped = [
            case._replace(
                record={**case.record, "narrative": "\n".join(textwrap.wrap(case.record["narrative"], width))}
            )
            for case in calm
        ]
        assert sum(case.decide().verdict is Verdict.SAFE for case in wrapped) >= 0.85 * len(calm) > 100


def test_a_wrapped_danger_counts() -> None:
    told = f"{QUARREL} He said that he has a gun in the car and that he is going to use it on her and on anybody else."
    assert decided(said("\n".join(textwrap.wrap(told, 60)))).verdict is Verdict.UNSAFE
