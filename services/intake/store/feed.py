"""The feed's epoch: raised once when the database was set up again from a dump, where transaction ids begin anew."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_RAISE: Final = text(
    """
    INSERT INTO intake.feed_epoch (epoch, began_at)
    SELECT e.epoch + 1, intake.clock() FROM (SELECT max(epoch) AS epoch FROM intake.feed_epoch) e
    WHERE (SELECT max(xid) FROM intake.change c WHERE c.epoch = e.epoch) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    ON CONFLICT DO NOTHING
    """
)


async def raise_epoch_if_restored(conn: AsyncConnection) -> bool:
    """Begin a new epoch if the feed holds transaction ids that this server has not reached; True if it did."""
    return bool((await conn.execute(_RAISE)).rowcount)
