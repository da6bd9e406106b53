"""A call's history: its timeline across services, and every decision with what it read."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import call_event, decision, progress_event, review


class TimelineEvent(NamedTuple):
    """One event of a call; `seq` counts within the service."""

    service: str
    seq: int
    at: datetime
    actor: str
    action: str
    from_status: str | None
    to_status: str | None
    reason: str | None
    detail: Any


async def timeline(conn: AsyncConnection, call_id: UUID) -> list[TimelineEvent]:
    """Return every event of a call. Within a service the order is that of `seq`; between services that of the clocks."""
    ours, theirs = call_event.c, progress_event.c
    mine = await conn.execute(
        select(ours.seq, ours.at, ours.actor, ours.action, ours.from_status, ours.to_status, ours.reason, ours.detail)
        .where(ours.call_id == call_id).order_by(ours.seq)
    )  # fmt: skip
    told = await conn.execute(
        select(theirs.seq, theirs.at, theirs.actor, theirs.action, theirs.from_status, theirs.to_status, theirs.reason)
        .where(theirs.call_id == call_id).order_by(theirs.seq)
    )  # fmt: skip
    return list(
        merged([TimelineEvent("intake", *row) for row in mine], [TimelineEvent("dispatch", *row, None) for row in told])
    )


def merged(one: Sequence[TimelineEvent], other: Sequence[TimelineEvent]) -> Iterator[TimelineEvent]:
    """Return two histories as one: each keeps its own order, and of the two next events the earlier comes first."""
    left, right = 0, 0
    while left < len(one) and right < len(other):
        if one[left].at <= other[right].at:
            yield one[left]
            left += 1
        else:
            yield other[right]
            right += 1
    yield from one[left:]
    yield from other[right:]


class DecisionRecord(NamedTuple):
    """One decision, what it read, and the review that it settled, if any."""

    id: UUID
    seq: int
    decision: Any
    evidence: Any
    evidence_digest: str
    code_version: str
    at: datetime
    statements: Any
    review: Any


_STATEMENTS: Final = text(
    """
    SELECT d.id, (SELECT jsonb_agg(jsonb_build_object('call_id', s.call_id, 'seq', s.seq, 'source', s.source, 'at', s.at,
                'said_by', s.said_by, 'truncated', s.truncated, 'body', s.body) ORDER BY s.call_id, s.seq)
            FROM jsonb_to_recordset(d.evidence->'statements') AS e(call_id uuid, seq int)
            JOIN intake.statement s ON s.call_id = e.call_id AND s.seq = e.seq) AS statements
    FROM intake.decision d WHERE d.call_id = :call_id AND d.seq BETWEEN :first AND :last
    """
).bindparams(bindparam("call_id", type_=Uuid), bindparam("first", type_=Integer), bindparam("last", type_=Integer))


async def decisions(conn: AsyncConnection, call_id: UUID, *, after: int, limit: int) -> list[DecisionRecord]:
    """Return up to `limit` decisions of a call after a number, oldest first, each with the statements that it read."""
    columns = decision.c
    rows = await conn.execute(
        select(columns.id, columns.seq, columns.decision, columns.evidence, columns.evidence_digest, columns.code_version,
               columns.at)
        .where(columns.call_id == call_id, columns.seq > after).order_by(columns.seq).limit(limit)
    )  # fmt: skip
    found = rows.all()
    if not found:
        return []
    shown = {"call_id": call_id, "first": found[0].seq, "last": found[-1].seq}
    read = {row.id: row.statements for row in await conn.execute(_STATEMENTS, shown)}
    reviews = await conn.execute(
        select(review.c.reviewed_decision_id, review.c.decision, review.c.reason, review.c.cleared, review.c.by, review.c.at)
        .where(review.c.call_id == call_id)
    )  # fmt: skip
    by_decision = {
        row.reviewed_decision_id: {
            "decision": row.decision, "reason": row.reason, "cleared": row.cleared, "by": row.by, "at": row.at,
        }
        for row in reviews
    }  # fmt: skip
    return [
        DecisionRecord(
            row.id, row.seq, row.decision, row.evidence, row.evidence_digest.hex(), row.code_version, row.at,
            read.get(row.id) or [], by_decision.get(row.id),
        )
        for row in found
    ]  # fmt: skip
