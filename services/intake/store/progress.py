"""What applying dispatch's news reads, in one statement."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.store.calls import CALL_COLUMNS, Call, call_of
from services.intake.tables import call, decision
from shared.clock import clock


class Known(NamedTuple):
    """A call, the time, and what its decision recommends while no civilian team goes."""

    call: Call
    now: datetime
    recommended: str | None


_READ: Final = (
    select(
        *CALL_COLUMNS,
        clock("intake").label("now"),
        decision.c.decision["recommended_response"].astext.label("recommended"),
    )
    .join(decision, decision.c.id == call.c.decision_id)
    .where(call.c.id == bindparam("call_id", type_=Uuid), call.c.jurisdiction == bindparam("at", type_=Text))
)


async def read_for_progress(conn: AsyncConnection, jurisdiction: str, call_id: UUID) -> Known | None:
    """Return the call that dispatch's news is about, or None if there is none."""
    row = (await conn.execute(_READ, {"call_id": call_id, "at": jurisdiction})).one_or_none()
    return Known(call_of(row), row.now, row.recommended) if row else None
