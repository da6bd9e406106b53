"""Notices: those without a call, and that a person has read one."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

_LOOSE: Final = text(
    """
    WITH new AS (
        INSERT INTO intake.notice (id, jurisdiction, team_id, origin, kind, text, position, at)
        VALUES (:id, :jurisdiction, :team_id, 'dispatch', :kind, :text, :position, :at)
        ON CONFLICT DO NOTHING RETURNING id, jurisdiction
    ), fed AS (
        INSERT INTO intake.change (epoch, jurisdiction, notice_id, what, at)
        SELECT (SELECT max(epoch) FROM intake.feed_epoch), new.jurisdiction, new.id, 'notice', intake.clock() FROM new
    )
    SELECT count(*) FROM new
    """
).bindparams(
    bindparam("id", type_=Uuid), bindparam("jurisdiction", type_=Text), bindparam("team_id", type_=Uuid),
    bindparam("kind", type_=Text), bindparam("text", type_=Text), bindparam("position", type_=JSONB(none_as_null=True)),
    bindparam("at", type_=DateTime(timezone=True)),
)  # fmt: skip


async def keep_loose_notice(conn: AsyncConnection, jurisdiction: str, notice: Mapping[str, Any]) -> bool:
    """Keep a notice without a call and put it into every CAD's feed; False if it is known already."""
    return bool(await conn.scalar(_LOOSE, {"jurisdiction": jurisdiction, **notice}))


_READ: Final = text(
    """
    UPDATE intake.notice SET acknowledged_at = intake.clock(), acknowledged_by = :by, acknowledge_by = NULL
    WHERE id = :id AND call_id = :call_id AND acknowledged_at IS NULL
    """
).bindparams(bindparam("id", type_=Uuid), bindparam("call_id", type_=Uuid), bindparam("by", type_=Text))
_EXISTS: Final = text("SELECT EXISTS (SELECT FROM intake.notice WHERE id = :id AND call_id = :call_id)").bindparams(
    bindparam("id", type_=Uuid), bindparam("call_id", type_=Uuid)
)


async def acknowledge_notice(conn: AsyncConnection, call_id: UUID, notice_id: UUID, by: str) -> bool | None:
    """Record who has read a notice of the call; False if somebody had, None if the call has no such notice."""
    if (await conn.execute(_READ, {"id": notice_id, "call_id": call_id, "by": by})).rowcount:
        return True
    return False if await conn.scalar(_EXISTS, {"id": notice_id, "call_id": call_id}) else None
