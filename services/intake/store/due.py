"""Deadlines as rows: which calls and notices are due, claimed so that replicas share the work."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, Interval, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import TextClause


def _due(statement: str) -> TextClause:
    typed = {"jurisdiction": Text, "within": Interval}
    named: list[BindParameter[Any]] = [
        bindparam(name, type_=kind) for name, kind in typed.items() if f":{name}" in statement
    ]
    return text(statement).bindparams(*named)


class Presence(NamedTuple):
    """When a reviewer last read the queue, and the time now."""

    seen_at: datetime | None
    now: datetime


async def read_presence(conn: AsyncConnection) -> Presence:
    """Return when a reviewer last read the queue."""
    row = (await conn.execute(_due("SELECT (SELECT seen_at FROM intake.reviewer_presence), intake.clock()"))).one()
    return Presence(*row)


_REVIEWS: Final = _due(
    """
    SELECT id FROM intake.call WHERE jurisdiction = :jurisdiction AND review_by IS NOT NULL
        AND (review_by <= (SELECT intake.clock())
            OR (status = 'in_review' AND NOT EXISTS (
                SELECT FROM intake.reviewer_presence WHERE seen_at >= (SELECT intake.clock()) - :within)))
    ORDER BY review_by LIMIT 200
    """
)


async def overdue_reviews(conn: AsyncConnection, jurisdiction: str, silent_after: timedelta) -> Sequence[UUID]:
    """Return the calls whose reviewer has not decided in time, and those in review while no reviewer is there."""
    return (await conn.scalars(_REVIEWS, {"jurisdiction": jurisdiction, "within": silent_after})).all()


_OWN: Final = _due(
    """
    UPDATE intake.call SET asked_until = intake.clock() + :within
    WHERE id IN (
        SELECT id FROM intake.call WHERE jurisdiction = :jurisdiction AND act_by <= (SELECT intake.clock())
            AND (asked_until IS NULL OR asked_until <= (SELECT intake.clock()))
        ORDER BY act_by LIMIT 200 FOR UPDATE SKIP LOCKED
    ) RETURNING id
    """
)


async def claim_own_deadlines(conn: AsyncConnection, jurisdiction: str, within: timedelta) -> Sequence[UUID]:
    """Return the calls of which dispatch should have told us something by now; nobody else gets them `within` that time."""
    return (await conn.scalars(_OWN, {"jurisdiction": jurisdiction, "within": within})).all()


_UNACCEPTED: Final = _due(
    """
    SELECT id FROM intake.call WHERE jurisdiction = :jurisdiction AND act_by IS NOT NULL AND was_queued
        AND status IN ('in_review', 'queued', 'offered') ORDER BY act_by LIMIT 500
    """
)


async def unaccepted_calls(conn: AsyncConnection, jurisdiction: str) -> Sequence[UUID]:
    """Return the live calls that dispatch has and that no team has accepted."""
    return (await conn.scalars(_UNACCEPTED, {"jurisdiction": jurisdiction})).all()


_RETURNS: Final = _due(
    """
    UPDATE intake.call SET acknowledge_by = intake.clock() + :within
    WHERE id IN (
        SELECT id FROM intake.call WHERE jurisdiction = :jurisdiction AND acknowledge_by <= (SELECT intake.clock())
        ORDER BY acknowledge_by LIMIT 100 FOR UPDATE SKIP LOCKED
    ) RETURNING id
    """
)


async def claim_unacknowledged_returns(conn: AsyncConnection, jurisdiction: str, within: timedelta) -> Sequence[UUID]:
    """Return the returned calls that no person has taken in time, and put their next alert off by `within`."""
    return (await conn.scalars(_RETURNS, {"jurisdiction": jurisdiction, "within": within})).all()


class Unread(NamedTuple):
    """A notice that nobody has acknowledged."""

    id: UUID
    call_id: UUID
    kind: str


_NOTICES: Final = _due(
    """
    UPDATE intake.notice SET acknowledge_by = intake.clock() + :within
    WHERE id IN (
        SELECT id FROM intake.notice WHERE jurisdiction = :jurisdiction AND acknowledge_by <= (SELECT intake.clock())
        ORDER BY acknowledge_by LIMIT 100 FOR UPDATE SKIP LOCKED
    ) RETURNING id, call_id, kind
    """
)


async def claim_unacknowledged_notices(conn: AsyncConnection, jurisdiction: str, within: timedelta) -> Sequence[Unread]:
    """Return the notices that no person has acknowledged in time, and put their next alert off by `within`."""
    return [Unread(*row) for row in await conn.execute(_NOTICES, {"jurisdiction": jurisdiction, "within": within})]


_OVER: Final = _due(
    """
    UPDATE intake.alert a SET resolved_at = intake.clock() FROM intake.call c
    WHERE a.kind IN ('update_refused', 'stop_refused', 'wish_refused') AND a.resolved_at IS NULL AND c.id::text = a.subject
        AND c.final_at IS NOT NULL AND (c.status <> 'returned' OR c.acknowledged_at IS NOT NULL)
    """
)


async def close_alerts_of_ended_calls(conn: AsyncConnection) -> int:
    """Close the alerts about refused updates and wishes of calls that are over, or that a person has taken; return how many."""
    return (await conn.execute(_OVER)).rowcount


_STEP_BACK: Final = tuple(
    _due(f"UPDATE intake.{table} SET {', '.join(f'{c} = {c} - CAST(:within AS interval)' for c in columns)} WHERE {where}")  # noqa: S608 - our own names
    for table, columns, where in (
        ("call", ("review_by", "act_by", "acknowledge_by", "asked_until", "queued_at"),
         "review_by IS NOT NULL OR act_by IS NOT NULL OR acknowledge_by IS NOT NULL"),
        ("wish", ("next_try_at", "written_at"), "next_try_at IS NOT NULL"),
        ("notice", ("acknowledge_by",), "acknowledge_by IS NOT NULL"),
        ("reviewer_presence", ("seen_at",), "true"),
        ("dispatch_link", ("silent_since", "answered_at"), "true"),
        ("alert", ("act_by",), "resolved_at IS NULL AND act_by IS NOT NULL"),
    )
)  # fmt: skip


async def move_deadlines_back(conn: AsyncConnection, by: timedelta) -> None:
    """Move every live deadline back by as much as the clock went back."""
    for statement in _STEP_BACK:
        await conn.execute(statement, {"within": by})
