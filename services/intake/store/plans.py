"""Writing plans: versions that are in force from their time on, and the drafts that they come from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import plan, plan_draft, plan_draft_event
from shared.clock import clock


class PlanVersion(NamedTuple):
    """One version of a neighborhood's plan."""

    slug: str
    version: int
    body: Mapping[str, Any]
    effective_from: datetime
    approved_by: str
    entered_by: str
    at: datetime
    draft_id: UUID | None = None


class Draft(NamedTuple):
    """A plan that is being written, or was."""

    id: UUID
    slug: str
    status: str
    version: int
    body: Mapping[str, Any]
    based_on: int
    """The version of the plan that was the newest when it was begun."""
    authors: list[str]
    """Everybody who wrote in it, as history names them."""
    plan_version: int | None
    """The version that it became."""
    created_at: datetime
    changed_at: datetime


DRAFT_COLUMNS: Final = tuple(plan_draft.c[name] for name in Draft._fields)


async def hold_plan(conn: AsyncConnection, slug: str) -> None:
    """Be the only one who writes a version of this plan until the transaction ends."""
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('intake.plan/' || :slug, 1))"), {"slug": slug}
    )


async def hold_decisions(conn: AsyncConnection) -> datetime:
    """Wait for every decision that is being made, let none begin until the transaction ends, and return the time by our clock.

    So each call that came in before that time has been decided without what this transaction writes, and none from it on.
    """
    await conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('intake.plans in force', 1))"))
    now: datetime = (await conn.execute(select(clock("intake")))).scalar_one()
    return now


async def add_plan(conn: AsyncConnection, new: PlanVersion) -> None:
    """Write one version of a plan."""
    row: dict[str, Any] = new._asdict()
    await conn.execute(insert(plan).values(row))


async def add_draft(conn: AsyncConnection, new: Draft, actor: str) -> None:
    """Write a new draft and its first history row."""
    await conn.execute(insert(plan_draft).values(new._asdict()))
    await conn.execute(
        insert(plan_draft_event).values(
            draft_id=new.id, seq=1, at=new.created_at, actor=actor, action="begin", to_status=new.status, body=new.body
        )
    )


async def move_draft(conn: AsyncConnection, before: Draft, after: Draft, *, action: str, actor: str) -> bool:
    """Move a draft from `before` to `after` and write its history: one statement, atomic by itself.

    False: it is no longer (before.status, before.version), because someone changed it first. Nothing was written.
    """
    moved = (
        update(plan_draft)
        .where(plan_draft.c.id == before.id, plan_draft.c.status == before.status, plan_draft.c.version == before.version)
        .values(
            status=after.status, version=before.version + 1, body=bindparam("new_body", type_=JSONB),
            authors=bindparam("new_authors", type_=JSONB), based_on=after.based_on, plan_version=after.plan_version,
            changed_at=clock("intake"),
        )
        .returning(plan_draft.c.id, plan_draft.c.version, plan_draft.c.body, plan_draft.c.changed_at)
        .cte("moved")
    )  # fmt: skip
    told = insert(plan_draft_event).from_select(
        ["draft_id", "seq", "at", "actor", "action", "from_status", "to_status", "body"],
        select(
            moved.c.id, moved.c.version, moved.c.changed_at, bindparam("actor", actor), bindparam("action", action),
            bindparam("from_status", before.status), bindparam("to_status", after.status), moved.c.body,
        ),
    ).cte("told")  # fmt: skip
    counted = select(func.count()).select_from(moved).add_cte(told)
    return bool(await conn.scalar(counted, {"new_body": after.body, "new_authors": after.authors}))
