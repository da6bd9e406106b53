"""What an action needs beyond its status (promise 1). Each guard has a rule id and stands in the SQL of the move as well.

The predicate says why not, in time for a good answer; the statement that moves the row decides, on the newest wish there is.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from services.dispatch.domain.assignment import Action, Status, legal_actions


class Guard(StrEnum):
    """Named conditions; docs/rules.md describes each."""

    OFFERABLE = "D-1"  # the newest wish is civilian, may be offered, and its decision says safe
    DEPARTABLE = "D-2"  # the newest wish is civilian, may depart, and its decision says safe
    HEARD = "D-3"  # intake was heard from within 30 s
    OPEN = "D-4"  # the offer's time to respond has not passed


NEEDS: Final[Mapping[Action, frozenset[Guard]]] = MappingProxyType({
    Action.OFFER: frozenset({Guard.OFFERABLE, Guard.HEARD}),
    Action.ACCEPT: frozenset({Guard.OFFERABLE, Guard.HEARD, Guard.OPEN}),
    Action.DEPART: frozenset({Guard.DEPARTABLE, Guard.HEARD}),
    Action.ARRIVE: frozenset({Guard.DEPARTABLE, Guard.HEARD}),
})  # fmt: skip
"""Whatever is not here always works: a crew can always check in, escalate, decline, read a recall and say that it is away."""


class Wish(NamedTuple):
    """Intake's newest wish, as far as it permits or forbids."""

    wanted: str
    may_offer: bool
    may_depart: bool
    verdict: str | None
    reason: str | None = None


def may_be_offered(wish: Wish) -> bool:
    """D-1."""
    return wish.wanted == "civilian" and wish.may_offer and wish.verdict == "safe"


def may_be_departed_for(wish: Wish) -> bool:
    """D-2."""
    return wish.wanted == "civilian" and wish.may_depart and wish.verdict == "safe"


def is_open(respond_by: datetime | None, now: datetime) -> bool:
    """D-4."""
    return respond_by is not None and now < respond_by


def awaited(wish: Wish) -> tuple[str, ...]:
    """Return what a crew waits for before it may go on: `police_staged` or `review`; empty when nothing."""
    if may_be_departed_for(wish):
        return ()
    return ("police_staged" if wish.reason == "police_staged" else "review",)


def open_actions(status: Status, wish: Wish, *, is_heard: bool) -> tuple[Action, ...]:
    """Return what a crew may do right now: legal in its status, and no guard against it."""
    holds = {
        Guard.OFFERABLE: may_be_offered(wish),
        Guard.DEPARTABLE: may_be_departed_for(wish),
        Guard.HEARD: is_heard,
        Guard.OPEN: True,
    }
    return tuple(
        action for action in legal_actions(status) if all(holds[guard] for guard in NEEDS.get(action, frozenset()))
    )
