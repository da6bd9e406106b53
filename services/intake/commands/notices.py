"""Notices without a call: a team's panic while it has no work."""

from uuid import UUID

from services.intake.commands.alarms import alarm
from services.intake.commands.desk import FEED, Desk
from services.intake.store.notices import keep_loose_notice
from shared.alerts import Alarm, Severity
from shared.db import Unit
from shared.messages.base import LooseNotice


async def take_notice(unit: Unit, desk: Desk, notice_id: UUID, notice: LooseNotice) -> None:
    """Put the notice into every CAD's feed and alert a supervisor; again: no change."""
    new = await keep_loose_notice(
        unit.conn,
        desk.jurisdiction,
        {
            "id": notice_id,
            "team_id": notice.team_id,
            "kind": notice.kind,
            "text": notice.text,
            "position": notice.position.model_dump(mode="json") if notice.position else None,
            "at": notice.at,
        },
    )
    if not new:
        return
    what = Alarm(
        notice.kind, notice_id, Severity.LIFE, "A team without a call has raised a notice; the call centers see it."
    )
    if await alarm(unit.conn, what):
        desk.tell_alerts(unit)
    unit.then(lambda: desk.hub.wake(FEED, f"{FEED}:loose"))
