"""What words mean: for each of many words some whole numbers, alike where words are used alike.

A second opinion that never met "estilete" knows it by this as it knows "knife". The file comes with this code and never
changes; an opinion names it by its digest (`tests/opinion/meanings.py` made it, and says of what).
"""

import io
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.intake.domain.triage.learned import learned

UNKNOWN: Final = -1


class Meanings:
    """Numbers by word. Built once, then only read."""

    def __init__(self, words: Sequence[str], numbers: NDArray[np.int8]) -> None:
        self._rows = {word: row for row, word in enumerate(words)}
        self.numbers = numbers
        """(words, numbers of each)"""
        self._nothing = np.zeros(numbers.shape[1], np.int8)

    def row_of(self, word: str) -> int:
        """Return where the numbers of a folded `word` stand, or `UNKNOWN`: "wifes" means what "wife" does."""
        row = self._rows.get(word)
        return row if row is not None else self._rows.get(word.removesuffix("s"), UNKNOWN)

    def of(self, word: str) -> NDArray[np.int8]:
        """Return the numbers of a folded `word`, all 0 where it is unknown."""
        row = self.row_of(word)
        meant: NDArray[np.int8] = self._nothing if row == UNKNOWN else self.numbers[row]
        return meant


@cache  # a file never changes
def meanings(name: str, digest: str) -> Meanings:
    """Return the meanings `name`. Raises `OpinionInvalid` unless the SHA-256 of their file is `digest`."""
    with np.load(io.BytesIO(learned("list of meanings", name, digest)), allow_pickle=False) as parts:
        return Meanings(parts["words"].tobytes().decode("ascii").split("\n"), parts["numbers"])
