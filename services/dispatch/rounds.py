"""One round of matching: who waits, who is free, who goes to whom. One round at a time per jurisdiction.

A round only commits incidents to teams (rows, guarded by the indexes); holding and offering run beside it, so that a slow answer for one
call keeps no other waiting.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import BigInteger, String, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch import facts, queries, store
from services.dispatch.commands import offers
from services.dispatch.desk import Desk
from services.dispatch.domain import matching
from services.dispatch.domain.matching import Choice, Considered, Plan, Waiting
from services.dispatch.peers import HoldAnswer, Teams
from services.dispatch.roster import as_team
from shared.db import Database
from shared.peer import PeerSilentError

log = structlog.get_logger(__name__)
ROUNDS = Counter("dispatch_rounds_total", "Rounds of matching", ["result"])
ROUND_S = Histogram("dispatch_round_seconds", "How long a round took")
HOLDS = Counter("dispatch_holds_total", "Holds asked of the teams service", ["answer"])
_LOCK: Final = text("SELECT pg_try_advisory_lock(1146310465, hashtext(:jurisdiction))").bindparams(
    bindparam("jurisdiction", type_=String)
)
_UNLOCK: Final = text("SELECT pg_advisory_unlock(1146310465, hashtext(:jurisdiction))").bindparams(
    bindparam("jurisdiction", type_=String)
)
_SAW: Final = text("""
    UPDATE dispatch.incident SET unmatched = :reason
    WHERE id = :id AND version = :version AND unmatched IS DISTINCT FROM :reason
""").bindparams(bindparam("reason", type_=String), bindparam("id", type_=Uuid), bindparam("version", type_=BigInteger))


class Matchmaker:
    """Runs rounds. `run` is a loop's work: True asks for another pass at once."""

    def __init__(self, db: Database, desk: Desk, teams: Teams) -> None:
        self._db = db
        self._desk = desk
        self._teams = teams
        self._offering: set[asyncio.Task[None]] = set()

    async def run(self) -> bool:
        """Run one round if anybody waits and no other replica is at it."""
        async with self._db.statements.connect() as conn:
            if not await queries.anybody_waits(conn, self._desk.jurisdiction):
                return False
            if not await conn.scalar(_LOCK, {"jurisdiction": self._desk.jurisdiction}):
                await asyncio.sleep(0.02)  # the other replica's round may have read before our call was stored
                return True
            try:
                with ROUND_S.time():
                    return await self._round()
            finally:
                await self._unlock(conn)

    async def _unlock(self, conn: AsyncConnection) -> None:
        try:
            await conn.scalar(_UNLOCK, {"jurisdiction": self._desk.jurisdiction})
        except BaseException:
            await conn.invalidate()  # the lock dies with its session; in the pool it would live on
            raise

    async def stop(self) -> None:
        """Cancel what is being held and offered; its rows have deadlines."""
        for task in self._offering:
            task.cancel()
        await asyncio.gather(*self._offering, return_exceptions=True)

    async def _round(self) -> bool:
        try:
            snapshot, _ = await self._teams.availability()
        except PeerSilentError as error:
            ROUNDS.labels("teams_silent").inc()
            log.info("round.teams_silent", error=str(error))
            return False
        assert snapshot is not None
        snapshot = self._desk.roster.take(snapshot)
        async with self._db.autocommit() as unit:
            rows = await queries.waiting(unit.conn, self._desk.jurisdiction)
            busy, emergency = await queries.engaged(unit.conn, self._desk.jurisdiction)
        if not rows:
            return False
        teams = [
            as_team(seen, busy_here=seen.team_id in busy, in_emergency=seen.team_id in emergency)
            for seen in snapshot.items
        ]
        by_id = {row["id"]: row for row in rows}
        plan = matching.decide([call_of(row) for row in rows], teams, None, self._desk.policy, rows[0]["now"])
        lost = 0
        for choice in plan.choices:
            lost += not await self._commit(by_id[choice.incident_id], choice)
        await self._note_unmatched(plan, by_id)
        ROUNDS.labels("matched" if plan.choices else "nobody").inc()
        made = len(plan.choices) - lost
        return made > 0 and (lost > 0 or len(rows) == queries.MOST_WAITING)  # else the next tick is soon enough

    async def _commit(self, row: Mapping[Any, Any], choice: Choice) -> bool:
        async with self._db.autocommit() as unit:
            case = await store.read_case(unit.conn, choice.incident_id)
            if case is None or case.incident.version != row["version"]:
                return False
            assignment_id = await offers.commit(
                unit, self._desk, case, choice.team, explained(choice.considered, self._desk.policy, row["now"]),
                scheduled=facts.is_scheduled(row["facts"]),
            )  # fmt: skip
        if assignment_id is None:
            return False
        self.pursue(assignment_id, choice.team.id, choice.incident_id)
        return True

    def pursue(self, assignment_id: UUID, team_id: UUID, incident_id: UUID) -> None:
        """Hold the team and offer, beside the round."""
        task = asyncio.create_task(self._hold_and_offer(assignment_id, team_id, incident_id))
        self._offering.add(task)
        task.add_done_callback(self._offering.discard)

    async def _hold_and_offer(self, assignment_id: UUID, team_id: UUID, incident_id: UUID) -> None:
        try:
            answer = await self._teams.hold(assignment_id, team_id, incident_id)
            HOLDS.labels(answer.value).inc()
            if answer is HoldAnswer.HELD:
                await offers.offer(self._db, self._desk, assignment_id)
            else:
                await offers.abandon(self._db, self._desk, assignment_id, f"hold_{answer.value}")
        except Exception as error:  # noqa: BLE001 - the row has a deadline: the sweep lets the team go
            log.warning(
                "offer.failed", assignment_id=str(assignment_id), error=type(error).__name__, detail=str(error)[:200]
            )

    async def _note_unmatched(self, plan: Plan, rows: Mapping[UUID, Mapping[Any, Any]]) -> None:
        async with self._db.autocommit() as unit:
            for incident_id, reason in plan.unmatched:
                row = rows[incident_id]
                if row["unmatched"] != reason.value:
                    await unit.conn.execute(
                        _SAW, {"id": incident_id, "version": row["version"], "reason": reason.value}
                    )


def call_of(row: Mapping[Any, Any]) -> Waiting:
    """Return a waiting incident as matching reads it."""
    return facts.waiting(
        row["id"],
        row["facts"],
        priority=row["priority"],
        since=row["created_at"],
        refused_by=frozenset(row["refused_by"]),
    )


def explained(considered: tuple[Considered, ...], policy: matching.Policy, now: datetime) -> dict[str, Any]:
    """Return what is kept of a choice: the chosen team and the next ones with cost parts, and why each other team was not."""
    ranked = [one for one in considered if one.rank is not None][: policy.explained]
    excluded = [one for one in considered if one.rank is None]
    return {"by": "matching", "at": now, "considered": [_plain(one) for one in (*ranked, *excluded)]}


def _plain(one: Considered) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in asdict(one).items()
        if value is not None
    }
