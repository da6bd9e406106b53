"""Bringing dispatch to what intake wants for a call, and taking in what it answers."""

from uuid import UUID

from services.intake.commands import refusals
from services.intake.commands.alarms import LATE_WITHDRAWAL, STOP_REFUSED, WISH_REFUSED
from services.intake.commands.desk import Desk
from services.intake.commands.progress import progress
from services.intake.commands.resending import resend_all
from services.intake.peers import Dispatch, DispatchRefused, WishesMissing
from services.intake.store import link, wishes
from services.intake.tables import alert
from shared import alerts
from shared.db import Database


async def due(db: Database, desk: Desk) -> list[UUID]:
    """Return the calls whose wish is to be sent, withdrawals first."""
    async with db.autocommit() as unit:
        return await wishes.claim(unit.conn, desk.jurisdiction, desk.at_least(wishes.RETRY, wall_s=0.1))


async def deliver(db: Database, desk: Desk, dispatch: Dispatch, call_id: UUID) -> None:
    """Send the call's current wish, record that dispatch has it, and apply the view that it answers with.

    Raises whatever keeps dispatch from answering; the wish then stays due.
    """
    async with db.autocommit() as unit:
        wish = await wishes.read(unit.conn, call_id)
    if wish is None:
        return
    try:
        view = await dispatch.put_wish(wish)
    except DispatchRefused as refused:
        await refusals.refused(db, desk, wish, refused.status)
        raise
    if isinstance(view, WishesMissing):
        await resend_all(db, desk, view)  # this one is sent again with the others
        return
    async with db.transaction() as unit:  # of a confirmed wish no alert stays open
        await link.record_count(unit.conn, view.applied)
        if await wishes.confirm(unit.conn, call_id, wish.seq):
            await alerts.resolve(unit.conn, alert, call_id, LATE_WITHDRAWAL, STOP_REFUSED, WISH_REFUSED)
            desk.tell_alerts(unit)
    async with db.autocommit() as unit:
        await progress(unit, desk, call_id, view)
