"""Dispatch's database was set back: every wish goes again before its lower count is believed."""

from typing import Final

import structlog

from services.intake.commands.alarms import alarm
from services.intake.commands.desk import Desk
from services.intake.peers import WishesMissing
from services.intake.store import link, wishes
from shared.alerts import Alarm, Severity
from shared.db import Database

log = structlog.get_logger(__name__)
RESTORED: Final = "dispatch_restored"


async def resend_all(db: Database, desk: Desk, missing: WishesMissing) -> bool:
    """Mark every wish to be sent again to a dispatch that was set back; False if that is under way already."""
    async with db.transaction() as unit:
        if not await link.record_restore(unit.conn, missing.answer.as_of, missing.answer.applied):
            return False
        marked = await wishes.mark_for_resending(unit.conn, desk.jurisdiction, desk.settings.resend_within)
        log.warning("resending.dispatch_was_restored", wishes=marked)
        what = Alarm(RESTORED, "dispatch", Severity.CALL, "Dispatch's database was set back; every wish is sent again.")
        await alarm(unit.conn, what)
        desk.tell_alerts(unit)
    return True
