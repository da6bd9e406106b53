"""The notation of phrases, and that finding them takes time linear in the text."""

import gc
import sys
from collections.abc import Callable
from itertools import product
from types import FrameType
from typing import Any

import pytest

from services.intake.domain.triage import walk
from services.intake.domain.triage.lexicon import Lexicon, PhraseInvalid
from services.intake.domain.triage.misspelled import Misspelled
from services.intake.domain.triage.text import tokenize
from tests.unit.intake.evidence import PROTOCOL, decided, said

CLASSES = {"body": ("arm", "leg"), "limb": ("$body", "hand*")}


def found(phrase: str, text: str, *, in_one_breath: bool = False) -> list[str]:
    """Return the stretches of `text` in which `phrase` is found."""
    lexicon = Lexicon(CLASSES)
    lexicon.add(phrase, 0, in_one_breath=in_one_breath)
    tokens = tokenize(text)
    return [" ".join(t.word for t in tokens[m.first : m.last + 1]) for m in lexicon.matches(tokens)]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("knife", "a knife, two knives", ["knife"]),
        ("shov*", "shoved and shoving", ["shoved", "shoving"]),
        ("gun|pistol*", "pistols and a gun", ["pistols", "gun"]),
        ("[a|the] gun", "a gun the gun gun", ["a gun", "gun", "the gun", "gun", "gun"]),
        ("hit ..2 bat", "hit him with bat", ["hit him with bat"]),
        ("hit ..2 bat", "hit bat", ["hit bat"]),
        ("hit ..2 bat", "hit him with a bat", []),
        ("hit $body", "hit arm", ["hit arm"]),
        ("hit $limb", "hit hands", ["hit hands"]),
        ("one _ three", "one two three", ["one two three"]),
        ("# people", "12 people", ["12 people"]),
        ("hit him", "hit. him", []),
        ("hit him", "hit, him", ["hit him"]),
        ("let ? go", "let zzyzx go", ["let zzyzx go"]),
        ("let ? go", "let go go", []),
        ("let ? go", "let 7 go", []),
        ("kn1fe", "kn1fe", ["kn1fe"]),
        ("knife", "kn1fe", ["kn1fe"]),
        ("knife", "knnnife", ["knnnife"]),
    ],
)
def test_a_phrase_is_found_where_its_notation_says(phrase: str, text: str, expected: list[str]) -> None:
    assert found(phrase, text) == expected


def test_of_the_same_owner_the_longest_phrase_from_a_word_is_found() -> None:
    assert found("no [one|body] [was]", "no one was hurt") == ["no one was"]


def test_a_phrase_in_one_breath_crosses_no_comma() -> None:
    assert found("no screaming", "no, screaming", in_one_breath=True) == []
    assert found("no screaming", "no screaming", in_one_breath=True) == ["no screaming"]


@pytest.mark.parametrize(
    "phrase",
    [
        "", "..2 knife", "knife ..2", "_ knife", "knife ..9", "knife ..x y", "[a b", "Knife", "cuchillo;", "añejo", "$none",
        "[a] [b]", "a b c d e f g h i j k l m",
    ],
)  # fmt: skip
def test_what_is_no_phrase_is_refused(phrase: str) -> None:
    with pytest.raises(PhraseInvalid):
        found(phrase, "text")


