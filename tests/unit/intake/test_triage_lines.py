"""What line breaks mean: some are certainly no ends of sentences, others may be none, and what either reading finds counts."""

import re
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
        ("Mr. A hit Sra. Ruiz, MRS. b. Dr. 5", "Mr  A hit Sra  Ruiz, MRS  b. Dr. 5"),
    ],
)
def test_what_may_be_no_end_of_a_sentence_is_blank_and_every_other_character_stays_in_its_place(
    text: str, read_on: str
) -> None:
    assert run_on(text) == read_on
    assert len(read_on) == len(text)


def three_lines(first: str) -> str:
    """Return a text that looks wrapped at the width of its first line."""
    told = (
        "knife in his hand and he is still there in the yard beside his car and looks at both of them all of the time"
    )
    second, third = textwrap.wrap(told, len(first))[:2]
    return f"{first}\n{second}\n{third.split()[0]}"


GOES_ON: Final = {
    "weapons, no threats,": "The two neighbors argue about the fence between their\nyards and about its cost. RP says no weapons, no\n"
    "threats, nobody hurt, and that both of them are\nwilling to meet with a mediator today.",
    "no hay amenazas, sin heridos": "Los vecinos discuten por la barda y por el ruido, puras\r\n"
    "palabras. No hay armas, no hay golpes, no hay amenazas, sin\r\nheridos, y los dos quieren hablar con alguien neutral.",
    "their fence": "A call.\n\nNeighbors argue about the noise and about their\nfence again.\n\nBoth are at home.\nBoth are calm.",
    "NO THREATS OR INJURIES": "NEIGHBORS ARGUE OVER A SHARED FENCE AND OVER WHO PAYS FOR THE PAINT, NO THREATS OR\n  INJURIES",
    "no weapons or any threats": "Neighbors argue over a shared fence and over who pays for its paint, no weapons or\nany threats",
}
ENDS: Final = {
    "an answer": f"{CALM} only so far, RP was asked about any weapons: no\nknife in his hand",
    "an answer of two lines": f"{CALM} only so far, no weapons, no\nknife in his hand",
    "an answer to a question": three_lines(f"{CALM} only, RP. Are there weapons? No"),
    "an answer of its own": three_lines(f"{CALM} only so far. RP knows them. No"),
    "somebody's answer": three_lines(f"{CALM} only so far, and she says no"),
    "an answer behind answers": three_lines(f"{CALM}, any weapons, no, injuries, no"),
    "an answer behind any": three_lines(f"{CALM} only so far, any weapons, no"),
    "an answer behind weapons": three_lines(f"{CALM} only, RP says weapons, no"),
    "an answer behind a denial": three_lines(f"{CALM}, no weapons, RP says no"),
    "an answer behind no sir": three_lines(f"{CALM} only, RP said no sir, no"),
    "an answer behind what is not": three_lines(f"{CALM} only, they are not family, no"),
    "an answer behind no plate": three_lines(f"{CALM} only so far, no plate, no"),
    "an answer without a comma": three_lines(f"{CALM} only, no weapons injuries no"),
    "an answer behind and": three_lines(f"{CALM} only, asked about weapons and no"),
    "a denial of its own": f"{CALM} only so far and RP reports no weapons\nknife in his hand",
    "a new sentence": f"{CALM} only so far, no weapons or\nKnife in his hand",
    "what is left out": f"{CALM} only so far, no weapons that RP knows of\nknife in his hand",
    "somebody": f"{CALM} only so far, RP says that nobody hit her\nknife in his hand",
    "what is there": f"{CALM} only so far, nobody is there but\nknife in his hand",
    "short remarks": "no weapons seen, or\nknife in his hand",
    "room was left on the line": f"{CALM} only, no weapons, or\nknife in his hand and he says that she will be next\nhe left",
    "a stamp": f"{CALM} only so far, no weapons at all or\n[14:22] knife in his hand",
    "a paragraph": f"{CALM} only so far, no weapons at all or\n\nknife in his hand",
    "an odd break": f"{CALM} only so far, no weapons at all or\r\r\nknife in his hand",
    "two odd breaks": f"{CALM} only so far, no weapons at all or\u2028\nknife in his hand",
}


@pytest.mark.parametrize(("joined", "text"), GOES_ON.items())
def test_a_line_that_software_has_wrapped_goes_on(joined: str, text: str) -> None:
    assert joined in re.sub(" +", " ", without_breaks(text))
    assert len(without_breaks(text)) == len(text)


@pytest.mark.parametrize("text", ENDS.values(), ids=ENDS)
def test_any_other_break_stays(text: str) -> None:
    assert without_breaks(text) == text


@pytest.mark.parametrize("text", ENDS.values(), ids=ENDS)
def test_what_begins_a_line_is_not_denied_by_the_end_of_the_one_before(text: str) -> None:
    assert decided(said(text)).verdict is Verdict.UNSAFE


def test_a_protocol_that_lists_no_words_joins_no_lines() -> None:
    document = {name: section for name, section in PROTOCOL.document.items() if name != "line_ends"}
    assert all(unwrapped(text, parse_protocol(document).line_ends) == text for text in GOES_ON.values())


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
        assert sum(case.decide().verdict is Verdict.SAFE for case in wrapped) >= 0.7 * len(calm) > 100


def test_a_wrapped_danger_counts() -> None:
    told = f"{QUARREL} He said that he has a gun in the car and that he is going to use it on her and on anybody else."
    assert decided(said("\n".join(textwrap.wrap(told, 60)))).verdict is Verdict.UNSAFE
