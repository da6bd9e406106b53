"""Telling dispatch every few seconds that intake lives, and what to do when dispatch does not answer or has forgotten."""

from datetime import timedelta
from typing import Final

import structlog

from services.intake.commands.alarms import alarm, quiet
from services.intake.commands.deadlines import give_back_unaccepted
from services.intake.commands.desk import Desk
from services.intake.commands.resending import RESTORED, resend_all
from services.intake.metrics import DISPATCH_ANSWERS
from services.intake.peers import Dispatch, DispatchRefused, PeerSilentError, WishesMissing
from services.intake.store import link, wishes
from shared.alerts import Alarm, Severity
from shared.db import Database
from shared.messages.incidents import Heartbeat

log = structlog.get_logger(__name__)
SILENT: Final = "dispatch_silent"
_ALERT_AFTER: Final = timedelta(seconds=10)
_OLD_ECHO: Final = timedelta(seconds=15)


async def beat(db: Database, desk: Desk, dispatch: Dispatch) -> bool:
    """Send one heartbeat and act on its answer; True to send the next one at once."""
    async with db.autocommit() as unit:
        known = await link.read_link(unit.conn)
        withdrawn = await wishes.unconfirmed_withdrawals(unit.conn, desk.jurisdiction, wishes.RETRY)
    try:
        answer = await dispatch.beat(Heartbeat(echo=known.echo, applied=known.applied, withdrawn=withdrawn))
    except (PeerSilentError, DispatchRefused) as error:
        log.warning("heartbeat.not_answered", error=type(error).__name__, detail=str(error))
        DISPATCH_ANSWERS.set(0)
        await _silent(db, desk)
        return False
    DISPATCH_ANSWERS.set(1)
    if isinstance(answer, WishesMissing):
        return await _restored(db, desk, answer)
    async with db.transaction() as unit:
        await link.record_answer(unit.conn, answer.as_of, answer.applied)
        closed = await quiet(unit.conn, "dispatch", SILENT, RESTORED)
        if closed:
            desk.tell_alerts(unit)
    # Dispatch hears us only by a fresh echo: after a start or a silence it need not wait a whole period for one.
    return known.echo is None or answer.as_of - known.echo > _OLD_ECHO


async def _silent(db: Database, desk: Desk) -> None:
    async with db.transaction() as unit:
        silent = await link.record_silence(unit.conn)
        if silent >= _ALERT_AFTER:
            what = Alarm(
                SILENT, "dispatch", Severity.CALL, "Dispatch does not answer; it offers and moves nobody meanwhile.",
                "Every call that no team has accepted goes back to the call center.",
                max(timedelta(0), desk.settings.dispatch_silent_after - silent),
            )  # fmt: skip
            if await alarm(unit.conn, what):
                desk.tell_alerts(unit)
    if silent >= desk.at_least(desk.settings.dispatch_silent_after, wall_s=5):
        await give_back_unaccepted(db, desk)


async def _restored(db: Database, desk: Desk, missing: WishesMissing) -> bool:
    """Send every wish again, and only then believe dispatch's lower count; True when that is done."""
    if await resend_all(db, desk, missing):
        return False
    async with db.transaction() as unit:
        if await wishes.left_to_resend(unit.conn, desk.jurisdiction):
            return False
        return await link.accept_count(unit.conn, missing.answer.applied)
