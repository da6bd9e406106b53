"""Text as the lexicon reads it: folded words that still know where they stood in the original.

Folding undoes what hides a word from a list: case, accents, full-width and look-alike letters, zero-width characters,
letters set apart ("k n i f e"). One pass, linear in the length of the text.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Final, NamedTuple

# Letters of other scripts that look like Latin ones, after lower-casing.
_LOOK_ALIKE: Final = MappingProxyType(
    dict(zip("авекмнорстухіјѕԁɡαεικνορτυχı", "abekmhopctyxijsdgaeikvoptuxi", strict=True))
)
_APOSTROPHES: Final = frozenset("'’‘ʼ`´′")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
QUOTES: Final = frozenset('"“”„«»')
_HARD: Final = frozenset(".;!?…¡¿\n\r\u2028\u2029")
_SENTENCE_END: Final = re.compile(f"[{''.join(sorted(_HARD))}]")
_PICTURES: Final = MappingProxyType(
    {"🔫": "gun", "🔪": "knife", "🗡": "dagger", "⚔": "swords", "🪓": "axe", "🔨": "hammer", "💣": "bomb", "🩸": "blood"}
)
_HARMLESS_PICTURES: Final = frozenset("☎☏✅✓✔✉✏📞📱📍📷📧🙏👍👌🙂😊❤")
_ENCLOSED: Final = ((0x1F110, 0x1F129), (0x1F150, 0x1F169), (0x1F170, 0x1F189), (0x1F1E6, 0x1F1FF))
"""Letters in brackets, circles, squares and flags, A to Z, that Unicode takes for no letters."""
_SHORTEST_SPELLED_OUT: Final = 3
_SHORTEST_ALONE: Final = 4
"""Fewer letters may be initials: they stay beside the word that they spell."""
_WORDS_OF_ONE_LETTER: Final = frozenset("aeiouwy")
_MANY: Final = 3
_SHORTEST_PAIR: Final = 6
"""Two words apart by a star have so many letters together, or are one whose letter it hides."""
_CURSES: Final = (
    "fucking", "bitches", "assholes", "dickhead", "damned", "goddamn", "bullshit", "bastard", "mierda", "pendejo",
)  # fmt: skip
"""What everybody reads in spite of a star. Those that a danger is a letter away from are left out."""
_FIRST_PICTURE: Final = 0x1F000
_OLD_PICTURES: Final = frozenset(map(chr, range(0x2600, 0x27C0)))


class Break(IntEnum):
    """What stands before a word."""

    NONE = 0  # blanks, hyphens
    COLON = 1  # "weapons: none"
    QUOTE = 2  # the same as SOFT, but a figure of speech goes on: "shot down" his offer
    SOFT = 3  # a slash, brackets: a list may go on, a phrase too
    COMMA = 4  # the same, but what goes on behind it is none of a danger before it: "touched, kids polite"
    HARD = 5  # the end of a sentence: no phrase crosses it

    @property
    def is_soft(self) -> bool:
        return Break.QUOTE <= self < Break.HARD


_BREAKS: Final = MappingProxyType(
    {
        ",": Break.COMMA,
        **dict.fromkeys(QUOTES, Break.QUOTE),
        **dict.fromkeys(":=", Break.COLON),
        **dict.fromkeys("-_*\u2010\u2011", Break.NONE),
    }
)


class Token(NamedTuple):
    word: str
    """Folded: lower case, letters and digits only."""
    start: int
    """Offsets in the original text."""
    end: int
    before: Break


@lru_cache(maxsize=4096)  # a pure function of one character
def _fold_character(character: str) -> str:
    for first, last in _ENCLOSED:
        if first <= ord(character) <= last:
            return chr(ord("a") + ord(character) - first)
    decomposed = unicodedata.normalize("NFKD", character).casefold()
    kept = (c for c in unicodedata.normalize("NFKD", decomposed) if unicodedata.category(c) not in ("Mn", "Cf", "Me"))
    return "".join(_LOOK_ALIKE.get(c, c) for c in kept)


@lru_cache(maxsize=4096)
def is_picture(character: str) -> bool:
    """Tell whether `character` is a picture that may say something: one with a name is a word, any other a word that nobody knows."""
    if character in _PICTURES:
        return True
    is_one = ord(character) >= _FIRST_PICTURE or character in _OLD_PICTURES
    return (
        is_one
        and unicodedata.category(character) == "So"
        and character not in _HARMLESS_PICTURES
        and not any(first <= ord(character) <= last for first, last in _ENCLOSED)
    )


def tokenize(text: str) -> tuple[Token, ...]:
    """Return the words of `text`, in order, with their offsets in it."""
    if text.isascii():  # what folding comes to there
        folded = text.lower().replace("`", "'")
    else:
        characters = {c: "'" if c in _APOSTROPHES else _fold_character(c) for c in set(text)}
        if any(map(is_picture, characters)) or any(len(folded) != 1 for folded in characters.values()):
            return _spelled_out_joined(_any_words(text))
        folded = text.translate({ord(c): folded for c, folded in characters.items()})
    return _spelled_out_joined(_plain_words(text, folded))


def _plain_words(text: str, folded: str) -> list[Token]:
    """Return the words of a text whose characters each fold to one: found at once, where they stand."""
    tokens: list[Token] = []
    end, length, gap = 0, 0, Break.HARD  # the first word begins a sentence
    new = tuple.__new__  # what Token(...) comes to, at half its price
    for found in _WORD.finditer(folded):
        start, beyond = found.span()
        if tokens:
            between = text[end:start]
            digit = folded[start].isdigit()
            gap = Break.NONE if between == " " else _break_between(between, length, before_digit=digit)
        word, end = found.group(), beyond
        if "'" in word:
            word = word.replace("'", "")
        length = len(word)
        tokens.append(new(Token, (word, start, end, gap)))
    return tokens


@lru_cache(maxsize=4096)
def _break_between(gap: str, length: int, *, before_digit: bool) -> Break:
    """Return what the characters between a word of `length` letters and the next one break."""
    last = len(gap) - 1
    breaks = [
        _break_of(character, 0 if at else length, before_letter=at == last, before_digit=before_digit and at == last)
        for at, character in enumerate(gap)
    ]
    return max(breaks, default=Break.NONE)


def _any_words(text: str) -> list[Token]:
    """Return the words of any text, whatever hides in it."""
    seen = [(at, character, _fold_character(character)) for at, character in enumerate(text)]
    seen = [(at, character, folded) for at, character, folded in seen if folded]  # zero width: nothing to see
    tokens: list[Token] = []
    word: list[str] = []
    start = end = 0
    gap = Break.HARD  # the first word begins a sentence

    for index, (at, character, folded) in enumerate(seen):
        before_letter = index + 1 < len(seen) and seen[index + 1][2].isalnum()
        before_digit = before_letter and seen[index + 1][2].isdigit()
        if is_picture(character):
            if word:
                tokens.append(Token("".join(word), start, end, gap))
            named = _PICTURES.get(character, character)
            if word or not tokens or tokens[-1].word != named:  # a hundred of the same say no more than one
                tokens.append(Token(named, at, at + 1, Break.SOFT))
            word, gap = [], Break.SOFT
        elif folded.isalnum() and character not in _APOSTROPHES:
            start = start if word else at
            word.append(folded)
            end = at + 1
        elif not (character in _APOSTROPHES and word and before_letter):  # "isn't" is read "isnt"
            here = _break_of(character, len(word), before_letter=before_letter, before_digit=before_digit)
            if word:
                tokens.append(Token("".join(word), start, end, gap))
                word, gap = [], Break.NONE
            gap = max(gap, here)
    if word:
        tokens.append(Token("".join(word), start, end, gap))
    return tokens


def _break_of(character: str, length: int, *, before_letter: bool, before_digit: bool) -> Break:
    """Return what `character` breaks, after a word of `length` letters."""
    if character == "." and not length and before_digit:
        return Break.NONE  # "la .38"
    if character == "/" and length == 1:
        return Break.NONE  # "w/ a bat", "r/o"
    if character in _HARD:
        inside = character == "." and length > 0 and before_letter
        return Break.SOFT if inside else Break.HARD
    return Break.NONE if character.isspace() else _BREAKS.get(character, Break.SOFT)


def _spelled_out_joined(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Join runs of single letters, so that "k n i f e" and "k.n.i.f.e" are one word."""
    joined: list[Token] = []
    run: list[Token] = []
    for token in tokens:
        word = token.word
        letter = len(word) == 1 and word.isalpha()
        if run and (not letter or token.before is Break.HARD):
            joined.extend(_join(run))
            run = []
        (run if letter else joined).append(token)
    joined.extend(_join(run))
    return tuple(joined)


