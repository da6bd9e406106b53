"""Whether a team names neighborhoods that there are."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from itertools import islice
from typing import Final, NamedTuple

MOST_NAMED: Final = 20
"""How many unknown neighborhoods one refusal names."""
MOST_GUESSED: Final = 5
"""For how many of them it says what may have been meant: each guess can take tens of milliseconds, while the process answers nobody."""


class Unknown(NamedTuple):
    """A slug that no neighborhood has, and the one that may have been meant."""

    slug: str
    nearest: str | None


def unknown(named: Iterable[str], known: AbstractSet[str]) -> list[Unknown]:
    """Return the first MOST_NAMED slugs of `named` that are not `known`; the first MOST_GUESSED with the nearest, if any is near."""
    missing = list(islice((slug for slug in named if slug not in known), MOST_NAMED))
    choice = sorted(known)
    return [
        Unknown(slug, _nearest(slug, choice) if place < MOST_GUESSED else None) for place, slug in enumerate(missing)
    ]


def _nearest(slug: str, choice: list[str]) -> str | None:
    return next(iter(get_close_matches(slug, choice, n=1)), None)
