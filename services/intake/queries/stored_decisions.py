"""Decisions as they were stored, each with all that it read: what a replay, a trial or an audit needs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import TextClause

from services.intake.store.cases import StatementRow

NEWEST: Final = UUID(int=2**128 - 1)
"""An id after every other."""


class StoredDecision(NamedTuple):
    """One decision and what it read; `statements` in the order in which the evidence names them."""

    id: UUID
    call_id: UUID
    seq: int
    decision: Mapping[str, Any]
    evidence: Mapping[str, Any]
    evidence_digest: str
    protocol_version: str
    plan_version: int
    code_version: str
    decided_by: str
    at: datetime
    plan: Mapping[str, Any] | None
    """The body of the neighborhood's plan of that version, or of the city's default plan; None: there was neither."""
    statements: tuple[tuple[UUID, str, StatementRow], ...]
    """Of which call and CAD event, and what was said."""

    @property
    def was_triage(self) -> bool:
        """Triage made it of evidence: it is no fault of ours and no reviewer's word alone."""
        return "statements" in self.evidence and all(r["rule"] != "system_fault" for r in self.decision["reasons"])


_COLUMNS: Final = """
    SELECT d.id, d.call_id, d.seq, d.decision, d.evidence, encode(d.evidence_digest, 'hex') AS evidence_digest,
        d.protocol_version, d.plan_version, d.code_version, d.decided_by, d.at,
        (SELECT p.body FROM intake.plan p WHERE CASE WHEN d.evidence #> '{plan,default}' IS NULL
            THEN p.slug = d.evidence #>> '{place,neighborhood}' AND p.version = d.plan_version
            ELSE p.slug = '*' AND p.version = CAST(d.evidence #>> '{plan,default}' AS int) END) AS plan,
        (SELECT jsonb_agg(jsonb_build_array(s.call_id, c.cad_event_id, s.seq, s.source, s.body, s.extra_text, s.truncated,
                encode(s.digest, 'hex')) ORDER BY e.n)
            FROM jsonb_array_elements(d.evidence->'statements') WITH ORDINALITY AS e (item, n)
            JOIN intake.statement s ON s.call_id = CAST(e.item->>'call_id' AS uuid) AND s.seq = CAST(e.item->>'seq' AS int)
            JOIN intake.call c ON c.id = s.call_id) AS statements
    FROM intake.decision d
"""
_BY_ID: Final = text(f"{_COLUMNS} WHERE d.id = ANY(:ids) ORDER BY d.id").bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
)
_PAGE: Final = text(
    f"{_COLUMNS} JOIN intake.call k ON k.id = d.call_id AND k.jurisdiction = :jurisdiction "
    "WHERE d.id < :before ORDER BY d.id DESC LIMIT :limit"
).bindparams(
    bindparam("jurisdiction", type_=Text), bindparam("before", type_=Uuid), bindparam("limit", type_=BigInteger)
)  # fmt: skip


async def decisions_by_id(conn: AsyncConnection, ids: Sequence[UUID]) -> list[StoredDecision]:
    """Return these decisions, as far as they are stored, the oldest first."""
    return await _read(conn, _BY_ID, {"ids": list(ids)})


async def decisions_before(
    conn: AsyncConnection, jurisdiction: str, before: UUID, *, limit: int
) -> list[StoredDecision]:
    """Return up to `limit` decisions of a jurisdiction before an id, the newest first."""
    return await _read(conn, _PAGE, {"jurisdiction": jurisdiction, "before": before, "limit": limit})


async def _read(conn: AsyncConnection, statement: TextClause, values: Mapping[str, Any]) -> list[StoredDecision]:
    rows = await conn.execute(statement, dict(values))
    return [
        StoredDecision(**{**row._mapping, "statements": tuple(map(_said, row.statements or ()))})  # noqa: SLF001 - the row as a mapping
        for row in rows
    ]


def _said(item: Sequence[Any]) -> tuple[UUID, str, StatementRow]:
    call_id, event, *said = item
    return UUID(call_id), event, StatementRow(*said)