def calls_made(what: Callable[[], object]) -> int:
    """Return how many calls of functions `what` makes: work that does not depend on how busy the machine is."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        what()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "pattern",
    [
        "ni golpes ",
        "no weapons, ",
        "no weapons no threats ",
        "if he comes back again ",
        "le va a ir ",
        "s1 says no ",
        "zzyzx ",
        "a ",
        "\u200b ",
        "went back out to his the truck and ",
        "12 people ",
        "neighbors arguing. ",
        "no not never without any of any ",
        "nobody hurt or threats and ",
    ],
)
def test_twice_the_text_takes_no_more_than_about_twice_the_work(pattern: str) -> None:
    def work(length: int) -> int:
        text = (pattern * (length // len(pattern) + 1))[:length]
        decided(said(text))  # what is cached for good is cached now
        return calls_made(lambda: decided(said(text)))

    assert work(3_000) < 2.4 * work(1_500) + 2_000


def test_a_word_that_is_only_known_is_found_nowhere_and_is_not_unknown() -> None:
    lexicon = Lexicon({"kin": ["aunt", "uncle"]})
    lexicon.add("he ?", 0)
    lexicon.add_known("sidewalk|$kin|garden*")
    lexicon.learn_misspellings()
    assert all(lexicon.knows(word) for word in ("sidewalk", "aunt", "gardening"))
    assert not lexicon.knows("zqx")
    assert lexicon.matches(tokenize("sidewalk aunt he gardens")) == []
    assert [match.first for match in lexicon.matches(tokenize("he zqx"))] == [0]


@pytest.mark.parametrize("turn", ["no weapons ", "if he comes, ", "told RP he'd. ", "ni golpes / "])
def test_a_repetition_is_read_as_each_of_its_turns(turn: str) -> None:
    few, many = tokenize(turn * 20), tokenize(turn * 300)
    inside = 20 * len(tokenize(turn)) - 24  # no phrase from there reaches the end
    lexicon = PROTOCOL.lexicon
    assert [m for m in lexicon.matches(many) if m.first < inside] == [
        m for m in lexicon.matches(few) if m.first < inside
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nobody touched, kids polite", []),
        ("touched kids, all of them", ["touched kids"]),
        ("touched, hit, kids polite", []),
        ("touched, the kids", ["touched the kids"]),
        ("touched, kids.", ["touched kids"]),
        ("touched, kids, polite", ["touched kids"]),
        ("touched/kids", ["touched kids"]),
    ],
)
def test_a_phrase_held_together_does_not_end_where_something_else_begins_behind_a_comma(
    text: str, expected: list[str]
) -> None:
    lexicon = Lexicon(CLASSES)
    lexicon.add("touched ..2 kids", 0, held_together=True, every_end=True)
    tokens = tokenize(text)
    assert [" ".join(t.word for t in tokens[m.first : m.last + 1]) for m in lexicon.matches(tokens)] == expected


def test_a_figure_of_speech_goes_on_over_a_quotation_mark_and_nothing_else() -> None:
    def found_over(text: str) -> int:
        lexicon = Lexicon(CLASSES)
        lexicon.add("shot down [his] offer", 0, in_one_breath=True, over_quotes=True)
        return len(lexicon.matches(tokenize(text)))

    assert found_over('RP "shot down" his offer')
    assert not found_over('RP "shot down", his offer')
    assert not found_over("RP shot down (his offer)")
    assert found("no weapons", 'no "weapons"', in_one_breath=True) == []


def test_of_a_phrase_held_together_the_shorter_one_stands_before_the_comma() -> None:
    lexicon = Lexicon(CLASSES)
    lexicon.add("scratched ..1 owner", 0, held_together=True)
    lexicon.add("scratched her", 0, held_together=True)
    assert [(m.first, m.last) for m in lexicon.matches(tokenize("scratched her, owner says"))] == [(0, 1)]


def test_a_phrase_held_together_ends_behind_a_comma_with_a_word_that_says_how_somebody_is() -> None:
    lexicon = Lexicon(CLASSES)
    lexicon.add("in the tub alone|crying|water", 0, held_together=True)
    assert not lexicon.matches(tokenize("in the tub, alone since noon"))
    lexicon.go_on_behind_commas(["alone"], ["ing"])
    assert lexicon.matches(tokenize("in the tub, alone since noon"))
    assert lexicon.matches(tokenize("in the tub, crying since noon"))
    assert not lexicon.matches(tokenize("in the tub, water is cold"))


def test_steps_are_forgotten_before_they_fill_the_memory_and_nothing_is_read_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk, "_MOST_REMEMBERED", 50)
    lexicon = Lexicon({})
    lexicon.add("hit ..2 bat", 0)
    for number in range(200):
        lexicon.add(f"word{number} hit", 1)
    for number in range(200):
        read = lexicon.matches(tokenize(f"word{number} hit him with bat"))
        assert [(m.owner, m.first, m.last) for m in read] == [(1, 0, 1), (0, 1, 4)]
        assert lexicon.steps_remembered < 100


def test_a_misspelling_may_stand_for_each_word_that_is_a_letter_away() -> None:
    assert set(Misspelled(["shove", "shore", "other"]).meant_by("shoe")) == {"shove", "shore"}


def test_the_garbage_collector_has_next_to_nothing_to_follow_in_phrases_and_walks() -> None:
    """Else it stops a decision now and then for as long as it takes to look through all of them."""
    letters = "abcdefgh"
    lexicon = Lexicon({})
    before = _followed()
    for number, (one, two, three) in enumerate(product(letters, repeat=3)):
        lexicon.add(f"{one}{two} ..3 {two}{three} [{one}] {three}{one}", number)
    places = 6 * len(letters) ** 3
    assert _followed() - before < places / 2, "phrases"
    before = _followed()
    for words in product(letters, repeat=4):
        lexicon.matches(tokenize(" ".join(one + two for one, two in product(words, repeat=2))))
    assert lexicon.steps_remembered > 5_000
    assert _followed() - before < lexicon.steps_remembered / 20, "walks"


def _followed() -> int:
    gc.collect()
    return len(gc.get_objects())
