"""The CAD calls a call off."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.intake.commands.alarms import NOT_TAKEN, quiet
from services.intake.commands.desk import Desk
from services.intake.commands.moves import ended, filed, moved_event
from services.intake.commands.wishes import withdrawal
from services.intake.domain.call import CallStatus
from services.intake.queries.calls import CallView, view_call
from services.intake.store.calls import Call, Event, Filing, lock_calls
from services.intake.store.cases import Found
from shared.clock import clock
from shared.db import Unit


async def cancel(unit: Unit, desk: Desk, found: Found, *, by: str, reason: str, note: str | None) -> CallView:
    """Call the call off, and return it as it is then.

    With a crew on scene the crew is told and nothing else changes. A returned call is taken by this; any other final call
    stays as it is.
    """
    call = (await lock_calls(unit.conn, [found.id]))[found.id]
    now: datetime = (await unit.conn.execute(select(clock("intake")))).scalar_one()
    said = {"reason": reason} | ({"note": note} if note else {})
    after, filing = _called_off(desk, call, now, by, said)
    if filing is not None:
        assert await filed(unit, desk, call, after, filing) is not None, "the call is locked"
        if await quiet(unit.conn, call.id, NOT_TAKEN):
            desk.tell_alerts(unit)
    return await view_call(unit.conn, call.id)


def _called_off(desk: Desk, call: Call, now: datetime, by: str, said: dict[str, Any]) -> tuple[Call, Filing | None]:
    if call.status is CallStatus.RETURNED and call.acknowledged_at is None:
        after = replace(call, acknowledge_by=None, acknowledged_at=now, acknowledged_by=by)
        return after, Filing(now, "acknowledged", (Event("acknowledged", by, detail={"cancel": said}),))
    if call.is_final or call.cancel_asked:
        return call, None
    wish = withdrawal("cancelled") if call.was_queued else None
    if call.status is CallStatus.ON_SCENE:
        after = replace(call, cancel_asked=True)
        return after, Filing(now, "updated", (Event("cancel_asked", by, detail=said),), wish=wish)
    after = ended(desk, replace(call, cancel_asked=True), now, CallStatus.CANCELLED)
    return after, Filing(now, "cancelled", (moved_event(call, after, "cancelled", by, **said),), wish=wish)