def _join(run: Sequence[Token]) -> Sequence[Token]:
    """Return a run of letters as the word that it spells; what stands before it may be a word of one letter."""
    if len(run) < _SHORTEST_SPELLED_OUT:
        return run
    spelled = [Token("".join(token.word for token in run), run[0].start, run[-1].end, run[0].before)]
    if len(run) < _SHORTEST_ALONE:
        return [*run, *spelled]
    if run[0].word in _WORDS_OF_ONE_LETTER:  # "a g u n", or "a r m a d o"
        spelled.append(Token(spelled[0].word[1:], run[1].start, run[-1].end, run[1].before))
    return spelled


def questions(text: str, tokens: Sequence[Token]) -> frozenset[int]:
    """Return the indexes of the words that stand in a question."""
    if "?" not in text:
        return frozenset()
    asked: list[int] = []
    first = 0
    for at in range(1, len(tokens) + 1):
        if at == len(tokens) or tokens[at].before is Break.HARD:
            end = tokens[at].start if at < len(tokens) else len(text)
            if "?" in text[tokens[at - 1].end : end]:
                asked.extend(range(first, at))
            first = at
    return frozenset(asked)


_REPEATED: Final = re.compile(r"(.)\1\1")
_LEET: Final = str.maketrans("013456789", "oieasgtbg")
_LETTERS: Final = re.compile(r"[^\W\d]{3,}")


