"""Lists of calls: filtered, newest first; and the reviewers' queue, soonest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, false, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.queries.calls import CallView, call_views, view_of_row
from services.intake.tables import call


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls; None everywhere: no matter."""

    cads: frozenset[str] | None = None
    status: str | None = None
    verdict: str | None = None
    neighborhood: str | None = None
    cad_event_id: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None
    review_open: bool = False


async def list_calls(
    conn: AsyncConnection, jurisdiction: str, wanted: Filter, *, after: tuple[datetime, UUID] | UUID | None, limit: int
) -> list[CallView]:
    """Return up to `limit` calls after the key of the page before: an id, or in the queue a review deadline and an id."""
    query = _filtered(call_views(with_statements=wanted.review_open), jurisdiction, wanted)
    if wanted.review_open:
        query = query.where(call.c.review_by.is_not(None)).order_by(call.c.review_by, call.c.id)
        if isinstance(after, tuple):
            query = query.where(tuple_(call.c.review_by, call.c.id) > after)
    else:
        query = query.order_by(call.c.id.desc())
        if isinstance(after, UUID):
            query = query.where(call.c.id < after)
    return [view_of_row(row) for row in await conn.execute(query.limit(limit))]


def _filtered(query: Select[Any], jurisdiction: str, wanted: Filter) -> Select[Any]:
    query = query.where(call.c.jurisdiction == jurisdiction)
    if wanted.cads is not None:
        query = query.where(call.c.cad_system.in_(wanted.cads) if wanted.cads else false())
    for column in ("status", "verdict", "neighborhood", "cad_event_id"):
        if (value := getattr(wanted, column)) is not None:
            query = query.where(call.c[column] == value)
    if wanted.received_from is not None:
        query = query.where(call.c.received_at >= wanted.received_from)
    if wanted.received_to is not None:
        query = query.where(call.c.received_at < wanted.received_to)
    return query
