"""The feed of changes: every change of a CAD's calls, in an order in which none can appear late.

A row carries the id of the transaction that wrote it and is shown only when every transaction that could sort before it has
ended. Transaction ids begin again when a dump is restored on another server, so each row also carries an epoch, which is
raised then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Integer, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.queries.calls import CallView, call_views, view_of_row
from services.intake.tables import call, notice

_LAST: Final = 2**62


class Position(NamedTuple):
    """Where a reader is in the feed."""

    epoch: int
    xid: int
    id: int


BEGINNING: Final = Position(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """One change, with the call or the notice as it is now."""

    position: Position
    at: datetime
    what: str
    view: CallView | None
    notice: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of the feed; `pending`: something is written that may not be shown yet, so look again soon."""

    items: Sequence[Change]
    reached: Position
    pending: bool
    now: datetime


_PAGE: Final = text(
    """
    WITH s AS MATERIALIZED (
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin, max(epoch) AS epoch FROM intake.feed_epoch
    ), p AS MATERIALIZED (  -- a position that this database has never reached was read before it was set back
        SELECT CASE WHEN :epoch > s.epoch OR (:epoch = s.epoch AND :xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
            THEN 0 ELSE :epoch END AS epoch FROM s
    ), page AS (
        SELECT c.epoch, c.xid, c.id, c.at, c.what, c.call_id, c.notice_id FROM intake.change c, s, p
        WHERE c.jurisdiction = :jurisdiction AND (c.epoch, c.xid, c.id) > (p.epoch, :xid * (p.epoch > 0)::int, :id)
            AND (c.epoch < s.epoch OR c.xid < s.xmin)
            AND (c.cad_system IS NULL OR :all_cads OR c.cad_system = ANY(:cads))
        ORDER BY c.epoch, c.xid, c.id LIMIT :limit
    )
    SELECT (SELECT xmin FROM s) AS xmin, (SELECT epoch FROM s) AS current_epoch, intake.clock() AS now,
        EXISTS (SELECT FROM intake.change c, s WHERE c.jurisdiction = :jurisdiction AND c.epoch = s.epoch AND c.xid >= s.xmin)
            AS pending,
        (SELECT jsonb_agg(to_jsonb(page) ORDER BY epoch, xid, id) FROM page) AS rows
    """
).bindparams(
    bindparam("epoch", type_=Integer), bindparam("xid", type_=BigInteger), bindparam("id", type_=BigInteger),
    bindparam("jurisdiction", type_=Text), bindparam("all_cads", type_=Boolean), bindparam("cads", type_=ARRAY(Text)),
    bindparam("limit", type_=Integer),
)  # fmt: skip


async def read_changes(
    conn: AsyncConnection, jurisdiction: str, after: Position, *, cads: frozenset[str] | None, limit: int
) -> Changes:
    """Return the changes after a position, oldest first; `cads` None: of every CAD. Notices without a call are everybody's."""
    values = {
        "jurisdiction": jurisdiction, "epoch": after.epoch, "xid": after.xid, "id": after.id, "limit": limit,
        "all_cads": cads is None, "cads": sorted(cads or ()),
    }  # fmt: skip
    page = (await conn.execute(_PAGE, values)).one()
    rows = page.rows or []
    views = await _views(conn, {UUID(row["call_id"]) for row in rows if row["call_id"]})
    notices = await _notices(conn, {UUID(row["notice_id"]) for row in rows if row["notice_id"]})
    items = [
        Change(
            Position(row["epoch"], row["xid"], row["id"]),
            datetime.fromisoformat(row["at"]),
            row["what"],
            views.get(UUID(row["call_id"])) if row["call_id"] else None,
            notices.get(UUID(row["notice_id"])) if row["notice_id"] else None,
        )
        for row in rows
    ]
    reached = (
        items[-1].position if items and len(items) >= limit else Position(page.current_epoch, page.xmin - 1, _LAST)
    )
    return Changes(items, reached, page.pending, page.now)


async def _views(conn: AsyncConnection, ids: set[UUID]) -> dict[UUID, CallView]:
    if not ids:
        return {}
    rows = await conn.execute(call_views().where(call.c.id.in_(ids)))
    return {row.id: view_of_row(row) for row in rows}


async def _notices(conn: AsyncConnection, ids: set[UUID]) -> dict[UUID, Mapping[str, Any]]:
    if not ids:
        return {}
    columns = [notice.c[name] for name in ("id", "team_id", "kind", "text", "position", "at", "acknowledged_at")]
    rows = await conn.execute(select(*columns).where(notice.c.id.in_(ids)))
    return {row.id: dict(row._mapping) for row in rows}  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
