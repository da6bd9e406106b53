"""Folding: what hides a word from a list is undone, and each word still knows where it stood."""

import pytest

from services.intake.domain.triage.text import Break, fold, foreign_share, spellings, tokenize


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("KNIFE", "knife"),
        ("Él traía un Cuchillo", "el traia un cuchillo"),
        ("año", "ano"),
        ("isn't", "isnt"),
        ("isn’t", "isnt"),
        ("RP's", "rps"),
        ("ｋｎｉｆｅ", "knife"),  # full width
        ("кnife", "knife"),  # Cyrillic к
        ("gυn", "gun"),  # Greek υ
        ("kn\u200bife", "knife"),  # zero width
        ("kn\u00adife", "knife"),  # soft hyphen
        ("k\u0336n\u0336ife", "knife"),  # combining strokes
        ("k n i f e", "knife"),
        ("unit A. k n i f e", "unit a knife"),
        ("k.n.i.f.e", "knife"),
        ("K-N-I-F-E", "knife"),
        ("he has a 🔪", "he has a knife"),
        ("💣", "bomb"),
        ("𝐠𝐮𝐧", "gun"),  # mathematical letters
        ("ﬁre", "fire"),  # a ligature
        ("w/ a bat", "w a bat"),
        ("", ""),
        ("\u200b\u200b", ""),
        ("... !!", ""),
    ],
)
def test_what_hides_a_word_is_undone(written: str, read: str) -> None:
    assert fold(written) == read


def test_initials_are_not_joined_to_a_word() -> None:
    assert fold("l a pd") == "l a pd"


@pytest.mark.parametrize(("written", "meant"), [("kn1fe", "knife"), ("gunnn", "gun"), ("4rm4s", "armas")])
def test_a_word_is_tried_in_the_spellings_that_it_may_be_meant_for(written: str, meant: str) -> None:
    assert meant in spellings(written)
    assert written in spellings(written)


def test_each_word_knows_where_it_stood_in_the_original() -> None:
    text = "  Trae un cu\u200bchillo, ¿no?"
    for token in tokenize(text):
        assert text[token.start : token.end].strip() == text[token.start : token.end]
        assert fold(text[token.start : token.end]) == token.word


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("a b", Break.NONE),
        ("a-b", Break.NONE),
        ("a: b", Break.COLON),
        ("a, b", Break.COMMA),
        ("ab/cd", Break.SOFT),
        ("a (b", Break.SOFT),
        ("a. b", Break.HARD),
        ("a\nb", Break.HARD),
        ("a, b; c"[:4], Break.COMMA),
        ("a,. b", Break.HARD),
        ("w/b", Break.NONE),
        ("la .38", Break.NONE),  # a decimal point
        ("gone. 38", Break.HARD),
        ("gone ..38", Break.HARD),
        ("la .38\u200b", Break.NONE),
    ],
)
def test_what_stands_between_two_words_is_kept(text: str, before: Break) -> None:
    assert tokenize(text)[1].before is before


def test_the_first_word_begins_a_sentence() -> None:
    assert tokenize("one")[0].before is Break.HARD


@pytest.mark.parametrize(
    ("text", "share"),
    [("", 0.0), ("123 !?", 0.0), ("argüir ñandú", 0.0), ("привет", 1.0), ("ab 你好", 0.5), ("ab. 你好. abc", 1.0)],
)
def test_the_share_of_letters_of_other_scripts(text: str, share: float) -> None:
    assert foreign_share(text) == share
