"""Plans as they were entered, and which one is in force."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.plan import DEFAULT_SLUG
from services.intake.store.plans import DRAFT_COLUMNS, Draft, PlanVersion
from services.intake.tables import plan, plan_draft
from shared.clock import clock

_COLUMNS: Final = (
    plan.c.slug, plan.c.version, plan.c.body, plan.c.effective_from, plan.c.approved_by, plan.c.entered_by, plan.c.at,
    plan.c.draft_id,
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


async def default_in_force(conn: AsyncConnection) -> PlanVersion | None:
    """Return the city's default plan in force."""
    return await plan_in_force(conn, DEFAULT_SLUG)


async def plan_versions(conn: AsyncConnection, slug: str, *, below: int | None, limit: int) -> list[PlanVersion]:
    """Return up to `limit` versions of a plan below a version, the newest first."""
    query = select(*_COLUMNS).where(plan.c.slug == slug)
    if below is not None:
        query = query.where(plan.c.version < below)
    return [PlanVersion(*row) for row in await conn.execute(query.order_by(plan.c.version.desc()).limit(limit))]


async def plan_version(conn: AsyncConnection, slug: str, version: int) -> PlanVersion | None:
    """Return one version of a plan."""
    row = (await conn.execute(select(*_COLUMNS).where(plan.c.slug == slug, plan.c.version == version))).one_or_none()
    return PlanVersion(*row) if row else None


async def database_time(conn: AsyncConnection) -> datetime:
    """Return the time by our clock."""
    now: datetime = (await conn.execute(select(clock("intake")))).scalar_one()
    return now


async def read_draft(conn: AsyncConnection, slug: str, draft_id: UUID, *, lock: bool = False) -> Draft | None:
    """Return a draft of this neighborhood; `lock`: it stays as it is until the transaction ends."""
    query = select(*DRAFT_COLUMNS).where(plan_draft.c.slug == slug, plan_draft.c.id == draft_id)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    return Draft(*row) if row else None


async def drafts_of(conn: AsyncConnection, slug: str, *, below: UUID | None, limit: int) -> list[Draft]:
    """Return up to `limit` drafts of a neighborhood, the newest first."""
    query = select(*DRAFT_COLUMNS).where(plan_draft.c.slug == slug)
    if below is not None:
        query = query.where(plan_draft.c.id < below)
    return [Draft(*row) for row in await conn.execute(query.order_by(plan_draft.c.id.desc()).limit(limit))]


async def plans_in_force(conn: AsyncConnection) -> list[PlanVersion]:
    """Return the plan in force of every neighborhood that has one."""
    rows = await conn.execute(
        select(*_COLUMNS)
        .ext(distinct_on(plan.c.slug))
        .where(plan.c.effective_from <= select(clock("intake")).scalar_subquery())
        .order_by(plan.c.slug, plan.c.effective_from.desc(), plan.c.version.desc())
    )
    return [PlanVersion(*row) for row in rows]
