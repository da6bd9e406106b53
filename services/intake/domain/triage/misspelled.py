"""Words a letter away from a listed one: "chuchillo", "wepaon", "blooding" for "bleeding".

A word is looked up by itself and by what is left of it when any one letter is taken out, so that the work depends on
the length of the word alone.
"""

from collections.abc import Iterable, Iterator
from typing import Final

_SHORTEST: Final = 5
"""Of shorter words too many others are a letter away."""
_LONGEST: Final = 24
_SHORTEST_BASE: Final = 3


_ENDINGS: Final = ("s", "es", "ed", "d", "ing", "ings", "er", "ers", "ly")


def inflected(word: str) -> Iterator[str]:
    """Yield what `word` may be a form of: "stoves" of "stove", "wilting" of "wilt", "gripping" of "grip"."""
    for ending in _ENDINGS:
        base = word.removesuffix(ending)
        if base != word and len(base) >= _SHORTEST_BASE:
            yield base
            if ending != "s":
                yield f"{base}e"
            if base[-1] == base[-2]:
                yield base[:-1]


class Misspelled:
    """The listed words, ready to be found by their misspellings. Built once, then only read."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_rest: dict[str, tuple[str, ...]] = {}
        for word in sorted(words):
            if _SHORTEST <= len(word) <= _LONGEST and word.isalpha():
                for rest in dict.fromkeys((word, *_without_one(word))):
                    self._by_rest[rest] = (*self._by_rest.get(rest, ()), word)

    def meant_by(self, word: str) -> tuple[str, ...]:
        """Return the listed words that `word` is one letter away from: one more, less or other, or two swapped."""
        if not _SHORTEST - 1 <= len(word) <= _LONGEST or not word.isalpha():
            return ()
        rests = dict.fromkeys((word, *_without_one(word)))
        found = dict.fromkeys(listed for rest in rests for listed in self._by_rest.get(rest, ()))
        return tuple(listed for listed in found if _one_apart(word, listed))


def _without_one(word: str) -> Iterator[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


def _one_apart(one: str, other: str) -> bool:
    """True when one slip of the hand makes `one` of `other`."""
    if one == other or one[0] != other[0]:  # the first letter is seldom wrong
        return False
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, wanted = one[same:], other[same:]
    swapped = len(rest) > 1 and len(wanted) > 1 and rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:]
    return swapped or rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:]
