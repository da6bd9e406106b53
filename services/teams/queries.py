"""Read-only views. Each function is one statement; a team and everything about how it stands come from one row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Row,
    RowMapping,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.teams.domain.holds import HoldState
from services.teams.records import JSON_COLUMNS, POSITION_COLUMNS, TeamRecord, team_record
from services.teams.scope import Scope
from services.teams.tables import SCHEMA, duty, hold, position, provider, shift_plan, team, team_event
from shared.clock import clock
from shared.errors import NotFound

_NOW: Final = select(clock(SCHEMA)).scalar_subquery()
"""Evaluated once per statement, so that all teams are judged at one instant."""
_TEAMS: Final[Select[Any]] = (
    select(
        *(cast(column, Text).label(column.name) if column.name in JSON_COLUMNS else column for column in team.c),
        duty.c.status, duty.c.crew, duty.c.until, duty.c.reason, duty.c.since, duty.c.held_by, duty.c.revision,
        duty.c.version.label("duty_version"),
        cast(shift_plan.c.plan, Text).label("plan"), shift_plan.c.version.label("shifts_version"),
        hold.c.incident_id, hold.c.held_at,
        position.c.lat_deg, position.c.lon_deg, position.c.at.label("position_at"), position.c.received_at,
        position.c.settled_lat_deg, position.c.settled_lon_deg, position.c.settled_at,
        provider.c.name.label("provider_name"),
        _NOW.label("now"),
    )
    .join(provider, provider.c.id == team.c.provider_id)
    .join(duty, duty.c.team_id == team.c.id)
    .join(shift_plan, shift_plan.c.team_id == team.c.id)
    .outerjoin(hold, hold.c.assignment_id == duty.c.held_by)
    .outerjoin(position, position.c.team_id == team.c.id)
    .where(team.c.jurisdiction == bindparam("jurisdiction"))
)  # fmt: skip
_TEAM: Final = _TEAMS.where(team.c.id == bindparam("team_id"))
_NOT_RETIRED: Final = _TEAMS.where(team.c.retired_at.is_(None)).order_by(team.c.name, team.c.id)
_NOT_RETIRED_OF_PROVIDER: Final = _NOT_RETIRED.where(team.c.provider_id == bindparam("provider_id"))
ALWAYS_SENT: Final = ("id", "revision", "now", *POSITION_COLUMNS)
"""What `glance` sends of every team: what may differ though the revision does not. The row begins with these, in this order."""


def _glance(teams: Select[Any]) -> Select[Any]:
    arrays = bindparam("known_ids", type_=ARRAY(Uuid)), bindparam("known_revisions", type_=ARRAY(BigInteger))
    known = (
        func.unnest(*arrays)
        .table_valued(column("team_id", Uuid), column("revision", BigInteger))
        .render_derived("known")
    )
    by_name = {one.name: one for one in teams.selected_columns}
    rest = (
        case((known.c.team_id.is_(None), one)).label(name) for name, one in by_name.items() if name not in ALWAYS_SENT
    )
    same = and_(known.c.team_id == team.c.id, known.c.revision == duty.c.revision)
    columns = (*(by_name[name] for name in ALWAYS_SENT), *rest)
    return teams.outerjoin(known, same).with_only_columns(*columns, maintain_column_froms=True)


_GLANCE: Final = _glance(_NOT_RETIRED)
_GLANCE_OF_PROVIDER: Final = _glance(_NOT_RETIRED_OF_PROVIDER)
_NEWS: Final = text(f"""
    SELECT {SCHEMA}.clock() AS now, n.changes + c.changes AS changes, n.positions + c.positions AS positions
    FROM (SELECT count(*) FILTER (WHERE NOT is_position) AS changes, count(*) FILTER (WHERE is_position) AS positions
            FROM {SCHEMA}.news WHERE jurisdiction = :jurisdiction) n,
        (SELECT coalesce(sum(n) FILTER (WHERE NOT is_position), 0) AS changes,
            coalesce(sum(n) FILTER (WHERE is_position), 0) AS positions
            FROM {SCHEMA}.news_counted WHERE jurisdiction = :jurisdiction) c
