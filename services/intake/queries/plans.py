"""Plans as they were entered, and which one is in force."""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.store.plans import PlanVersion
from services.intake.tables import plan
from shared.clock import clock

_COLUMNS: Final = (
    plan.c.slug, plan.c.version, plan.c.body, plan.c.effective_from, plan.c.approved_by, plan.c.entered_by, plan.c.at
)  # fmt: skip


async def latest_version(conn: AsyncConnection, slug: str) -> int:
    """Return the newest version entered for a neighborhood, in force or not; 0 if none was."""
    return int(await conn.scalar(select(func.coalesce(func.max(plan.c.version), 0)).where(plan.c.slug == slug)) or 0)


async def plan_in_force(conn: AsyncConnection, slug: str) -> PlanVersion | None:
    """Return the plan in force: of those whose time has come the one that came last; None if none was entered."""
    row = (
        await conn.execute(
            select(*_COLUMNS)
            .where(plan.c.slug == slug, plan.c.effective_from <= select(clock("intake")).scalar_subquery())
            .order_by(plan.c.effective_from.desc(), plan.c.version.desc())
            .limit(1)
        )
    ).one_or_none()
    return PlanVersion(*row) if row else None


async def plan_versions(conn: AsyncConnection, slug: str, *, below: int | None, limit: int) -> list[PlanVersion]:
    """Return up to `limit` versions of a plan below a version, the newest first."""
    query = select(*_COLUMNS).where(plan.c.slug == slug)
    if below is not None:
        query = query.where(plan.c.version < below)
    return [PlanVersion(*row) for row in await conn.execute(query.order_by(plan.c.version.desc()).limit(limit))]
