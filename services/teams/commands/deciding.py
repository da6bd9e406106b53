"""Read, decide, write, and when somebody else was quicker: all again, on what is true by then."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from services.teams import queries
from services.teams.records import TeamRecord
from services.teams.scope import AVAILABILITY, Scope
from shared.db import Unit
from shared.errors import Refusal, Unavailable, VersionStale

_TRIES: Final = 30
"""Each failed try means that somebody else's move succeeded, so even many writers of one team all get through."""


class TeamRetired(Refusal):
    """A retired team has no duty, no shifts and no holds."""

    title = "The team is retired"


async def move_team(unit: Unit, scope: Scope, team_id: UUID, attempt: Callable[[TeamRecord], Awaitable[bool]]) -> None:
    """Run `attempt` on the team until it says True; wakes those who wait for availability.

    `attempt` decides on the record it is given (raising its refusal) and returns False when its fenced write found the team moved.
    """
    for _ in range(_TRIES):
        if await attempt(await queries.find_team(unit.conn, scope, team_id)):
            unit.then(lambda: scope.wake(AVAILABILITY))
            return
    raise Unavailable("The team is being changed by many at once.")


def check_version(wanted: int | None, current: int) -> None:
    """Raise VersionStale if the caller named a version that is not the current one."""
    if wanted is not None and wanted != current:
        raise VersionStale("It has changed since that version; read it again.", current_version=current)


def check_in_service(team: TeamRecord) -> None:
    """Raise TeamRetired for a team that is retired."""
    if team.state.retired:
        raise TeamRetired("The team is retired.")
