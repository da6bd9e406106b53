"""Duty: what a team's crew says about itself."""

from typing import Any, Final
from uuid import UUID

from services.teams import queries, store
from services.teams.commands.deciding import check_in_service, check_version, move_team
from services.teams.domain.duty import AFTER_UNTIL, Duty, change
from services.teams.records import TeamRecord
from services.teams.scope import AVAILABILITY, Scope
from shared.db import Unit

_ENDS: Final = {before.value: after.value for before, after in AFTER_UNTIL.items()}


async def change_duty(
    unit: Unit, scope: Scope, team_id: UUID, wanted: Duty, *, version: int | None, keep_crew: bool
) -> TeamRecord:
    """Set a team's duty; `keep_crew` leaves the crew as it is.

    Raises Invalid, IllegalDutyChange, TeamHeld, TeamRetired, VersionStale; NotFound for a team that the caller may not see.
    """

    async def attempt(team: TeamRecord) -> bool:
        check_version(version, team.duty_version)
        check_in_service(team)
        present = team.standing.duty
        crew = present.crew if keep_crew else wanted.crew
        new = change(
            present,
            Duty(wanted.status, crew, wanted.until, wanted.reason),
            roster=team.roster,
            held=team.hold is not None,
            at=team.now,
        )
        detail: dict[str, Any] = {
            "from": present.status.value,
            "to": new.status.value,
            "crew": list(new.crew),
            "until": new.until.isoformat() if new.until else None,
        }
        event = store.Event(scope.caller.actor, "duty", "duty_changed", detail, new.reason)
        values = {"status": new.status.value, "crew": list(new.crew), "until": new.until, "reason": new.reason}
        return await store.change_duty(unit.conn, team, values, event)

    await move_team(unit, scope, team_id, attempt)
    return await queries.find_team(unit.conn, scope, team_id)


async def end_duties(unit: Unit, scope: Scope) -> int:
    """Write down every duty status whose `until` has passed, and return how many there were."""
    ended = await store.end_duties(unit.conn, scope.jurisdiction, _ENDS, scope.caller.actor)
    if ended:
        unit.then(lambda: scope.wake(AVAILABILITY))
    return ended
