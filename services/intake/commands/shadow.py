"""A version of the protocol on trial: what it would have decided of live calls, kept beside what was decided.

It works from the stored rows, after the commit, in a loop of its own. Nothing on a call's way waits for it or reads it,
and whatever goes wrong in it is counted and left.
"""

import asyncio
from collections import deque
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.dialects.postgresql import insert

from services.intake.commands.protocols import Protocols
from services.intake.commands.replays import decided_otherwise
from services.intake.domain.triage.model import Decision, Verdict
from services.intake.domain.triage.protocol import Protocol
from services.intake.metrics import SHADOW
from services.intake.queries.stored_decisions import StoredDecision, decisions_by_id
from services.intake.settings import CODE_VERSION
from services.intake.tables import shadow_decision
from services.intake.wire import decision_to_wire
from shared.clock import clock
from shared.db import Database

log = structlog.get_logger(__name__)
_WAITING: Final = 2000
_AT_ONCE: Final = 25


class Shadow:
    """Decides by one other version what this process has decided. A crash forgets what waits: a trial is a sample."""

    def __init__(self, db: Database, protocols: Protocols, version: str | None) -> None:
        self._db = db
        self._protocols = protocols
        self.version = version
        self._waiting: deque[UUID] = deque(maxlen=_WAITING)

    def soon(self, decision_id: UUID) -> None:
        """Note a decision that was just committed; never blocks, never raises."""
        if self.version is not None:
            if len(self._waiting) == _WAITING:
                SHADOW.labels("dropped").inc()
            self._waiting.append(decision_id)

    def missing(self) -> str | None:
        """Say that the version on trial is not there; for /readyz."""
        if self.version is None or self._protocols.known(self.version) is not None:
            return None
        return f"version {self.version} is to be tried and this replica does not have it"

    async def keep(self) -> bool:
        """Decide what waits, for the loop; True when more waits."""
        protocol = self._protocols.known(self.version)
        if protocol is None or not self._waiting:
            self._waiting.clear()
            return False
        ids = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
        async with self._db.autocommit() as unit:
            found = await decisions_by_id(unit.conn, ids)
        for stored in found:
            await self._try(protocol, stored)
        return bool(self._waiting)

    async def _try(self, protocol: Protocol, stored: StoredDecision) -> None:
        if not stored.was_triage or stored.protocol_version == protocol.version:
            return
        try:
            decision = await asyncio.to_thread(decided_otherwise, stored, protocol)
            await self._store(stored, decision)
        except Exception as error:  # noqa: BLE001 - a trial never disturbs, whatever it stumbles over
            SHADOW.labels("failed").inc()
            log.warning("shadow.failed", decision=str(stored.id), error=type(error).__name__)
        else:
            SHADOW.labels(_compared(stored, decision)).inc()

    async def _store(self, stored: StoredDecision, decision: Decision) -> None:
        wire = decision_to_wire(decision, decided_at=stored.at)
        async with self._db.autocommit() as unit:
            await unit.conn.execute(
                insert(shadow_decision)
                .values(
                    decision_id=stored.id,
                    protocol_version=decision.protocol_version,
                    decision=wire,
                    verdict=decision.verdict.value,
                    code_version=CODE_VERSION,
                    at=clock("intake"),
                )
                .on_conflict_do_nothing()
            )


def _compared(stored: StoredDecision, decision: Decision) -> str:
    difference = decision.verdict.caution - Verdict(stored.decision["verdict"]).caution
    return "agrees" if difference == 0 else "safer" if difference < 0 else "stricter"
