"""Everyday words: the broad lists of English and Spanish that a protocol may call known.

A list comes with this code and never changes; a protocol names it together with its digest, so that a decision can be
replayed years later whatever the package that it was made from says by then (`tests/everyday_words.py` made it).
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

WORD_LISTS: Final = Path(__file__).parent / "word_lists"


class WordListInvalid(ValueError):
    """A word list is missing, or it is not the one that was meant."""


@cache  # a list never changes
def everyday_words(name: str, digest: str) -> frozenset[str]:
    """Return the words of the list `name`, folded. Raises `WordListInvalid` unless its SHA-256 is `digest`."""
    path = WORD_LISTS / f"{name}.txt.gz"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise WordListInvalid(f"there is no word list {name!r}")
    text = gzip.decompress(path.read_bytes())
    found = hashlib.sha256(text).hexdigest()
    if found != digest:
        raise WordListInvalid(f"the word list {name!r} has the digest {found}, another one than stated")
    return frozenset(text.decode("ascii").split())
