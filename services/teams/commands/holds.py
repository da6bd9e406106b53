"""Holds: dispatch keeps a team for one assignment and lets it go again."""

from typing import Final
from uuid import UUID

from prometheus_client import Counter

from services.teams import queries, store
from services.teams.commands.deciding import move_team
from services.teams.domain.duty import REFUSED_WHILE_HELD
from services.teams.domain.holds import HoldState, against, settled
from services.teams.records import TeamRecord
from services.teams.scope import AVAILABILITY, Scope
from services.teams.tables import alert
from shared.alerts import KEY as ALERTS
from shared.alerts import Alarm, Severity, raise_alert, resolve
from shared.db import Unit

HOLDS: Final = Counter("commonground_holds_total", "Holds put, put again, restored and released", ["result"])
_HELD_OFF_DUTY: Final = "held_while_off_duty"


async def put_hold(
    unit: Unit, scope: Scope, assignment_id: UUID, team_id: UUID, incident_id: UUID, *, restore: bool
) -> HoldState:
    """Hold a team for an assignment; again: the same hold. Raises TeamNotFree, HoldReleased, HoldMismatch, NotFound."""
    stands: HoldState | None = None
    event = store.Event(scope.caller.actor, "hold", "hold_restored" if restore else "held")

    async def attempt(team: TeamRecord) -> bool:
        nonlocal stands
        refusal = against(team.standing, restore=restore)
        if refusal is None:
            stands = await store.put_hold(unit.conn, team, assignment_id, incident_id, event)
            if stands is not None:
                HOLDS.labels(event.action).inc()
                return True
        # Only now is it worth asking what is known of the id: most holds are new, and for a free team.
        known = await queries.find_hold(unit.conn, scope, assignment_id)
        if settled(known, team_id=team_id, incident_id=incident_id):
            HOLDS.labels("again").inc()
            stands = known
            return True
        if refusal is not None:
            raise refusal
        return False

    await move_team(unit, scope, team_id, attempt)
    assert stands is not None
    if restore:
        await _alert_absent_crew(unit, scope, team_id)
    return stands


async def release_hold(unit: Unit, scope: Scope, assignment_id: UUID) -> HoldState:
    """Release a hold, or release it in advance; again: the same answer."""
    event = store.Event(scope.caller.actor, "hold", "released")
    released = await store.release_hold(unit.conn, scope.jurisdiction, assignment_id, event)
    if released is None:
        known = await queries.find_hold(unit.conn, scope, assignment_id)
        assert known is not None  # holds are never deleted, and only a known one can be released already
        return known
    HOLDS.labels("released").inc()
    unit.then(lambda: scope.wake(AVAILABILITY))
    if released.team_id is not None and await resolve(unit.conn, alert, released.team_id, _HELD_OFF_DUTY):
        unit.then(lambda: scope.wake(ALERTS))
    return released


async def _alert_absent_crew(unit: Unit, scope: Scope, team_id: UUID) -> None:
    team = await queries.find_team(unit.conn, scope, team_id)
    status = team.standing.duty.status
    if status not in REFUSED_WHILE_HELD:
        return
    title = f"{team.profile['name']} has live work but says {status.value}: phone the crew."
    if await raise_alert(unit.conn, alert, Alarm(_HELD_OFF_DUTY, team.id, Severity.CALL, title)):
        unit.then(lambda: scope.wake(ALERTS))
