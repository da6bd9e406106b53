"""The calls of a neighborhood in a period, as the measures count them."""

from datetime import datetime
from typing import Final

from sqlalchemy import DateTime, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.outcomes import CallFact

_CALLS: Final = text(
    """
    SELECT c.verdict, c.status, c.was_queued, c.return_reason, c.outcome, c.reported_at,
        (SELECT lower(s.body -> 'answers' ->> 'relationship') FROM intake.statement s
            WHERE s.call_id = c.id AND s.body -> 'answers' ->> 'relationship' IS NOT NULL ORDER BY s.seq DESC LIMIT 1) AS kind,
        (SELECT min(p.at) FROM intake.progress_event p WHERE p.call_id = c.id AND p.to_status = 'on_scene') AS arrived_at
    FROM intake.call c
    WHERE c.jurisdiction = :jurisdiction AND c.neighborhood = :slug AND c.reported_at >= :begin AND c.reported_at < :end
    """
).bindparams(
    bindparam("jurisdiction", type_=Text), bindparam("slug", type_=Text),
    bindparam("begin", type_=DateTime(timezone=True)), bindparam("end", type_=DateTime(timezone=True)),
)  # fmt: skip


async def calls_between(
    conn: AsyncConnection, jurisdiction: str, slug: str, begin: datetime, end: datetime
) -> list[CallFact]:
    """Return the calls of a neighborhood that came in from `begin` until before `end`, by our clock."""
    values = {"jurisdiction": jurisdiction, "slug": slug, "begin": begin, "end": end}
    return [
        CallFact(
            row.verdict, row.kind or "not_said", row.status, row.was_queued, row.return_reason, row.outcome,
            row.arrived_at - row.reported_at if row.arrived_at else None,
        )
        for row in await conn.execute(_CALLS, values)
    ]  # fmt: skip
