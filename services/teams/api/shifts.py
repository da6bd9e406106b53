"""Planned shifts of a team."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field

from services.teams import queries
from services.teams.api.bodies import Version
from services.teams.api.deps import TeamIdPath, scope_of, single
from services.teams.commands.duty import change_shifts
from services.teams.domain.shifts import DAY_MINUTES, Plan, Span, Weekly
from services.teams.records import TeamRecord
from shared.auth import Caller, Role, allow
from shared.edge import Answer, Strict, Time
from shared.problems import answers

router = APIRouter(prefix="/v1/teams/{team_id}/shifts", tags=["shifts"])

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WallTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["22:00"])]


class WeeklyShift(Strict):
    """A shift of every week by the wall clock; `to` at or before `from` is on the next day."""

    weekday: Weekday
    from_: Annotated[WallTime, Field(alias="from")]
    to: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", examples=["06:00"])]
    time_zone: Annotated[str, Field(min_length=1, max_length=60, examples=["America/Los_Angeles"])]

    model_config = Strict.model_config | ConfigDict(populate_by_name=True)

    def weekly(self) -> Weekly:
        """Return the shift as a value of the domain."""
        start, end = _minutes(self.from_), _minutes(self.to)
        return Weekly(_WEEKDAYS.index(self.weekday), start, end if end > start else end + DAY_MINUTES, self.time_zone)


class DatedShift(Strict):
    """From `starts_at` up to, not including, `ends_at`."""

    starts_at: Time
    ends_at: Time

    def span(self) -> Span:
        """Return the time as a value of the domain."""
        return Span(self.starts_at, self.ends_at)


class ShiftsRequest(Strict):
    """A team's planned shifts: on shift is the weekly pattern, less `off`, plus the dated shifts. None may overlap another."""

    weekly: Annotated[list[WeeklyShift], Field(max_length=70)] = []
    dated: Annotated[list[DatedShift], Field(max_length=400)] = []
    off: Annotated[list[DatedShift], Field(max_length=400)] = []
    version: Version = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "weekly": [
                        {"weekday": "friday", "from": "16:00", "to": "00:00", "time_zone": "America/Los_Angeles"}
                    ],
                    "dated": [{"starts_at": "2026-11-28T10:00:00-08:00", "ends_at": "2026-11-28T18:00:00-08:00"}],
                    "off": [{"starts_at": "2026-12-25T00:00:00-08:00", "ends_at": "2026-12-26T00:00:00-08:00"}],
                }
            ]
        }
    )

    def plan(self) -> Plan:
        """Return the plan as a value of the domain."""
        return Plan(
            tuple(shift.weekly() for shift in self.weekly),
            tuple(shift.span() for shift in self.dated),
            tuple(shift.span() for shift in self.off),
        )


class ShiftsView(Answer):
    """A team's planned shifts, and whether it is on shift now."""

    team_id: UUID
    version: int
    on_shift: bool
    shift_ends_at: Time | None = None
    weekly: list[WeeklyShift]
    dated: list[DatedShift]
    off: list[DatedShift]


def _minutes(wall_time: str) -> int:
    return int(wall_time[:2]) * 60 + int(wall_time[3:])


def _wall(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def shifts_view(team: TeamRecord) -> ShiftsView:
    """Return a team's shifts as they are answered."""

    def dated(spans: Sequence[Span]) -> list[DatedShift]:
        return [DatedShift(starts_at=span.starts_at, ends_at=span.ends_at) for span in spans]

    plan = team.state.plan
    weekly = [
        WeeklyShift(
            weekday=_WEEKDAYS[shift.weekday],
            from_=_wall(shift.from_minute),
            to="24:00" if shift.to_minute == DAY_MINUTES else _wall(shift.to_minute),
            time_zone=shift.zone,
        )
        for shift in plan.weekly
    ]
    return ShiftsView(
        team_id=team.id,
        version=team.shifts_version,
        on_shift="off_shift" not in team.standing.reasons,
        shift_ends_at=team.standing.shift_ends_at,
        weekly=weekly,
        dated=dated(plan.dated),
        off=dated(plan.off),
    )


@router.get("", summary="A team's planned shifts", responses=answers(404))
async def read(
    request: Request,
    team_id: TeamIdPath,
    caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.TEAM, Role.ADMIN, Role.AUDITOR)],
) -> ShiftsView:
    """Return what was planned, and whether the team is on shift at this instant."""
    async with single(request) as unit:
        return shifts_view(await queries.find_team(unit.conn, scope_of(request, caller), team_id))


@router.put("", summary="Plan a team's shifts", responses=answers(404, 409, 412))
async def plan(
    request: Request, team_id: TeamIdPath, body: ShiftsRequest, caller: Annotated[Caller, allow(Role.SUPERVISOR)]
) -> ShiftsView:
    """Replace the whole plan. A team is offerable only on shift; a hold outlives the shift in which it began.

    Wall times are read by RFC 5545: one that a change of clocks skips is read with the offset before the gap, one that comes
    twice is its first coming.
    """
    async with single(request) as unit:
        team = await change_shifts(unit, scope_of(request, caller), team_id, body.plan(), version=body.version)
        return shifts_view(team)
