"""One clock: the database's, read through the SQL function `clock()` of each service's schema."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.functions import Function

LARGEST_STEP_BACK: Final = timedelta(seconds=5)
"""Time that goes back by more than this moves the live deadlines by as much (architecture, "One clock")."""


def clock(schema: str) -> Function[datetime]:
    """Return the SQL expression `<schema>.clock()`: the service's now, timestamptz."""
    function: Any = getattr(getattr(func, schema), "clock")  # noqa: B009 - `func.<schema>.clock` with a name in a variable
    result: Function[datetime] = function(type_=DateTime(timezone=True))
    return result


def clock_watch_table(metadata: MetaData) -> Table:
    """Return the table of one row that holds the latest time the service has seen."""
    return Table(
        "clock_watch", metadata,
        Column("id", Integer, primary_key=True),
        Column("latest_at", DateTime(timezone=True), nullable=False),
    )  # fmt: skip


async def stepped_back(conn: AsyncConnection, watch: Table) -> timedelta:
    """Lock the latest time seen, raise it to now, and return by how much time went back (zero if by 5 s or less).

    The caller moves its live deadlines by the result in the same transaction. The lock orders replicas: one of them sees the step.
    """
    now_sql = clock(str(watch.schema))
    latest = await conn.scalar(select(watch.c.latest_at).where(watch.c.id == 1).with_for_update())
    now: datetime = (await conn.execute(select(now_sql))).scalar_one()
    if latest is None:
        await conn.execute(insert(watch).values(id=1, latest_at=now).on_conflict_do_nothing())  # or another replica did
        return timedelta(0)
    back = latest - now if latest - now > LARGEST_STEP_BACK else timedelta(0)
    if back or now > latest:
        await conn.execute(update(watch).where(watch.c.id == 1).values(latest_at=now))
    return back
