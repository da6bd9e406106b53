"""New facts, words or places about a call; and what becomes of an update that cannot be read."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from services.intake.commands.alarms import UNREADABLE
from services.intake.commands.deciding import enter
from services.intake.commands.desk import Desk
from services.intake.commands.statements import Said, take_in
from services.intake.queries.calls import CallView, view_call
from services.intake.store.cases import Found
from services.intake.tables import alert, call
from shared.alerts import Alarm, Severity, raise_again
from shared.db import Unit
from shared.errors import Invalid

_AHEAD: Final = timedelta(minutes=5)


async def update(unit: Unit, desk: Desk, found: Found, said: Said) -> CallView:
    """Keep what was said and decide again about the call and those linked to it; return the call as it is now.

    The same body again changes nothing, unless it gives back an earlier place or caller. Danger withdraws the team in the same
    transaction. A final call keeps its status.
    """
    room = await enter(
        unit.conn, desk, cad_system=found.cad_system, events=[found.cad_event_id, *said.linked_to],
        location=said.body.get("location"), links=bool(said.linked_to),
    )  # fmt: skip
    if said.police is not None and said.police[1] > room.now + _AHEAD:
        raise Invalid("observed_at is more than 5 minutes ahead of our clock.", pointer="/observed_at")
    said_of_others = _without(said, found.cad_event_id)
    await take_in(unit, desk, room, room.calls[found.id], said_of_others)
    return await view_call(unit.conn, found.id)


def _without(said: Said, cad_event_id: str) -> Said:
    """Return the same statement without a link from the event to itself."""
    if cad_event_id not in said.linked_to:
        return said
    return replace(said, linked_to=tuple(event for event in said.linked_to if event != cad_event_id))


async def refused(unit: Unit, desk: Desk, found: Found) -> bool:
    """Alert a supervisor that an update of this call could not be read; True if the call is under way.

    The alert stays until the call is over: only a person can find out what could not be read.
    """
    under_way = await unit.conn.scalar(select(call.c.final_at.is_(None)).where(call.c.id == found.id))
    if not under_way:
        return False
    alarm = Alarm(
        UNREADABLE, found.id, Severity.LIFE,
        "An update of this call could not be read: danger may have been reported in it. Phone the call center.",
    )  # fmt: skip
    if await raise_again(unit.conn, alert, alarm):
        desk.tell_alerts(unit)
    return True
