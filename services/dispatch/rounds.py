"""One round of matching: who waits, who is free, who goes to whom. One round at a time per jurisdiction.

A round only commits incidents to teams (rows, guarded by the indexes); holding and offering run beside it, so that a slow answer for one
call keeps no other waiting.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import BigInteger, String, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch import facts, gathering, queries, store
from services.dispatch.commands import diversions, offers
from services.dispatch.desk import Desk
from services.dispatch.domain import explanation
from services.dispatch.domain.diversion import Diversion
from services.dispatch.domain.explanation import Considered
from services.dispatch.domain.incident import ReturnReason
from services.dispatch.domain.matching import Choice, Hold, Plan
from services.dispatch.domain.policy import Policy
from services.dispatch.gathering import Gathered
from services.dispatch.peers import HoldAnswer, Teams
from shared.db import Database
from shared.peer import PeerSilentError

log = structlog.get_logger(__name__)
ROUNDS = Counter("dispatch_rounds_total", "Rounds of matching", ["result"])
ROUND_S = Histogram("dispatch_round_seconds", "How long a round took")
DIVERSIONS = Counter("dispatch_diversions_total", "Teams taken off a call for one of priority 1")
HOLDS = Counter("dispatch_holds_total", "Holds asked of the teams service", ["answer"])
_LOCK: Final = text("SELECT pg_try_advisory_lock(1146310465, hashtext(:jurisdiction))").bindparams(
    bindparam("jurisdiction", type_=String)
)
_UNLOCK: Final = text("SELECT pg_advisory_unlock(1146310465, hashtext(:jurisdiction))").bindparams(
    bindparam("jurisdiction", type_=String)
)
_SAW: Final = text("""
    UPDATE dispatch.incident SET unmatched = :reason, hold = CAST(:hold AS jsonb) WHERE id = :id AND version = :version
""").bindparams(
    bindparam("reason", type_=String), bindparam("hold", type_=String), bindparam("id", type_=Uuid),
    bindparam("version", type_=BigInteger),
)  # fmt: skip


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
            seen = await gathering.snapshot(self._desk, self._teams)
        except PeerSilentError as error:
            ROUNDS.labels("teams_silent").inc()
            log.info("round.teams_silent", error=str(error))
            return False
        gathered = await gathering.gather(self._db, self._desk, seen)
        if gathered is None:
            return False
        plan = gathered.decide(self._desk.policy)
        lost = 0
        for choice in plan.choices:
            lost += not await self._commit(gathered, plan, choice)
        if plan.diversion is not None:
            await self._divert(gathered, plan.diversion)
        await self._note_waiting(plan, gathered)
        ROUNDS.labels("matched" if plan.choices else "held" if plan.holds else "nobody").inc()
        made = len(plan.choices) - lost
        return made > 0 and (
            lost > 0 or len(gathered.rows) == queries.MOST_WAITING
        )  # else the next tick is soon enough

    async def _commit(self, gathered: Gathered, plan: Plan, choice: Choice) -> bool:
        row = gathered.rows[choice.incident_id]
        record = explained(plan, choice, self._desk.policy, gathered.now) | {"held": row["hold"]}
        async with self._db.autocommit() as unit:
            case = await store.read_case(unit.conn, choice.incident_id)
            if case is None or case.incident.version != row["version"]:
                return False
            assignment_id = await offers.commit(
                unit, self._desk, case, choice.team, record, scheduled=facts.is_scheduled(row["facts"])
            )
        if assignment_id is None:
            return False
        self.pursue(assignment_id, choice.team.id, choice.incident_id)
        return True

    async def _divert(self, gathered: Gathered, diversion: Diversion) -> None:
        left = gathered.under_way[diversion.taken_from]
        seen = {diversion.incident_id: gathered.rows[diversion.incident_id]["version"], left["id"]: left["version"]}
        async with self._db.autocommit() as unit:
            done = await diversions.divert(unit, self._desk, diversion, seen=seen, assignment_id=left["assignment_id"])
        if done:
            DIVERSIONS.inc()
            log.info("team.diverted", team_id=str(diversion.team.id), taken_from=str(left["id"]), words=diversion.words)

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

    async def _note_waiting(self, plan: Plan, gathered: Gathered) -> None:
        """Keep with each call that goes on waiting what the round found, and whom it is kept for."""
        found: dict[UUID, tuple[str, dict[str, Any] | None]] = {
            one.incident_id: (one.reason.value, None) for one in plan.unmatched
        }
        for hold in plan.holds:
            found[hold.incident_id] = (ReturnReason.ALL_TEAMS_BUSY.value, as_kept(plan, hold, gathered.now))
        async with self._db.autocommit() as unit:
            for incident_id, (reason, kept) in found.items():
                row = gathered.rows[incident_id]
                if row["unmatched"] != reason or _kept_for(row["hold"]) != _kept_for(kept):
                    said = None if kept is None else json.dumps(kept)
                    parameters = {"id": incident_id, "version": row["version"], "reason": reason, "hold": said}
                    await unit.conn.execute(_SAW, parameters)


def _kept_for(hold: Mapping[str, Any] | None) -> str | None:
    return None if hold is None else hold["team_id"]


def as_kept(plan: Plan, hold: Hold, now: datetime) -> dict[str, Any]:
    """Return a HOLD as it is stored: for whom the call is kept since when, in words."""
    row, column = plan.place_of(hold.incident_id, hold.team.id)
    words = explanation.hold_words(plan.board, row, column, plan.sent)
    return {"team_id": str(hold.team.id), "team_name": hold.team.name, "words": words, "at": now.isoformat()}


def explained(plan: Plan, choice: Choice, policy: Policy, now: datetime) -> dict[str, Any]:
    """Return what is kept of a choice: the chosen team and the next ones with cost parts, and why each other team was not."""
    board = plan.board
    row, column = plan.place_of(choice.incident_id, choice.team.id)
    found = explanation.explain(board, row, column, policy.explained)
    considered = [plain(one) for one in explanation.in_full(board, row, found)]
    travel = {"source": board.times_from, "fallback": board.fallback}
    first = explanation.first_words(board, row) or None
    return {"by": "matching", "at": now, "considered": considered, "travel": travel, "first": first}


def plain(one: Considered) -> dict[str, Any]:
    """Return a team considered as JSON, without what is not known of it."""
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in one._asdict().items()
        if value is not None
    }
