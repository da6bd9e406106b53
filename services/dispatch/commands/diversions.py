"""Taking a team off the call that it drives to, for one of priority 1: the call waits again in the same statement."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.dispatch import store
from services.dispatch.commands import recalls
from services.dispatch.commands.offers import MATCHING
from services.dispatch.desk import Desk
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.diversion import DIVERTED, Diversion
from services.dispatch.domain.guards import may_be_offered
from shared.db import Unit

_DRIVING = frozenset({assignments.Status.ACCEPTED, assignments.Status.EN_ROUTE})


async def divert(
    unit: Unit, desk: Desk, diversion: Diversion, *, seen: Mapping[UUID, int], assignment_id: UUID
) -> bool:
    """Call the team off and let its call wait again. `seen`: the versions of both incidents that the round decided on.

    False: one of them has changed since, or the crew is not on its way any more; nothing was written. The team is free, and is
    offered the more urgent call, when its crew says so: until then it is in one place, and accounted for.
    """
    urgent = await store.read_case(unit.conn, diversion.incident_id)
    if urgent is None or urgent.incident.version != seen[urgent.incident.id]:
        return False
    if urgent.incident.status is not incidents.Status.WAITING or not may_be_offered(urgent.incident.wish):
        return False
    case = await store.read_case(unit.conn, diversion.taken_from)
    if case is None or case.incident.version != seen[case.incident.id] or not may_be_offered(case.incident.wish):
        return False
    row = case.named(assignment_id)
    if row is None or row.status not in _DRIVING:
        return False
    step = desk.step(case, MATCHING)
    step.assignment(row, assignments.Action.CANCEL, reason=DIVERTED, data=recorded(diversion))
    recalls.requeue(step, DIVERTED, counts=False, most_offers=desk.most_offers)
    if await store.write(unit.conn, step) is None:
        return False
    desk.effects.follow(unit, step)
    return True


def recorded(diversion: Diversion) -> dict[str, Any]:
    """Return what history keeps of why the team was taken off."""
    return {
        "incident_id": diversion.incident_id,
        "drive_s": diversion.drive_s,
        "saves_s": diversion.saves_s,
        "successor": {"team_id": diversion.successor.id, "team_name": diversion.successor.name},
        "words": diversion.words,
    }
