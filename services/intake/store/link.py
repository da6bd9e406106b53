"""What intake knows about being heard by dispatch: one row."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection


class Link(NamedTuple):
    """The state of the link to dispatch."""

    echo: datetime | None
    applied: int
    resending: bool


async def read_link(conn: AsyncConnection) -> Link:
    """Return the state of the link."""
    return Link(
        *(await conn.execute(text("SELECT echo, applied, resending FROM intake.dispatch_link WHERE id = 1"))).one()
    )


_ANSWERED: Final = text(
    """
    UPDATE intake.dispatch_link SET echo = :as_of, applied = greatest(applied, :applied),
        answered_at = intake.clock(), silent_since = NULL WHERE id = 1
    """
).bindparams(bindparam("as_of", type_=DateTime(timezone=True)), bindparam("applied", type_=BigInteger))


async def record_answer(conn: AsyncConnection, as_of: datetime, applied: int) -> None:
    """Record an answer to a heartbeat."""
    await conn.execute(_ANSWERED, {"as_of": as_of, "applied": applied})


_COUNTED: Final = text(
    "UPDATE intake.dispatch_link SET applied = :applied WHERE id = 1 AND applied < :applied AND NOT resending"
).bindparams(bindparam("applied", type_=BigInteger))


async def record_count(conn: AsyncConnection, applied: int) -> None:
    """Record dispatch's count as it answered a wish. Done before the wish counts as confirmed: a crash between only repeats."""
    await conn.execute(_COUNTED, {"applied": applied})


_FORGETFUL: Final = text(
    """
    UPDATE intake.dispatch_link SET echo = :as_of, answered_at = intake.clock(), silent_since = NULL, resending = true
    WHERE id = 1 AND applied > :applied RETURNING (SELECT resending FROM intake.dispatch_link WHERE id = 1)
    """
).bindparams(bindparam("as_of", type_=DateTime(timezone=True)), bindparam("applied", type_=BigInteger))


async def record_restore(conn: AsyncConnection, as_of: datetime, applied: int) -> bool:
    """Record that dispatch has applied fewer wishes than we have seen; True the first time, until all were sent again."""
    before = (await conn.execute(_FORGETFUL, {"as_of": as_of, "applied": applied})).scalar_one_or_none()
    return before is False


_CAUGHT_UP: Final = text(
    "UPDATE intake.dispatch_link SET applied = :applied, resending = false WHERE id = 1 AND resending"
).bindparams(bindparam("applied", type_=BigInteger))


async def accept_count(conn: AsyncConnection, applied: int) -> bool:
    """Take dispatch's lower count as ours, now that every wish was sent again; False if that was not what we waited for."""
    return bool((await conn.execute(_CAUGHT_UP, {"applied": applied})).rowcount)


_SILENT: Final = text(
    """
    UPDATE intake.dispatch_link SET silent_since = coalesce(silent_since, intake.clock()) WHERE id = 1
    RETURNING intake.clock() - silent_since
    """
)


async def record_silence(conn: AsyncConnection) -> timedelta:
    """Record that a heartbeat was not answered, and return for how long none has been."""
    silent: timedelta = (await conn.execute(_SILENT)).scalar_one()
    return silent
