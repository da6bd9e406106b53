"""What dispatch owes other services until they have confirmed it: progress reports, released holds, notices without a call.

Each is a column that says when to try next. The process that committed sends at once; the sweep of any replica sends what was left.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, String, TextClause, Uuid, bindparam, text

from services.dispatch import queries
from services.dispatch.peers import Intake, Teams
from shared.db import Database
from shared.messages.base import LooseNotice

_TYPES: Final = {"id": Uuid, "version": BigInteger, "events": BigInteger, "jurisdiction": String}


def _sql(statement: str) -> TextClause:
    made = text(statement)
    return made.bindparams(*(bindparam(n, type_=t) for n, t in _TYPES.items() if f":{n}" in statement))


_AGAIN: Final = "dispatch.clock() + interval '1 s' * CASE WHEN {tries} < 30 THEN least({tries} + 1, 2) ELSE 15 END"
"""Soon for a minute: after a restart of intake the call center must not wait for a backoff to run out."""
_REPORTS_DUE: Final = _sql(f"""
    UPDATE dispatch.incident SET report_tries = report_tries + 1, report_at = {_AGAIN.format(tries="report_tries")}
    WHERE id IN (SELECT id FROM dispatch.incident
        WHERE jurisdiction = :jurisdiction AND report_at <= (SELECT dispatch.clock())
        ORDER BY report_at LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING id""")  # noqa: S608 - constants of this file
_REPORTED: Final = _sql("""
    UPDATE dispatch.incident
    SET confirmed_version = greatest(confirmed_version, :version), events_confirmed = greatest(events_confirmed, :events),
        report_at = CASE WHEN version <= :version AND event_seq <= :events THEN NULL ELSE report_at END
    WHERE id = :id""")
_RELEASES_DUE: Final = _sql("""
    UPDATE dispatch.assignment SET release_at = dispatch.clock() + interval '2 s'
    WHERE id IN (SELECT id FROM dispatch.assignment
        WHERE jurisdiction = :jurisdiction AND release_at <= (SELECT dispatch.clock())
        ORDER BY release_at LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING id""")
_RELEASED: Final = _sql(
    "UPDATE dispatch.assignment SET release_at = NULL, hold_released = true WHERE id = :id AND ended_at IS NOT NULL"
)
_NOTICES_DUE: Final = _sql(f"""
    UPDATE dispatch.loose_notice SET tries = tries + 1, send_at = {_AGAIN.format(tries="tries")}
    WHERE id IN (SELECT id FROM dispatch.loose_notice
        WHERE jurisdiction = :jurisdiction AND send_at <= (SELECT dispatch.clock())
        ORDER BY send_at LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING id""")  # noqa: S608 - constants of this file
_NOTICE: Final = _sql("SELECT body FROM dispatch.loose_notice WHERE id = :id AND send_at IS NOT NULL")
_NOTIFIED: Final = _sql("UPDATE dispatch.loose_notice SET send_at = NULL WHERE id = :id")


class Outbox:
    """`claim` gives the ids that are due and puts their next try off; `send_*` delivers one and stores the confirmation, or raises."""

    def __init__(self, db: Database, jurisdiction: str, intake: Intake, teams: Teams) -> None:
        self._db = db
        self._jurisdiction = jurisdiction
        self._intake = intake
        self._teams = teams

    async def reports_due(self) -> list[UUID]:
        """Return incidents that intake does not know the newest of."""
        return await self._claim(_REPORTS_DUE)

    async def releases_due(self) -> list[UUID]:
        """Return ended assignments whose hold teams has not confirmed as released."""
        return await self._claim(_RELEASES_DUE)

    async def notices_due(self) -> list[UUID]:
        """Return notices without a call that intake does not have."""
        return await self._claim(_NOTICES_DUE)

    async def send_report(self, incident_id: UUID) -> None:
        """Report an incident's progress to intake, in as many messages as its unconfirmed history needs."""
        while True:
            async with self._db.autocommit() as unit:
                progress = await queries.progress(unit.conn, incident_id)
            if progress is None:
                return
            receipt = await self._intake.report(incident_id, progress)
            async with self._db.autocommit() as unit:
                await unit.conn.execute(
                    _REPORTED, {"id": incident_id, "version": receipt.version, "events": receipt.events_through}
                )
            more = len(progress.events) == queries.MOST_EVENTS
            if not more or receipt.events_through < progress.events[-1].seq:
                return

    async def send_release(self, assignment_id: UUID) -> None:
        """Release a hold at teams, also one that never came to be: its id can then never be held."""
        await self._teams.release(assignment_id)
        async with self._db.autocommit() as unit:
            await unit.conn.execute(_RELEASED, {"id": assignment_id})

    async def send_notice(self, notice_id: UUID) -> None:
        """Deliver a notice without a call."""
        async with self._db.autocommit() as unit:
            body = await unit.conn.scalar(_NOTICE, {"id": notice_id})
        if body is None:
            return
        await self._intake.notify(notice_id, LooseNotice.model_validate(body))
        async with self._db.autocommit() as unit:
            await unit.conn.execute(_NOTIFIED, {"id": notice_id})

    async def _claim(self, due: TextClause) -> list[UUID]:
        async with self._db.autocommit() as unit:
            return list((await unit.conn.execute(due, {"jurisdiction": self._jurisdiction})).scalars())
