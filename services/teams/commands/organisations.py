"""Providers and teams: who they are. Nothing that history names is ever deleted; it is retired."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError

from services.teams import queries, store
from services.teams.commands.deciding import check_version, move_team
from services.teams.records import TeamRecord
from services.teams.scope import AVAILABILITY, Scope
from services.teams.tables import SCHEMA
from shared.clock import clock
from shared.db import Unit
from shared.errors import Invalid, NotAllowed, Refusal
from shared.ids import uuid7

_NAME_TAKEN: Final = frozenset({"provider_one_per_name", "team_one_per_provider_and_name"})


class NameTaken(Refusal):
    """Another one, not retired, has this name."""

    title = "The name is taken"


class StillInUse(Refusal):
    """It cannot be retired or taken away while something live depends on it."""

    title = "Still in use"


async def add_provider(unit: Unit, scope: Scope, values: Mapping[str, Any]) -> RowMapping:
    """Add an organisation. Raises NameTaken; NotAllowed for a supervisor of one provider."""
    if scope.provider_id is not None:
        raise NotAllowed("A supervisor of one provider cannot add another.")
    provider_id = uuid7()
    event = store.Event(scope.caller.actor, "profile", "provider_added", {"provider_id": str(provider_id)})
    try:
        await store.add_provider(unit.conn, {**values, "id": provider_id, "jurisdiction": scope.jurisdiction}, event)
    except IntegrityError as error:
        raise _refusal(error) from error
    return await queries.find_provider(unit.conn, scope, provider_id)


async def change_provider(
    unit: Unit, scope: Scope, provider_id: UUID, values: Mapping[str, Any], *, version: int | None
) -> RowMapping:
    """Change an organisation, or retire it once no team of it is left. The unit is one transaction.

    Raises VersionStale, NameTaken, StillInUse.
    """
    await store.lock_provider(unit.conn, provider_id, alone=True)
    found = await queries.find_provider(unit.conn, scope, provider_id)
    check_version(version, found["version"])
    changes = _retirement(values, retired=found["retired_at"] is not None)
    if changes.get("retired_at") is not None and await queries.has_teams(unit.conn, scope, provider_id):
        raise StillInUse("The provider has teams; retire them first.")
    detail = {"provider_id": str(provider_id), "fields": sorted(values)}
    event = store.Event(scope.caller.actor, "profile", "provider_changed", detail)
    try:
        await store.change_provider(unit.conn, provider_id, found["version"], changes, event)
    except IntegrityError as error:
        raise _refusal(error) from error
    return await queries.find_provider(unit.conn, scope, provider_id)


async def add_team(unit: Unit, scope: Scope, values: Mapping[str, Any]) -> TeamRecord:
    """Add a team, off duty and without shifts. The unit is one transaction.

    Raises NameTaken, Invalid for a provider that is not there, is retired or is not the caller's.
    """
    provider_id = values["provider_id"]
    may = scope.provider_id in {None, provider_id}
    if not (may and await store.lock_provider(unit.conn, provider_id, alone=False)):
        raise Invalid("There is no such provider.", pointer="/provider_id")
    _check_crew_size(values["minimum_crew"], values["members"])
    team_id = uuid7()
    event = store.Event(scope.caller.actor, "profile", "team_added", {"provider_id": str(provider_id)})
    try:
        await store.add_team(unit.conn, {**values, "id": team_id, "jurisdiction": scope.jurisdiction}, event)
    except IntegrityError as error:
        raise _refusal(error) from error
    unit.then(lambda: scope.wake(AVAILABILITY))
    return await queries.find_team(unit.conn, scope, team_id)


async def change_team(
    unit: Unit, scope: Scope, team_id: UUID, values: Mapping[str, Any], *, version: int | None
) -> TeamRecord:
    """Change who a team is, or retire it. The unit is one transaction. Raises VersionStale, NameTaken, StillInUse."""

    async def attempt(team: TeamRecord) -> bool:
        check_version(version, team.profile["version"])
        changes = _retirement(values, retired=team.state.retired)
        retires = changes.get("retired_at") is not None
        if retires and team.hold is not None:
            raise StillInUse("The team has live work; it can be retired once its hold is released.")
        returns = "retired_at" in changes and not retires
        if returns and not await store.lock_provider(unit.conn, team.provider_id, alone=False):
            raise StillInUse("The team's provider is retired.")
        if not retires and "members" in changes:
            _keep_crew(team, {member["id"] for member in changes["members"]})
        sizes = {name: changes.get(name, team.profile[name]) for name in ("minimum_crew", "members")}
        if sizes.keys() & changes.keys():
            _check_crew_size(**sizes)
        event = store.Event(scope.caller.actor, "profile", "team_changed", {"fields": sorted(values)})
        try:
            return await store.change_team(unit.conn, team, changes, event, off_duty=retires)
        except IntegrityError as error:
            raise _refusal(error) from error

    await move_team(unit, scope, team_id, attempt)
    return await queries.find_team(unit.conn, scope, team_id)


def _check_crew_size(minimum_crew: int, members: Sequence[Any]) -> None:
    """Refuse a minimum that the whole roster does not reach; a team without any roster yet is still being set up."""
    if members and minimum_crew > len(members):
        detail = f"The roster has {len(members)}: such a crew can never be on duty."
        raise Invalid(detail, pointer="/minimum_crew")


def _keep_crew(team: TeamRecord, roster: set[str]) -> None:
    if missing := [member for member in team.standing.duty.crew if member not in roster]:
        raise StillInUse("A member who is on duty cannot leave the roster.", members=missing)


def _retirement(values: Mapping[str, Any], *, retired: bool) -> dict[str, Any]:
    """Return `values` with the wish `retired` turned into the time of it."""
    changes = dict(values)
    wish = changes.pop("retired", None)
    if wish is not None and wish is not retired:
        changes["retired_at"] = clock(SCHEMA) if wish else None
    return changes


def _refusal(error: IntegrityError) -> Exception:
    return NameTaken("Another one has this name.") if store.violated(error) in _NAME_TAKEN else error