def spellings(word: str) -> tuple[str, ...]:
    """Return `word` and the other words that it may be meant for: "kn1fe", "knifeee", "cuchiiillo"."""
    if word.isalpha() and _REPEATED.search(word) is None:
        return (word,)
    found = [word]
    if not word.isdigit() and sum(map(str.isalpha, word)) > 1:  # "3x" is no "ex"
        found.append(word.translate(_LEET))
        found.extend(run for run in _LETTERS.findall(word) if run != word)  # "2guns", "x2knives"
    if any(len(set(word[i : i + _MANY])) == 1 for i in range(len(word) - _MANY + 1)):
        runs = ["".join(run) for _, run in groupby(word)]
        found.append("".join(run[0] if len(run) >= _MANY else run for run in runs))
        found.append("".join(run[0] for run in runs))
    return tuple(found)


def has_masked_word(text: str, tokens: Sequence[Token], knows: Callable[[str], bool]) -> bool:
    """Tell whether a star hides a letter of a word: "kn*fe". Which curse is meant ("f*ck"), everybody knows.

    `knows` tells words from their parts: "male*no weapons" hides nothing.
    """
    return "*" in text and any(_is_masked(text, before, word, knows) for before, word in pairwise(tokens))


def _is_masked(text: str, before: Token, word: Token, knows: Callable[[str], bool]) -> bool:
    mask = text[before.end : word.start]
    if not mask or mask.strip("*") or not (before.word.isalpha() and word.word.isalpha()):
        return False
    parts = (before.word, word.word)
    if sum(map(len, parts)) >= _SHORTEST_PAIR and all(map(knows, parts)):
        return False
    masked = re.compile(f"{before.word}.{{{len(mask)}}}{word.word}")
    return not any(map(masked.match, _CURSES))


def fold(text: str) -> str:
    """Return the words of `text` alone, folded: two quotes that read the same are equal."""
    return " ".join(token.word for token in tokenize(text))


def foreign_share(text: str) -> float:
    """Return the share of letters of no Latin script in the sentence of `text` that has most of them (0 without letters).

    Of one sentence, for what else is told in Latin letters makes it no more readable.
    """
    if text.isascii():
        return 0.0
    return max(map(_foreign_share, _SENTENCE_END.split(text)))


def _foreign_share(sentence: str) -> float:
    foreign = sum(1 for c in sentence if not c.isascii() and c.isalpha() and not _is_latin(c))
    return foreign / sum(map(str.isalpha, sentence)) if foreign else 0.0


@lru_cache(maxsize=4096)
def _is_latin(character: str) -> bool:
    return any("LATIN" in unicodedata.name(c, "") for c in unicodedata.normalize("NFKC", character))
