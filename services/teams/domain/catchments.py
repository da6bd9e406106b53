"""Whether a catchment names neighborhoods that there are."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from itertools import islice
from typing import Final, NamedTuple

MOST_NAMED: Final = 20
"""How many unknown neighborhoods one refusal names: looking for what was meant takes time for each."""


class Unknown(NamedTuple):
    """A slug that no neighborhood has, and the one that may have been meant."""

    slug: str
    nearest: str | None


def unknown(named: Iterable[str], known: AbstractSet[str]) -> list[Unknown]:
    """Return the first MOST_NAMED of the slugs `named` that are not `known`, each with the known one that is nearest, if any is near."""
    choice = sorted(known)
    missing = (slug for slug in named if slug not in known)
    return [
        Unknown(slug, next(iter(get_close_matches(slug, choice, n=1)), None)) for slug in islice(missing, MOST_NAMED)
    ]
