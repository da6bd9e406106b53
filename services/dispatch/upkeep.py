"""The slower watches of a replica: the safety link, the holds at teams, the clock, and what nobody needs any more."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from prometheus_client import Gauge
from sqlalchemy import Interval, String, bindparam, text

from services.dispatch import store, tables
from services.dispatch.commands import recalls
from services.dispatch.desk import Desk
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain.silence import LONGEST_SILENCE, heard_recently
from services.dispatch.effects import team_key
from services.dispatch.peers import HoldAnswer, Teams
from services.dispatch.tables import COMMITTED_SQL, LIVE_SQL
from shared.alerts import Alarm, Severity, raise_again, raise_alert, resolve
from shared.clock import stepped_back
from shared.db import Database
from shared.idempotency import forget_old_keys

# ruff: noqa: S608 - the texts are put together from constants of this service
log = structlog.get_logger(__name__)
SYSTEM: Final = "system:reconciliation"
ORPHAN_AFTER_S: Final = 60.0
LINK_UP: Final = Gauge("dispatch_safety_link_up", "1 while intake has been heard from within 30 s")
WAITING: Final = Gauge("dispatch_incidents_waiting", "Incidents that wait for a team")
LIVE: Final = Gauge("dispatch_assignments_live", "Live assignments", ["status"])

_LINK: Final = text("""
    SELECT dispatch.clock() AS now, (SELECT heard_as_of FROM dispatch.link WHERE jurisdiction = :jurisdiction) AS heard_as_of
""").bindparams(bindparam("jurisdiction", type_=String))
_TEAMS_OUT: Final = text(
    f"SELECT team_id FROM dispatch.assignment WHERE jurisdiction = :jurisdiction AND {LIVE_SQL}"
).bindparams(bindparam("jurisdiction", type_=String))
_LIVE_HOLDS: Final = text(f"""
    SELECT id, incident_id, team_id, status, created_at < dispatch.clock() - interval '{ORPHAN_AFTER_S} s' AS settled
    FROM dispatch.assignment WHERE jurisdiction = :jurisdiction AND {LIVE_SQL}
""").bindparams(bindparam("jurisdiction", type_=String))
_COUNTS: Final = text(f"""
    SELECT 'waiting' AS what, count(*) AS n FROM dispatch.incident WHERE jurisdiction = :jurisdiction AND status = 'waiting'
    UNION ALL SELECT status, count(*) FROM dispatch.assignment WHERE jurisdiction = :jurisdiction AND {LIVE_SQL} GROUP BY status
""").bindparams(bindparam("jurisdiction", type_=String))
_PAST_SHIFT: Final = text(f"""
    SELECT id, team_name FROM dispatch.assignment
    WHERE jurisdiction = :jurisdiction AND {COMMITTED_SQL} AND status = 'on_scene'
        AND CAST(choice -> 'team' ->> 'shift_ends_at' AS timestamptz) < dispatch.clock()
""").bindparams(bindparam("jurisdiction", type_=String))
_OVER: Final = text("""
    UPDATE dispatch.alert SET resolved_at = dispatch.clock()
    WHERE kind = 'team_emergency' AND resolved_at IS NULL AND acknowledged_at < dispatch.clock() - interval '30 min'
""")


def _moved(table: str, *columns: str, also: str = "") -> str:
    shifted = ", ".join(f"{column} = {column} - :back" for column in columns)
    return f"UPDATE dispatch.{table} SET {shifted}{also}"


_STEP_BACK: Final = tuple(
    text(statement).bindparams(bindparam("back", type_=Interval))
    for statement in (
        _moved("incident", "assign_by", "act_by", "report_at", also=", version = version + 1")
        + f""" WHERE status <> 'ended' OR report_at IS NOT NULL
            OR id IN (SELECT incident_id FROM dispatch.assignment WHERE {LIVE_SQL})""",
        _moved(
            "assignment", "respond_by", "act_by", "eta", "depart_by", "expected_clear_at", "acknowledge_by", "release_at",
        )
        + f" WHERE {LIVE_SQL} OR release_at IS NOT NULL",
        _moved("loose_notice", "send_at") + " WHERE send_at IS NOT NULL",
        _moved("link", "heard_as_of"),
        _moved("alert", "act_by") + " WHERE resolved_at IS NULL",
    )
)  # fmt: skip
_REPORT_ALL: Final = text(f"""
    UPDATE dispatch.incident SET report_at = dispatch.clock()
    WHERE status <> 'ended' OR id IN (SELECT incident_id FROM dispatch.assignment WHERE {LIVE_SQL})
