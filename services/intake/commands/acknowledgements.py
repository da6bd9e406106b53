"""A person at the call center has taken a returned call, or has read a notice."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from services.intake.commands.alarms import NOT_READ, NOT_TAKEN, quiet
from services.intake.commands.desk import Desk
from services.intake.commands.moves import filed
from services.intake.domain.call import CallStatus
from services.intake.queries.calls import CallView, view_call
from services.intake.store.calls import Call, Event, Filing, lock_calls
from services.intake.store.cases import Found
from services.intake.store.notices import acknowledge_notice
from shared.clock import clock
from shared.db import Unit
from shared.errors import NotFound, Refusal


class NothingToAcknowledge(Refusal):
    """The call is not returned, so there is nothing that a person could have taken."""

    title = "Nothing to acknowledge"


async def acknowledge(
    unit: Unit, desk: Desk, found: Found, *, by: str, notice_id: UUID | None, operator: str | None
) -> CallView:
    """Record that the return, or the notice named, has reached a person. Again: no change. Raises NothingToAcknowledge.

    The alert about it ends. `operator` is who took it, as the CAD names people.
    """
    call = (await lock_calls(unit.conn, [found.id]))[found.id]
    now: datetime = (await unit.conn.execute(select(clock("intake")))).scalar_one()
    if notice_id is not None:
        after, event = await _read(unit, call, notice_id, by, operator)
    else:
        after, event = _taken(call, now, by, operator)
    if event is not None:
        assert await filed(unit, desk, call, after, Filing(now, "acknowledged", (event,))) is not None, "it is locked"
        if await quiet(unit.conn, call.id, NOT_READ if notice_id else NOT_TAKEN):
            desk.tell_alerts(unit)
    return await view_call(unit.conn, call.id)


def _taken(call: Call, now: datetime, by: str, operator: str | None) -> tuple[Call, Event | None]:
    if call.status is not CallStatus.RETURNED:
        raise NothingToAcknowledge("Only a returned call is acknowledged.", status=str(call.status))
    if call.acknowledged_at is not None:
        return call, None
    who = f"{by} ({operator})" if operator else by
    after = replace(call, acknowledge_by=None, acknowledged_at=now, acknowledged_by=who)
    return after, Event("acknowledged", by, detail={"operator": operator} if operator else None)


async def _read(unit: Unit, call: Call, notice_id: UUID, by: str, operator: str | None) -> tuple[Call, Event | None]:
    read = await acknowledge_notice(unit.conn, call.id, notice_id, f"{by} ({operator})" if operator else by)
    if read is None:
        raise NotFound("The call has no such notice.")
    detail = {"notice_id": str(notice_id)} | ({"operator": operator} if operator else {})
    return call, Event("notice_acknowledged", by, detail=detail) if read else None
