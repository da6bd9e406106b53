"""What needs a person now: one table, one list and one acknowledgement, the same on the wire of all three services."""

from datetime import timedelta
from enum import IntEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    case,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth import Caller, Role, allow
from shared.clock import clock
from shared.db import Database, Unit
from shared.edge import IfNoneMatch, Prefer, Time, long_poll
from shared.errors import NotFound
from shared.idempotency import OnceOnly
from shared.ids import uuid7
from shared.problems import answers

KEY = "alerts"
"""The hub's key: woken by the caller of `raise_alert` and `resolve` after the commit."""


class Severity(IntEnum):
    """How bad it is; the list is ordered by it."""

    LIFE = 1
    """A person may be in danger."""
    CALL = 2
    """A call may be left with nobody."""
    SERVICE = 3
    """The service works, but worse than it should."""


def alert_table(metadata: MetaData) -> Table:
    """Return the table of alerts; each service has its own."""
    return Table(
        "alert", metadata,
        Column("id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("severity", Integer, nullable=False),
        Column("title", Text, nullable=False),
        Column("act_by", DateTime(timezone=True)),
        Column("then", Text),
        Column("raised_at", DateTime(timezone=True), nullable=False),
        Column("acknowledged_at", DateTime(timezone=True)),
        Column("acknowledged_by", Text),
        Column("resolved_at", DateTime(timezone=True)),
        CheckConstraint("severity BETWEEN 1 AND 3", name="alert_severity_is_known"),
        Index(
            "alert_one_open_per_kind_and_subject", "kind", "subject", unique=True, postgresql_where=text("resolved_at IS NULL")
        ),
    )  # fmt: skip


class Alarm(NamedTuple):
    """What to raise: its kind, the call, assignment, team or part it is about, and what happens `within` the time given if nobody acts."""

    kind: str
    subject: object
    severity: Severity
    title: str
    then: str | None = None
    within: timedelta | None = None


class Alert(BaseModel):
    """Something that needs a person: what, about which call or team, by when, and what happens then."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: str = Field(examples=["withdrawal_unconfirmed"])
    subject: str = Field(
        description="The call, assignment, team, notice, neighborhood or part that it is about: docs/monitoring.md, by kind.",
        examples=["0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c"],
    )
    severity: int = Field(
        ge=1,
        le=3,
        description="1 a person may be in danger, 2 a call may be left with nobody, 3 the service works badly.",
    )
    title: str = Field(examples=["Dispatch has not confirmed a withdrawal: a team may be on its way into danger."])
    act_by: Time | None = None
    then: str | None = Field(default=None, description="What happens at `act_by` if nobody acts.")
    raised_at: Time
    acknowledged_at: Time | None = None
    acknowledged_by: str | None = None


class Alerts(BaseModel):
    """The open alerts, worst first."""

    items: list[Alert]
    next: None = None


async def raise_alert(conn: AsyncConnection, table: Table, alarm: Alarm) -> bool:
    """Open an alert unless the same kind is open for the subject; True when it is new. Wake `KEY` after the commit."""
    now = clock(str(table.schema))
    result = await conn.execute(
        insert(table)
        .values(
            id=uuid7(),
            kind=alarm.kind,
            subject=str(alarm.subject),
            severity=int(alarm.severity),
            title=alarm.title,
            then=alarm.then,
            raised_at=now,
            act_by=now + alarm.within if alarm.within else None,
        )
        .on_conflict_do_nothing(index_elements=["kind", "subject"], index_where=text("resolved_at IS NULL"))
    )
    return bool(result.rowcount)


async def raise_again(conn: AsyncConnection, table: Table, alarm: Alarm) -> bool:
    """Open an alert for something that has happened once more: one that a person has acknowledged is closed first.

    True when the alert is new; one that nobody has acknowledged stays as it is. An acknowledgement under way is waited for.
    """
    await conn.execute(  # every open one is written, so that it is locked until the commit
        update(table)
        .where(table.c.kind == alarm.kind, table.c.subject == str(alarm.subject), table.c.resolved_at.is_(None))
        .values(resolved_at=case((table.c.acknowledged_at.is_not(None), clock(str(table.schema)))))
    )
    return await raise_alert(conn, table, alarm)


async def resolve(conn: AsyncConnection, table: Table, subject: object, *kinds: str) -> bool:
    """Close the open alerts of `kinds` (all kinds, if none is named) about the subject; True when there was one."""
    statement = (
        update(table)
        .where(table.c.subject == str(subject), table.c.resolved_at.is_(None))
        .values(resolved_at=clock(str(table.schema)))
    )
    result = await conn.execute(statement.where(table.c.kind.in_(kinds)) if kinds else statement)
    return bool(result.rowcount)


def alerts_router(table: Table) -> APIRouter:
    """Return the routes of alerts. The application's state holds `db` and `hub`."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
    columns = [table.c[name] for name in Alert.model_fields]

    @router.get(
        "",
        summary="What needs a person, worst first",
        response_model=Alerts,
        responses=answers() | {304: {"description": "Nothing changed in time"}},
    )
    async def list_alerts(
        request: Request,
        _caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN)],
        prefer: Prefer = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        db: Database = request.app.state.db

        async def read() -> bytes:
            async with db.autocommit() as unit:
                rows = await unit.conn.execute(
                    select(*columns)
                    .where(table.c.resolved_at.is_(None))
                    .order_by(table.c.severity, table.c.act_by.nulls_last(), table.c.raised_at)
                    .limit(500)
                )
                return Alerts(items=[Alert.model_validate(row) for row in rows]).model_dump_json().encode()

        return await long_poll(read, hub=request.app.state.hub, keys=(KEY,), prefer=prefer, known=if_none_match)

    @router.post("/{alert_id}/acknowledge", summary="A person has seen it", responses=answers(404, 409))
    async def acknowledge(
        request: Request,
        alert_id: Annotated[UUID, Path()],
        caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.ADMIN)],
        once: OnceOnly,
    ) -> Alert:
        """Record who has seen the alert, once; the alert stays until what caused it is over."""

        async def work(unit: Unit) -> Alert:
            await unit.conn.execute(
                update(table)
                .where(table.c.id == alert_id, table.c.acknowledged_at.is_(None))
                .values(acknowledged_at=clock(str(table.schema)), acknowledged_by=caller.actor)
            )
            row = (await unit.conn.execute(select(*columns).where(table.c.id == alert_id))).one_or_none()
            if row is None:
                raise NotFound("There is no such alert.")
            unit.then(lambda: request.app.state.hub.wake(KEY))
            return Alert.model_validate(row)

        answer: Any = await once(work)
        return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through

    return router
