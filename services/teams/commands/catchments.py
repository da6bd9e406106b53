"""Whether the neighborhoods that a team names (its catchment, its do-not-send rules) exist: intake owns the map, so intake is asked first.

Only slugs that are new to the team are asked about: one that has left the map since must not stand in the way of another change.
No offer waits for this: dispatch compares slugs, so a neighborhood that is gone is one from which no call comes. But a rule that was
misspelled would never hold, and nobody would see it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final
from uuid import UUID

from services.teams import queries
from services.teams.domain.catchments import unknown
from services.teams.peers import Intake, PeerSilentError
from services.teams.scope import Scope
from shared.db import Database
from shared.errors import Invalid, Refusal, Unavailable

_KEPT_FOR_S: Final = 60.0


class UnknownNeighborhoods(Invalid):
    """A team is to name neighborhoods that the map in force does not have; `errors` has each."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        Refusal.__init__(self, f"Cannot be accepted: {', '.join(e['pointer'] for e in errors[:3])}.", errors=errors)


class MapSilent(Unavailable):
    """Whether a team's neighborhoods exist cannot be told now, so the team is not written."""


class Neighborhoods:
    """The slugs on intake's map, kept for a minute, so that a city's whole roster is entered with one question.

    What is kept may be 60 s old, and is only ever used to accept: the worst is a slug that was taken off the map within that minute,
    which a second earlier nobody could have refused either. A slug that is not in it is asked about anew, so that a neighborhood
    is known as soon as it is loaded. Each replica keeps its own.
    """

    def __init__(self, intake: Intake, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._intake = intake
        self._now_s = now_s
        self._slugs: frozenset[str] = frozenset()
        self._asked_at = float("-inf")

    async def with_all_of(self, named: AbstractSet[str]) -> frozenset[str]:
        """Return slugs among which all of `named` are; if some are not, intake has just said so. Raises PeerSilentError."""
        if self._now_s() - self._asked_at > _KEPT_FOR_S or not named <= self._slugs:
            asked_at = self._now_s()
            self._slugs = await self._intake.neighborhoods()
            self._asked_at = asked_at
        return self._slugs


def named_by(catchment: Iterable[str], do_not_send: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return every neighborhood that a team's body names, by the JSON pointer of where."""
    rules = ((place, rule.get("neighborhood")) for place, rule in enumerate(do_not_send))
    return {f"/catchment/{slug}": slug for slug in catchment} | {
        f"/do_not_send/{place}/neighborhood": slug for place, slug in rules if slug is not None
    }


async def check_neighborhoods(neighborhoods: Neighborhoods, named: Mapping[str, str]) -> None:
    """Raise UnknownNeighborhoods if a slug, by its pointer, is on no map, MapSilent if intake does not say."""
    if not named:
        return
    slugs = frozenset(named.values())
    try:
        known = await neighborhoods.with_all_of(slugs)
    except PeerSilentError as error:
        raise MapSilent(
            "Intake does not answer, so nobody can tell whether the neighborhoods that the team names exist. Nothing was written: "
            "send the same again once intake answers. What adds no neighborhood can be changed meanwhile.",
            retry_after_s=5,
        ) from error
    if not known:
        raise Invalid(
            "Intake has no neighborhoods yet. Load them first: `commonground import-neighborhoods` (docs/operations.md).",
            pointer="/" + next(iter(named)).split("/")[1],
        )
    guesses = {fault.slug: fault.nearest for fault in unknown(dict.fromkeys(named.values()), known)}
    if errors := [
        {
            "pointer": pointer,
            "detail": "There is no such neighborhood." + (f" Did you mean {guesses[slug]}?" if guesses[slug] else ""),
        }
        for pointer, slug in named.items()
        if slug in guesses
    ]:
        raise UnknownNeighborhoods(errors)


async def check_changed_neighborhoods(
    db: Database,
    neighborhoods: Neighborhoods,
    scope: Scope,
    team_id: UUID,
    named: Mapping[str, str],
    *,
    version: int | None,
) -> None:
    """Check the slugs that a change would add to those that the team names. Raises as `check_neighborhoods` does, and NotFound.

    A change of a version that is not the current one passes: the change itself refuses it.
    """
    async with db.autocommit() as unit:
        team = await queries.find_team(unit.conn, scope, team_id)
    if version in {None, team.profile["version"]}:
        there = set(named_by(team.profile["catchment"], team.profile["do_not_send"]).values())
        await check_neighborhoods(neighborhoods, {at: slug for at, slug in named.items() if slug not in there})