""").bindparams(bindparam("jurisdiction", type_=Text))  # noqa: S608 - put together from a constant
_HOLD: Final = select(*hold.c).where(
    hold.c.assignment_id == bindparam("assignment_id"), hold.c.jurisdiction == bindparam("jurisdiction")
)


class News(NamedTuple):
    """How often what availability shows was changed, as far as committed; a count, so no order of commits hides one."""

    now: datetime
    changes: int
    positions: int


async def read_news(conn: AsyncConnection, jurisdiction: str) -> News:
    """Return the counters. Touches no row of a team."""
    row = (await conn.execute(_NEWS, {"jurisdiction": jurisdiction})).one()
    return News(row.now, int(row.changes), int(row.positions))


async def find_team(conn: AsyncConnection, scope: Scope, team_id: UUID) -> TeamRecord:
    """Return the team. Raises NotFound also for one that the caller may not see."""
    given = {"jurisdiction": scope.jurisdiction, "team_id": team_id}
    row = (await conn.execute(_TEAM, given)).mappings().one_or_none()
    if row is None or not scope.sees(team_id, row["provider_id"]):
        raise NotFound("There is no such team.")
    return team_record(row)


async def teams_in_service(conn: AsyncConnection, scope: Scope) -> list[TeamRecord]:
    """Return every team that is not retired and that the caller may see, by name."""
    statement = _NOT_RETIRED if scope.provider_id is None else _NOT_RETIRED_OF_PROVIDER
    return [team_record(row) for row in (await conn.execute(statement, _limits(scope))).mappings()]


async def glance(conn: AsyncConnection, scope: Scope, known: Mapping[UUID, int]) -> Sequence[Row[Any]]:
    """Return the rows of `teams_in_service`, of one instant, but of a team that still has its `known` revision only `ALWAYS_SENT`.

    Sending and reading every team's profile, roster and plan again costs ten times what comparing costs.
    """
    statement = _GLANCE if scope.provider_id is None else _GLANCE_OF_PROVIDER
    given = {**_limits(scope), "known_ids": list(known), "known_revisions": list(known.values())}
    rows: Sequence[Row[Any]] = (await conn.execute(statement, given)).all()
    return rows


def _limits(scope: Scope) -> dict[str, Any]:
    limits: dict[str, Any] = {"jurisdiction": scope.jurisdiction}
    return limits if scope.provider_id is None else {**limits, "provider_id": scope.provider_id}


async def list_teams(
    conn: AsyncConnection,
    scope: Scope,
    *,
    after: tuple[str, UUID] | None,
    limit: int,
    provider_id: UUID | None,
    retired: bool,
) -> list[TeamRecord]:
    """Return a page of teams by name, retired ones only where asked for."""
    statement = _TEAMS.order_by(team.c.name, team.c.id).limit(limit)
    if not retired:
        statement = statement.where(team.c.retired_at.is_(None))
    for wanted in {provider_id, scope.provider_id} - {None}:
        statement = statement.where(team.c.provider_id == wanted)
    if after is not None:
        statement = statement.where(tuple_(team.c.name, team.c.id) > after)
    rows = await conn.execute(statement, {"jurisdiction": scope.jurisdiction})
    return [team_record(row) for row in rows.mappings()]


async def find_provider(conn: AsyncConnection, scope: Scope, provider_id: UUID) -> RowMapping:
    """Return the provider's row. Raises NotFound also for one that the caller may not see."""
    statement = select(*provider.c).where(provider.c.jurisdiction == scope.jurisdiction, provider.c.id == provider_id)
    row = (await conn.execute(statement)).mappings().one_or_none()
    if row is None or scope.provider_id not in {None, provider_id}:
        raise NotFound("There is no such provider.")
    return row


async def list_providers(
    conn: AsyncConnection, scope: Scope, *, after: tuple[str, UUID] | None, limit: int, retired: bool
) -> Sequence[RowMapping]:
    """Return a page of providers by name, retired ones only where asked for."""
    statement = (
        select(*provider.c)
        .where(provider.c.jurisdiction == scope.jurisdiction)
        .order_by(provider.c.name, provider.c.id)
        .limit(limit)
    )
    if not retired:
        statement = statement.where(provider.c.retired_at.is_(None))
    if scope.provider_id is not None:
        statement = statement.where(provider.c.id == scope.provider_id)
    if after is not None:
        statement = statement.where(tuple_(provider.c.name, provider.c.id) > after)
    return (await conn.execute(statement)).mappings().all()


async def has_teams(conn: AsyncConnection, scope: Scope, provider_id: UUID) -> bool:
    """Say whether the provider has a team that is not retired."""
    statement = select(team.c.id).where(
        team.c.jurisdiction == scope.jurisdiction, team.c.provider_id == provider_id, team.c.retired_at.is_(None)
    )
    return (await conn.execute(statement.limit(1))).first() is not None


async def find_hold(conn: AsyncConnection, scope: Scope, assignment_id: UUID) -> HoldState | None:
    """Return what is stored under a hold's id, or None."""
    given = {"jurisdiction": scope.jurisdiction, "assignment_id": assignment_id}
    row = (await conn.execute(_HOLD, given)).one_or_none()
    return None if row is None else as_hold(row)


def as_hold(row: Any) -> HoldState:
    """Return the hold of a row that has the columns of `hold`; rows of different statements have different types."""
    return HoldState(row.assignment_id, row.team_id, row.incident_id, row.held_at, row.released_at)


async def live_holds(conn: AsyncConnection, scope: Scope) -> list[tuple[HoldState, datetime]]:
    """Return the live holds, oldest first, each with the instant at which all were read."""
    statement = (
        select(*hold.c, _NOW.label("now"))
        .where(hold.c.jurisdiction == scope.jurisdiction, hold.c.released_at.is_(None))
        .order_by(hold.c.held_at, hold.c.assignment_id)
    )
    if scope.provider_id is not None:
        statement = statement.join(team, and_(team.c.id == hold.c.team_id, team.c.provider_id == scope.provider_id))
    return [(as_hold(row), row.now) for row in await conn.execute(statement)]


async def history(
    conn: AsyncConnection, scope: Scope, team_id: UUID, *, before: int | None, limit: int
) -> Sequence[RowMapping]:
    """Return a page of the team's history, newest first."""
    statement = (
        select(*team_event.c)
        .where(team_event.c.jurisdiction == scope.jurisdiction, team_event.c.team_id == team_id)
        .order_by(team_event.c.seq.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(team_event.c.seq < before)
    return (await conn.execute(statement)).mappings().all()
