"""Read-only views of calls, as answers need them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.store.calls import CALL_COLUMNS, Call, call_of
from services.intake.tables import call, decision, notice, statement
from shared.clock import clock


@dataclass(frozen=True, slots=True)
class CallView:
    """A call as it is at `now`, with its decision, its notices and, where asked for, what was said."""

    call: Call
    decision: Mapping[str, Any]
    notices: Sequence[Mapping[str, Any]]
    now: datetime
    statements: Sequence[Mapping[str, Any]] | None = None


_NOTICES: Final = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_object(
                    "id", notice.c.id, "kind", notice.c.kind, "text", notice.c.text, "position", notice.c.position,
                    "at", notice.c.at, "acknowledged_at", notice.c.acknowledged_at,
                ),
                notice.c.at, notice.c.id,
            )
        )
    )
    .where(notice.c.call_id == call.c.id)
    .scalar_subquery()
)  # fmt: skip
_STATEMENTS: Final = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_object(
                    "seq", statement.c.seq, "source", statement.c.source, "said_by", statement.c.said_by,
                    "at", statement.c.at, "body", statement.c.body, "truncated", statement.c.truncated,
                ),
                statement.c.seq,
            )
        )
    )
    .where(statement.c.call_id == call.c.id)
    .scalar_subquery()
)  # fmt: skip


def call_views(*, with_statements: bool = False) -> Select[Any]:
    """Return the SELECT of calls with all that an answer shows; add conditions, an order and a limit to it."""
    said = _STATEMENTS if with_statements else text("NULL::jsonb")
    return select(
        *CALL_COLUMNS,
        decision.c.decision.label("decision_body"),
        _NOTICES.label("notices"),
        said.label("said") if with_statements else text("NULL::jsonb AS said"),
        clock("intake").label("now"),
    ).join(decision, decision.c.id == call.c.decision_id)


def view_of_row(row: Any) -> CallView:
    """Return the view in one row of `call_views`."""
    return CallView(call_of(row), row.decision_body, row.notices or (), row.now, row.said)


async def view_call(conn: AsyncConnection, call_id: UUID, *, with_statements: bool = False) -> CallView:
    """Return one call; it must exist."""
    row = (await conn.execute(call_views(with_statements=with_statements).where(call.c.id == call_id))).one()
    return view_of_row(row)


async def calls_of(conn: AsyncConnection, ids: Sequence[UUID]) -> list[Call]:
    """Return these calls, not locked."""
    if not ids:
        return []
    return [call_of(row) for row in await conn.execute(select(*CALL_COLUMNS).where(call.c.id.in_(ids)))]
