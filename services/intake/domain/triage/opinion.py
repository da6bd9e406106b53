"""The second opinion: a small learned reader that may ask a person to look where the rules found nothing.

It reads what is told, denials left out, so that no reassurance talks it down, and answers with one number: how much the
story sounds like calls that turned out unfit for civilians. Beside ambiguous words, whose meaning it is asked, it never
speaks for a call. `tests/opinion` makes it.

Each word is known by its spelling, its beginning and its end, so that a new word is no stranger. Each of some patterns
looks for its best place among five words on end; what the patterns found is added up. All numbers are whole: the same
words come to the same number on every machine.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.intake.domain.triage.text import Break, Token

OPINIONS: Final = Path(__file__).parent / "opinions"
_STOP: Final = "."
_PAUSE: Final = ","
_MOST_REMEMBERED: Final = 8192
"""Words of which it is kept what they add to the patterns; then it begins anew."""
_COARSE: Final = 16
"""What a word adds to a pattern is kept in units of so much: half the memory, and no difference to a story."""
_PART: Final = 4096
"""So many words are heard at once."""

Whole = NDArray[np.int64]


class OpinionInvalid(ValueError):
    """A second opinion is missing, or it is not the one that was meant."""


class Heard(NamedTuple):
    """What the second opinion makes of a story."""

    score: int
    """The higher, the less like a call for civilians; only its order means something."""
    loudest: int
    """The token around which most of it was heard."""


class Opinion:
    """The patterns, and how much each counts."""

    def __init__(
        self,
        spellings: NDArray[np.signedinteger],
        patterns: Whole,
        least: Whole,
        weights: Whole,
        *,
        start: int,
        unit: float,
    ) -> None:
        """`spellings`: (buckets, traits); `patterns`: (width, traits, patterns); `least`, `weights`: (patterns,).

        `unit`: what 1 of a score is worth in log odds.
        """
        self._spellings = spellings
        self._width, traits, self._count = patterns.shape
        # exact: whole numbers far below 2**53
        self._patterns = patterns.transpose(1, 0, 2).reshape(traits, -1).astype(np.float64)
        self._least = least
        self._weights = weights
        self._start = start
        self._unit = unit
        self._loudest_part = np.iinfo(np.int16).max // self._width
        """No more of one word counts, so that what a pattern finds is a small number."""
        self._rows: dict[str, int] = {}
        self._parts = np.empty((self._width, _MOST_REMEMBERED, self._count), np.int16)
        """What each word met adds to each place of each pattern, by the word's row."""
        self._one_at_a_time = Lock()

    def listen(self, story: Sequence[Token]) -> Heard:
        """Return what `story` sounds like. Linear in its length."""
        words, whose = spoken(story)
        if not words:
            return Heard(self._start, 0)
        found = list(self._in_parts(words))
        most = np.max([part.max(axis=0) for part in found], axis=0)
        heard = np.maximum(most.astype(np.int64) * _COARSE + self._least, 0) * self._weights
        # exact too; where a pattern finds as much at two words, both have it
        loud = np.concatenate([(part == most) @ np.maximum(heard, 0).astype(np.float64) for part in found])
        return Heard(int(heard.sum()) + self._start, whose[int(loud.argmax())])

    def score_of(self, log_odds: float) -> int:
        """Return the score that is worth `log_odds`."""
        return round(log_odds / self._unit)

    def _in_parts(self, words: Sequence[str]) -> Iterator[NDArray[np.int16]]:
        """Yield what each pattern finds around each word, some thousand words at a time."""
        side = self._width // 2
        for first in range(0, len(words), _PART):
            before = min(first, side)
            yield self._found(words[first - before : first + _PART + side])[before : before + _PART]

    def _found(self, words: Sequence[str]) -> NDArray[np.int16]:
        """Return what each pattern finds around each word, (words, patterns)."""
        with self._one_at_a_time:
            rows = self._rows_of(words)
            found: NDArray[np.int16] = self._parts[self._width // 2].take(rows, axis=0)
            for place, part in enumerate(self._parts):
                ahead = place - self._width // 2  # this part of a pattern looks so far ahead
                if ahead and abs(ahead) < len(words):
                    here, there = (slice(max(0, way), len(words) + min(0, way)) for way in (-ahead, ahead))
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
                traits = self._spellings[buckets(word, len(self._spellings))].sum(axis=0, dtype=np.float64)
                part = np.clip(traits @ self._patterns // _COARSE, -self._loudest_part, self._loudest_part)
                self._parts[:, len(rows)] = part.reshape(self._width, self._count)
                rows[word] = len(rows)
        return np.fromiter((rows[word] for word in words), np.intp, len(words))


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
    path = OPINIONS / f"{name}.npz"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise OpinionInvalid(f"there is no second opinion {name!r}")
    stored = path.read_bytes()
    found = hashlib.sha256(stored).hexdigest()
    if found != digest:
        raise OpinionInvalid(f"the second opinion {name!r} has the digest {found}, another one than stated")
    with np.load(io.BytesIO(stored), allow_pickle=False) as parts:
        whole = [parts[part].astype(np.int64) for part in ("patterns", "least", "weights")]
        return Opinion(parts["spellings"], *whole, start=int(parts["start"]), unit=float(parts["unit"]))