""")


class Upkeep:
    """Each method is one pass of a loop."""

    def __init__(self, db: Database, desk: Desk, teams: Teams) -> None:
        self._db = db
        self._desk = desk
        self._teams = teams
        self._where = {"jurisdiction": desk.jurisdiction}
        self._was_heard: bool | None = None

    async def watch_link(self) -> None:
        """Notice when intake falls silent or is heard again, and tell the tablets that are under way."""
        async with self._db.autocommit() as unit:
            row = (await unit.conn.execute(_LINK, self._where)).one()
            is_heard = heard_recently(row.heard_as_of, row.now)
            LINK_UP.set(is_heard)
            nothing_yet = self._was_heard is None and row.heard_as_of is None
            if is_heard == self._was_heard or nothing_yet:
                return
            if is_heard:
                await resolve(unit.conn, tables.alert, self._desk.jurisdiction, "safety_link_down")
                self._desk.effects.rounds.poke()
            else:
                await raise_alert(unit.conn, tables.alert, _silent(self._desk.jurisdiction))
            self._desk.effects.alerted(unit)
            out = (await unit.conn.execute(_TEAMS_OUT, self._where)).scalars().all()
            self._desk.effects.hub.wake(*(team_key(team_id) for team_id in out))
        self._was_heard = is_heard

    async def reconcile_holds(self) -> None:
        """Make teams' holds agree with our live assignments: we are right about assignments, teams about duty."""
        there = {hold.assignment_id: hold for hold in (await self._teams.holds()).items}
        async with self._db.autocommit() as unit:  # read after the holds: an assignment is older than its hold
            rows = (await unit.conn.execute(_LIVE_HOLDS, self._where)).mappings().all()
        ours = {row["id"]: row for row in rows}
        for assignment_id, hold in there.items():
            if assignment_id not in ours and hold.age_s > ORPHAN_AFTER_S:
                log.warning("hold.orphan_released", assignment_id=str(assignment_id))
                await self._teams.release(assignment_id)
        for assignment_id, row in ours.items():
            if assignment_id not in there and row["settled"] and row["status"] != assignments.Status.HOLDING:
                await self._put_again(row)

    async def _put_again(self, row: Mapping[Any, Any]) -> None:
        answer = await self._teams.hold(row["id"], row["team_id"], row["incident_id"], restore=True)
        log.warning("hold.put_again", assignment_id=str(row["id"]), answer=answer.value)
        if answer is not HoldAnswer.REFUSED:
            return
        async with self._db.transaction() as unit:
            case = await store.lock_case(unit.conn, row["incident_id"])
            found = case.named(row["id"]) if case else None
            if case is None or found is None or not found.is_live:
                return
            if found.status is assignments.Status.OFFERED:
                step = self._desk.step(case, SYSTEM).assignment(found, assignments.Action.CANCEL, reason="hold_lost")
                recalls.requeue(step, "hold_lost", counts=False, most_offers=self._desk.most_offers)
                await store.write(unit.conn, step)
                self._desk.effects.follow(unit, step)
            else:
                words = f"{found.team_name} is out on a call, but the teams service does not hold it."
                await raise_alert(unit.conn, tables.alert, Alarm("hold_lost", found.id, Severity.CALL, words))
                self._desk.effects.alerted(unit)

    async def watch_clock(self) -> None:
        """Move every live deadline when the clock has gone back, so that none comes too late; one replica sees each step."""
        async with self._db.transaction() as unit:
            back = await stepped_back(unit.conn, tables.clock_watch)
            if not back:
                return
            for statement in _STEP_BACK:
                await unit.conn.execute(statement, {"back": back})
            await unit.conn.execute(_REPORT_ALL)
            await raise_again(unit.conn, tables.alert, _stepped(back))
            self._desk.effects.alerted(unit)
            unit.then(self._desk.effects.hub.wake_all)
        log.warning("clock.stepped_back", seconds=back.total_seconds())

    async def tidy(self) -> None:
        """Forget old idempotency keys, close alerts that are over, show crews past their shift, and count."""
        await forget_old_keys(self._db, tables.idempotency_key)
        async with self._db.autocommit() as unit:
            await unit.conn.execute(_OVER)
            for row in await unit.conn.execute(_PAST_SHIFT, self._where):
                words = f"{row.team_name} is on scene past the end of its shift."
                await raise_alert(unit.conn, tables.alert, Alarm("past_shift", row.id, Severity.SERVICE, words))
            self._desk.effects.alerted(unit)
            counts = {row.what: row.n for row in await unit.conn.execute(_COUNTS, self._where)}
        WAITING.set(counts.get("waiting", 0))
        for status in assignments.LIVE:
            LIVE.labels(status.value).set(counts.get(status.value, 0))


def _silent(jurisdiction: str) -> Alarm:
    words = f"Intake has not been heard from for {int(LONGEST_SILENCE.total_seconds())} s: nobody is sent, crews stop short."
    return Alarm("safety_link_down", jurisdiction, Severity.LIFE, words, "It ends when intake is heard again.")


def _stepped(back: timedelta) -> Alarm:
    words = f"The clock went back by {int(back.total_seconds())} s; every live deadline was moved by as much."
    return Alarm("clock_stepped_back", tables.SCHEMA, Severity.SERVICE, words)
