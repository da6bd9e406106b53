"""When a reviewer last read the queue: one row."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_TOUCH: Final = text(
    """
    INSERT INTO intake.reviewer_presence (id, seen_at) VALUES (1, intake.clock())
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
    """
)


async def touch(conn: AsyncConnection) -> None:
    """Record that a reviewer is reading the queue now."""
    await conn.execute(_TOUCH)
