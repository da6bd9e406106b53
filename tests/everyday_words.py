"""Makes a list of everyday words from pyspellchecker's frequencies: `python -m tests.everyday_words NAME`.

Kept out of the services: the list is made once, and a protocol names it by its digest.
"""

import gzip
import sys
from collections.abc import Iterator
from typing import Final

from spellchecker import SpellChecker

from services.intake.domain.triage.everyday import WORD_LISTS
from services.intake.domain.triage.text import fold

_LEAST_FREQUENCY: Final = 500
"""Rarer ones are slips of the corpus and rare slang as often as they are words."""


def everyday() -> bytes:
    """Return the list as it is stored: folded words, one a line, in order."""
    return "\n".join(sorted(set(_words()))).encode("ascii") + b"\n"


def _words() -> Iterator[str]:
    for language in ("en", "es"):
        for word, frequency in SpellChecker(language=language).word_frequency.dictionary.items():
            folded = fold(word)
            if frequency >= _LEAST_FREQUENCY and folded.isascii() and folded.isalpha():
                yield folded


if __name__ == "__main__":
    (WORD_LISTS / f"{sys.argv[1]}.txt.gz").write_bytes(gzip.compress(everyday(), 9, mtime=0))
