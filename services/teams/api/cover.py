"""Who is on shift now and in the hours to come, and where cover is missing."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import select

from services.teams import queries
from services.teams.api.deps import scope_of, single
from services.teams.api.shifts import DatedShift
from services.teams.domain.cover import DISCIPLINES, Serving, gaps
from services.teams.domain.shifts import Span, on_shift
from services.teams.records import TeamRecord
from services.teams.tables import SCHEMA
from shared.auth import Caller, Role, allow
from shared.clock import clock
from shared.db import Unit
from shared.edge import Answer, Slug, Time
from shared.problems import answers

router = APIRouter(prefix="/v1", tags=["shifts"])
Reader = Annotated[Caller, allow(Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR)]
Discipline = Literal["mediator", "interrupter", "restorative_justice"]


class TeamHours(Answer):
    """One team: how it stands now, and when it is on shift within the hours asked for."""

    team_id: UUID
    team_name: str
    provider_id: UUID
    on_shift: bool
    duty: str = Field(description="The duty status now.")
    crew: list[str] = Field(description="Members on duty now.")
    offerable: bool
    reasons: list[str]
    shifts: list[DatedShift] = Field(description="From now on, cut to the hours asked for.")


class Hours(Answer):
    """Every team that is on duty now or on shift within the hours asked for."""

    model_config = Answer.model_config | {"populate_by_name": True}

    from_: Annotated[Time, Field(alias="from", serialization_alias="from")]
    to: Time
    items: list[TeamHours]
    next: None = None


class GapView(Answer):
    """A time in which no team whose own ground the neighborhood is has a shift planned."""

    neighborhood: str
    discipline: str
    starts_at: Time
    ends_at: Time
    mutual_aid: bool = Field(description="A team that serves it in mutual aid is on shift.")


class Gaps(Answer):
    """Missing cover, the soonest first."""

    model_config = Answer.model_config | {"populate_by_name": True}

    from_: Annotated[Time, Field(alias="from", serialization_alias="from")]
    to: Time
    items: list[GapView]
    truncated: bool = Field(description="There are more: ask for less.")
    next: None = None


_MOST_GAPS = 5000


@router.get("/shifts", summary="Who is on now and in the next hours", responses=answers())
async def list_hours(
    request: Request, caller: Reader, *, hours: Annotated[int, Query(ge=1, le=168, description="How far ahead.")] = 24
) -> Hours:
    """Return the teams on duty or on shift from now on, by name, with their crew and their shifts."""
    async with single(request) as unit:
        teams = await queries.teams_in_service(unit.conn, scope_of(request, caller))
        window = await _ahead(unit, teams, hours)
    items = [_hours(team, window) for team in teams]
    return Hours(from_=window.starts_at, to=window.ends_at, items=[item for item in items if item.shifts or item.crew])


@router.get("/cover/gaps", summary="Where cover is missing, ahead of time", responses=answers())
async def list_gaps(
    request: Request,
    caller: Reader,
    *,
    hours: Annotated[int, Query(ge=1, le=336, description="How far ahead.")] = 168,
    neighborhood: Annotated[
        list[Slug] | None, Query(max_length=500, description="Absent: every neighborhood in some team's catchment.")
    ] = None,
    discipline: Annotated[list[Discipline] | None, Query(max_length=3, description="Absent: all three.")] = None,
) -> Gaps:
    """Return when no team of a discipline has a shift for a neighborhood that it serves at home or also serves.

    A supervisor of one provider sees the gaps that this provider's own teams leave.
    """
    async with single(request) as unit:
        teams = await queries.teams_in_service(unit.conn, scope_of(request, caller))
        window = await _ahead(unit, teams, hours)
    serving = [
        Serving(tuple(team.profile["disciplines"]), team.profile["catchment"], team.state.plan) for team in teams
    ]
    found = gaps(serving, window, neighborhoods=neighborhood or (), disciplines=discipline or DISCIPLINES)
    return Gaps(
        from_=window.starts_at,
        to=window.ends_at,
        items=[GapView(**gap._asdict()) for gap in found[:_MOST_GAPS]],
        truncated=len(found) > _MOST_GAPS,
    )


async def _ahead(unit: Unit, teams: list[TeamRecord], hours: int) -> Span:
    now: datetime = teams[0].now if teams else (await unit.conn.execute(select(clock(SCHEMA)))).scalar_one()
    return Span(now, now + timedelta(hours=hours))


def _hours(team: TeamRecord, window: Span) -> TeamHours:
    return TeamHours(
        team_id=team.id,
        team_name=team.profile["name"],
        provider_id=team.provider_id,
        on_shift="off_shift" not in team.standing.reasons,
        duty=team.standing.duty.status,
        crew=list(team.standing.duty.crew),
        offerable=team.standing.offerable,
        reasons=list(team.standing.reasons),
        shifts=[DatedShift(starts_at=s.starts_at, ends_at=s.ends_at) for s in on_shift(team.state.plan, window)],
    )
