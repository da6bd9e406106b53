"""What must be explained by something ordinary, and what is not understood."""

from dataclasses import replace

import pytest

from services.intake.domain.triage.model import Verdict
from services.intake.domain.triage.reader import Reading, read
from tests.unit.intake.evidence import PROTOCOL, QUARREL, decided, said


def reading(text: str) -> Reading:
    return read(text, PROTOCOL)


def test_a_sentence_that_nothing_explains_is_shown() -> None:
    shown = reading("They argue about parking and rent again. The moon was green over hills. No weapons.")
    assert [words.quote for words in shown.unexplained_harmless] == ["The moon was green over hills"]
    assert shown.unexplained == ()


def test_much_that_nothing_explains_is_not_understood_whatever_else_is_told() -> None:
    strange = ["The moon was green over hills", "Clouds drift northward under copper bridges before sunrise came"]
    for told in (
        ". ".join(strange),
        f"{strange[0]}. They argue about parking and the rent again. {strange[1]}. No weapons.",
    ):
        assert [words.quote for words in reading(told).unexplained_harmless] == strange  # the shipped limit is high
        strict = replace(PROTOCOL, limits=replace(PROTOCOL.limits, unexplained_words_forgiven=12))
        assert [found.words.quote for found in read(told, strict).unexplained] == strange
        assert read(told, strict).unexplained_harmless == ()


@pytest.mark.parametrize(
    ("text", "garbled"),
    [
        ("They argue about parking. Asdf hjkl.", True),
        ("They argue about parking. Asdf. Hjkl. They argue about the rent.", True),
        (
            "Asdf argues about parking. The neighbor wants them to talk. They live next door. Hjkl complains about rent.",
            False,
        ),
        ("The neighbor wants them to talk about parking. Asdf about rent. They live next door.", True),
        ("They argue about parking. Asdf.", True),
        ("They argue about parking. RP is Asdf.", False),
        ("They argue about parking. RP IS ASDF.", True),
        ("They argue about parking. Asdf called.", True),
        ("They argue about parking. On Asdf.", True),
        ("They argue about parking. RP is Asdf hjkl.", True),
        ("Mrs. Asdf argues about parking with the neighbor.", False),
        ("", False),
    ],
)
def test_what_is_known_elsewhere_makes_no_words_understood(text: str, garbled: bool) -> None:
    assert reading(text).garbled is garbled


OTHER_LANGUAGES = [
    "Er hat ein Messer.", "Mein Nachbar hat ein Gewehr im Haus.", "Il va la tuer.", "Il est par terre, il ne respire plus.",
    "Ele vai me matar.", "Lui ha un coltello.", "May baril ang lalaki.", "Gusto niyang magpakamatay.", "Nó có súng.",
    "Em tôi muốn tự tử.", "Ta you qiang.", "Wo hen pa.", "Kal isseoyo.", "On menya ubyot.", "Na zenk uni.", "Chaghoo dare.",
    "Huwa yadribni.", "Uske paas bandook hai.", "Silahı var.", "Beni öldürecek.", "On ma broń.", "Li gen yon kouto.",
    "Hij heeft een wapen in huis.", "Ana bunduki.", "Wuxuu haystaa mindi.", "Han har en kniv.", "Are un cuțit.",
    "Tasukete.", "Echei oplo.", "Nws muaj riam.", "K'o jun uch'ich' ruk'in.", "Má zbraň.", "Vin maye nizh.",
]  # fmt: skip


@pytest.mark.parametrize("told", OTHER_LANGUAGES)
def test_a_sentence_of_another_language_is_for_a_person_whatever_is_told_around_it(told: str) -> None:
    for narrative in (told, f"{QUARREL} {told}", f"{told} {QUARREL}"):
        assert decided(said(narrative)).verdict is not Verdict.SAFE, narrative


@pytest.mark.parametrize("told", ["He was stabed.", "La golpió."])
def test_a_misspelled_danger_counts_though_it_begins_as_a_listed_word(told: str) -> None:
    assert decided(said(f"{QUARREL} {told}")).verdict is not Verdict.SAFE


@pytest.mark.parametrize(
    "told", ["He has thegun.", "He pulled aknife on her.", "Hes bleedingout.", "RP thinks hehasaweapon."]
)
def test_so_is_one_whose_words_are_glued_together(told: str) -> None:
    assert decided(said(f"{QUARREL} {told}")).verdict is not Verdict.SAFE


@pytest.mark.parametrize(
    "told",
    [
        "He keeps the old heirloom right by the entrance",
        "She is patting the small of her back and grinning",
        "Man was turning over dirt w/ a spading fork",
        "He told them they wont be strolling much longer",
        "One said he'd put the other in traction",
        "He came back with whatever was in that trunk",
        "He stands behind her and hums",
        "Trae algo envuelto y se ríe",
        "Dijo que ya van a saber lo que es bueno",
        "Salió a traer algo del baúl y sonrió",
    ],
)
def test_what_is_held_fetched_or_announced_needs_an_explanation(told: str) -> None:
    found_there = reading(f"They argue about parking. {told}. No weapons.")
    spoken = {finding.words.quote for finding in found_there.findings}
    assert told in [found.words.quote for found in found_there.unexplained] or spoken, told


def test_what_is_quoted_needs_an_explanation_of_its_own() -> None:
    text = 'They argue about parking and he said "moon over green hills" twice. No weapons.'
    assert [found.words.quote for found in reading(text).unexplained] == ["moon over green hills"]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('The pipe is 6" wide. He said "orchids by morning" and left', ["orchids by morning"]),
        ('She says "orchids. He said "orchids by morning" and left', ["orchids by morning"]),
        ('He said:"orchids by morning", left', ["orchids by morning"]),
        ('He said " orchids by morning " twice', ["orchids by morning"]),
        ("He said “orchids by morning!” Twice", ["orchids by morning"]),
        ('The pipe is 6" wide and 3" thick', []),
    ],
)
def test_a_quotation_mark_left_over_turns_no_other(text: str, quoted: list[str]) -> None:
    assert [found.words.quote for found in reading(text).unexplained] == quoted


def test_a_deed_needs_more_words_that_explain_it() -> None:
    told = "They bicker while he lifted the gray parcel"
    assert [found.words.quote for found in reading(f"{told}. No weapons.").unexplained] == [told]
    harmless = reading("They bicker while he strolled under gray clouds. No weapons.")
    assert (harmless.unexplained, harmless.unexplained_harmless) == ((), ())
