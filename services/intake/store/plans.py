"""Writing plans."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import plan


class PlanVersion(NamedTuple):
    """One version of a neighborhood's plan."""

    slug: str
    version: int
    body: Mapping[str, Any]
    effective_from: datetime
    approved_by: str
    entered_by: str
    at: datetime


async def hold_plan(conn: AsyncConnection, slug: str) -> None:
    """Be the only one who writes a version of this plan until the transaction ends."""
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('intake.plan/' || :slug, 1))"), {"slug": slug}
    )


async def add_plan(conn: AsyncConnection, new: PlanVersion) -> None:
    """Write one version of a plan."""
    row: dict[str, Any] = new._asdict()
    await conn.execute(insert(plan).values(row))
