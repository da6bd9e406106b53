"""The second opinion: a small learned reader that may ask a person to look where the rules found nothing.

It reads what is told, denials left out, so that no reassurance talks it down, and answers with one number: how much the
story sounds like calls that turned out unfit for civilians. Beside ambiguous words, whose meaning it is asked, it never
speaks for a call. `tests/opinion` makes it.

Each word is known by its spelling, its beginning and its end, and by what it means, so that a new word is no stranger.
Each of some patterns looks for its best place among five words on end, each of some further ones among what those found
at five places, and so on; what all of them found is added up. All numbers are whole: the same words come to the same
number on every machine.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.intake.domain.triage.learned import learned
from services.intake.domain.triage.meanings import UNKNOWN, Meanings, meanings
from services.intake.domain.triage.text import Break, Token

_STOP: Final = "."
_PAUSE: Final = ","
_MOST_REMEMBERED: Final = 8192
"""Words of which it is kept what they add to the patterns; then it begins anew."""
COARSE: Final = 16
"""What a word adds to a pattern is kept in units of so much: half the memory, and no difference to a story."""
_PART: Final = 1024
"""So many words are heard at once."""
_EXACT_BITS: Final = 24
"""Whole numbers of so many bits are exact in the floating point that adds up what further patterns find."""

FEWEST_HEARD: Final = 4
"""Fewer words of a sentence, or of a later message ("Still arguing, calmly."), sound like nothing much: only the rules read them."""

Whole = NDArray[np.int64]


class Heard(NamedTuple):
    """What the second opinion makes of a story."""

    score: int
    """The higher, the less like a call for civilians; only its order means something."""
    loudest: int
    """The token around which most of it was heard."""
    sentences: tuple["Sentence", ...] = ()
    """What each sentence of `FEWEST_HEARD` words or more sounds like where it stands."""

    def at(self, story: Sequence[Token], start: int) -> int | None:
        """Return the score of the sentence of `story` that is told at `start` in its text, None if none is heard there."""
        return next(
            (each.score for each in self.sentences if story[each.first].start <= start < story[each.last].end), None
        )


class Sentence(NamedTuple):
    """What the second opinion makes of one sentence: the others neither add to it nor take from it, but for the words next to it."""

    score: int
    first: int
    last: int
    """Its tokens in the story."""


class Further(NamedTuple):
    """Patterns that look among what others found. Several listeners may be one: each looks at its own share."""

    patterns: Whole
    """(listeners, width, those of one listener that it looks among, further ones of one listener)"""
    least: Whole
    """What each has to find before it counts, (further ones of all listeners,)."""
    weights: Whole
    """As `least`."""
    shift: int
    """What is looked among is taken so many bits shorter."""


class Parts(NamedTuple):
    """What an opinion has learned, in whole numbers."""

    spellings: NDArray[np.signedinteger]
    """(buckets, traits)"""
    meanings: Meanings | None
    """Further traits of a word, if any."""
    patterns: Whole
    """(width, traits of its spelling and then of its meaning, patterns)"""
    least: Whole
    """What each pattern has to find before it counts, (patterns,)."""
    weights: Whole
    """As `least`."""
    further: tuple[Further, ...]
    """The first ones look among what the patterns found, the next ones among what these found."""
    start: int
    unit: float
    """What 1 of a score is worth in log odds."""


def loudest(patterns: NDArray[Any]) -> int:
    """Return how much of what one of others found counts for further `patterns`: their sums stay exact."""
    added_up: int = patterns.shape[1] * patterns.shape[2] * 127
    bits: int = ((1 << _EXACT_BITS) // added_up).bit_length() - 1
    return (1 << bits) - 1


class FurtherPatterns:
    """`Further`, made ready."""

    def __init__(self, learned: Further) -> None:
        self._learned = learned
        listeners, self._width, among, self._own = learned.patterns.shape
        self._loudest = loudest(learned.patterns)
        self._patterns = learned.patterns.transpose(0, 1, 3, 2).reshape(listeners, -1, among).astype(np.float32)
        self._least = learned.least.astype(np.int32)[:, None]
        self.around = self._width // 2

    def found(self, among: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return what each finds around each word beyond its least, (further ones, words)."""
        words, listeners = among.shape[1], len(self._patterns)
        heard = np.clip(among >> self._learned.shift, 0, self._loudest).astype(np.float32)
        parts = self._patterns @ heard.reshape(listeners, -1, words)
        parts = parts.reshape(listeners, self._width, self._own, words)
        made = parts[:, self._width // 2].copy()
        for place in range(self._width):
            ahead = place - self._width // 2
            if ahead and abs(ahead) < words:
                here, there = _ahead(ahead, words)
                made[..., here] += parts[:, place, :, there]
        found: NDArray[np.int32] = made.reshape(-1, words).astype(np.int32)
        return found + self._least


class Opinion:
    """The patterns, and how much each counts."""

    def __init__(self, parts: Parts) -> None:
        self._learned = parts
        self._width, traits, self._count = parts.patterns.shape
        # exact: whole numbers far below 2**53
        self._patterns = parts.patterns.transpose(1, 0, 2).reshape(traits, -1).astype(np.float64)
        self._least = (parts.least // COARSE).astype(np.int32)[:, None]
        self._further = [FurtherPatterns(further) for further in parts.further]
        self._weights = [parts.weights * COARSE, *(further.weights for further in parts.further)]
        self._around = self._width // 2 + sum(further.around for further in self._further)
        self._loudest_part = np.iinfo(np.int16).max // self._width
        """No more of one word counts, so that what a pattern finds is a small number."""
        self._rows: dict[str, int] = {}
        self._parts = np.empty((self._width, _MOST_REMEMBERED, self._count), np.int16)
        """What each word met adds to each place of each pattern, by the word's row."""
        self._one_at_a_time = Lock()

    def listen(self, story: Sequence[Token]) -> Heard:
        """Return what `story` sounds like. Linear in its length."""
        words, whose = spoken(story)
        score, loud = self._learned.start, np.zeros(len(words))
        if not words:
            return Heard(score, 0)
        bounds, sentences = _sentences(words, whose)
        alone = np.full(len(sentences), score)
        for parts, weights in zip(zip(*self._in_parts(words), strict=True), self._weights, strict=True):
            most = np.max([part.max(axis=1) for part in parts], axis=0)
            heard = np.maximum(most, 0) * weights
            score += int(heard.sum())
            # exact too; where a pattern finds as much at two words, both have it
            against = np.maximum(heard, 0).astype(np.float64)
            loud += np.concatenate([against @ (part == most[:, None]) for part in parts])
            if bounds:
                most_alone = np.maximum.reduceat(np.concatenate(parts, axis=1), bounds, axis=1)[:, ::2]
                alone += (weights.astype(np.float64) @ np.maximum(most_alone, 0)).astype(np.int64)
        heard_alone = (Sentence(int(score), *span) for score, span in zip(alone, sentences, strict=True))
        return Heard(score, whose[int(loud.argmax())], tuple(heard_alone))

    def knows(self, words: Iterable[str]) -> bool:
        """Tell whether it knows what each of these means: of a word that it never met it only hears that others are calm."""
        meant = self._learned.meanings
        return meant is not None and all(word[0].isdigit() or meant.row_of(word) != UNKNOWN for word in words)

    def score_of(self, log_odds: float) -> int:
        """Return the score that is worth `log_odds`."""
        return round(log_odds / self._learned.unit)

    def _in_parts(self, words: Sequence[str]) -> Iterator[list[NDArray[np.int32]]]:
        """Yield what all patterns find around each word beyond their least, some thousand words at a time.

        First the patterns, then the further ones, each (patterns, words).
        """
        for first in range(0, len(words), _PART):
            before = min(first, self._around)
            near = self._found(words[first - before : first + _PART + self._around])
            found = [np.ascontiguousarray(near.T) + self._least]
            for further in self._further:
                found.append(further.found(found[-1]))
            yield [each[:, before : before + _PART] for each in found]

    def _found(self, words: Sequence[str]) -> NDArray[np.int16]:
        """Return what each pattern finds around each word, (words, patterns)."""
        with self._one_at_a_time:
            rows = self._rows_of(words)
            found: NDArray[np.int16] = self._parts[self._width // 2].take(rows, axis=0)
            for place, part in enumerate(self._parts):
                ahead = place - self._width // 2  # this part of a pattern looks so far ahead
                if ahead and abs(ahead) < len(words):
                    here, there = _ahead(ahead, len(words))
                    found[here] += part.take(rows[there], axis=0)
        return found

    def _rows_of(self, words: Sequence[str]) -> NDArray[np.intp]:
        """Return the row of each word; a word is worked out when it is met for the first time."""
        if len(self._rows) + len(words) > _MOST_REMEMBERED:
            new = set(words) - self._rows.keys()
            if len(self._rows) + len(new) > _MOST_REMEMBERED:
                self._rows.clear()
        rows = self._rows
        for word in words:
            if word not in rows:
                spellings = self._learned.spellings
                traits = spellings[buckets(word, len(spellings))].sum(axis=0, dtype=np.float64)
                if self._learned.meanings is not None:
                    traits = np.concatenate([traits, self._learned.meanings.of(word)])
                part = np.clip(traits @ self._patterns // COARSE, -self._loudest_part, self._loudest_part)
                self._parts[:, len(rows)] = part.reshape(self._width, self._count)
                rows[word] = len(rows)
        return np.fromiter((rows[word] for word in words), np.intp, len(words))


def _ahead(by: int, number: int) -> tuple[slice, slice]:
    """Return the places of `number` ones that have another `by` ahead of them (behind them, if below 0), and those."""
    return slice(max(0, -by), number + min(0, -by)), slice(max(0, by), number + min(0, by))


def spoken(story: Sequence[Token]) -> tuple[list[str], list[int]]:
    """Return the words of a story with the stops and pauses between them, and whose token each is."""
    words: list[str] = []
    whose: list[int] = []
    for at, token in enumerate(story):
        if at and token.before >= Break.COLON:
            words.append(_STOP if token.before is Break.HARD else _PAUSE)
            whose.append(at)
        words.append(token.word)
        whose.append(at)
    return words, whose


def _sentences(words: Sequence[str], whose: Sequence[int]) -> tuple[list[int], list[tuple[int, int]]]:
    """Return where the sentences that are heard by themselves begin and end, by turns, and the first and last token of each."""
    bounds: list[int] = []
    tokens: list[tuple[int, int]] = []
    stops = [at for at, word in enumerate(words) if word == _STOP]
    for first, beyond in pairwise([-1, *stops, len(words)]):
        if beyond - first > FEWEST_HEARD and whose[beyond - 1] - whose[first + 1] + 1 >= FEWEST_HEARD:
            bounds += [first + 1, beyond + 1]  # with the stop behind it
            tokens.append((whose[first + 1], whose[beyond - 1]))
    return (bounds[:-1] if bounds and bounds[-1] > len(words) else bounds), tokens


def sentence_around(story: Sequence[Token], at: int) -> tuple[int, int]:
    """Return where in its text the sentence of the token `at` begins and ends."""
    first, last = at, at
    while first > 0 and story[first].before is not Break.HARD:
        first -= 1
    while last + 1 < len(story) and story[last + 1].before is not Break.HARD:
        last += 1
    return story[first].start, story[last].end


def buckets(word: str, number: int) -> list[int]:
    """Return the four of `number` buckets of a word's traits: itself, two beginnings and its end. Any number is one."""
    if word[0].isdigit():
        word = "#" + word.lstrip("0123456789")
    return [
        crc32(f"{kind}:{part}".encode()) % number
        for kind, part in zip("wpqs", (word, word[:4], word[:6], word[-3:]), strict=True)
    ]


@cache  # an opinion never changes
def opinion(name: str, digest: str) -> Opinion:
    """Return the second opinion `name`. Raises `OpinionInvalid` unless the SHA-256 of its file is `digest`."""
    with np.load(io.BytesIO(learned("second opinion", name, digest)), allow_pickle=False) as parts:
        return Opinion(parts_of(parts))


def parts_of(stored: Mapping[str, NDArray[Any]]) -> Parts:
    """Return what the arrays of a file state: the patterns, and the further ones as `further_1_patterns` and so on."""

    def whole(name: str) -> Whole:
        return stored[name].astype(np.int64)

    further: list[Further] = []
    while (name := f"further_{len(further) + 1}") + "_patterns" in stored:
        patterns, least, weights = (whole(f"{name}_{part}") for part in ("patterns", "least", "weights"))
        further.append(Further(patterns, least, weights, shift=int(stored[f"{name}_shift"])))
    return Parts(
        stored["spellings"],
        _meanings_of(stored),
        whole("patterns"),
        whole("least"),
        whole("weights"),
        further=tuple(further),
        start=int(stored["start"]),
        unit=float(stored["unit"]),
    )


def _meanings_of(stored: Mapping[str, NDArray[Any]]) -> Meanings | None:
    """Return the meanings that a file names, with their digest."""
    if "meanings" not in stored:
        return None
    name, digest = stored["meanings"]
    return meanings(str(name), str(digest))
