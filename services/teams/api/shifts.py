"""Planned shifts of a team."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BeforeValidator, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from services.teams import queries
from services.teams.api.bodies import Version, Words
from services.teams.api.deps import TeamIdPath, scope_of, single
from services.teams.commands.shifts import MOST_SPANS, end_shift, extend_shift, plan_shifts
from services.teams.domain.shifts import DAY_MINUTES, MOST_WEEKS, Plan, Span, Weekly
from services.teams.records import TeamRecord
from shared.auth import Caller, Role, allow
from shared.db import Unit
from shared.edge import Answer, Strict, Time
from shared.idempotency import OnceOnly
from shared.problems import answers

router = APIRouter(prefix="/v1/teams/{team_id}/shifts", tags=["shifts"])

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WallTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]


def _iso_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("Write days as 2026-11-23")
    if isinstance(value, int | float):
        raise ValueError("Write days as text: 2026-11-23")  # noqa: TRY004 - Pydantic turns only a ValueError into a 422
    return value


Day = Annotated[date, BeforeValidator(_iso_day)]
"""A day of the calendar; Pydantic alone would also take a Unix time for one."""


class WeeklyShift(Strict):
    """A shift of every week by the wall clock; `to` at or before `from` is on the next day."""

    weekday: Weekday
    from_: Annotated[WallTime, Field(alias="from")]
    to: Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", examples=["06:00"])]
    time_zone: Annotated[str, Field(min_length=1, max_length=60, examples=["America/Los_Angeles"])]
    every_weeks: Annotated[
        int,
        Field(
            strict=True, ge=1, le=MOST_WEEKS, description="2: every second week, counted from the week of `starts_on`."
        ),
    ] = 1
    starts_on: Annotated[Day | None, Field(description="The first day on which it may begin.")] = None
    ends_on: Annotated[Day | None, Field(description="The last day on which it may begin.")] = None

    model_config = Strict.model_config | ConfigDict(populate_by_name=True)

    @model_serializer(mode="wrap")
    def _as_plain_as_it_is(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Say nothing of a pattern where there is none: what was sent is what is answered."""
        plain = {"every_weeks": 1, "starts_on": None, "ends_on": None}
        return {name: value for name, value in serialize(self).items() if name not in plain or value != plain[name]}

    def weekly(self) -> Weekly:
        """Return the shift as a value of the domain."""
        start, end = _minutes(self.from_), _minutes(self.to)
        to = end if end > start else end + DAY_MINUTES
        pattern = (self.every_weeks, self.starts_on, self.ends_on)
        return Weekly(_WEEKDAYS.index(self.weekday), start, to, self.time_zone, *pattern)


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
    dated: Annotated[list[DatedShift], Field(max_length=MOST_SPANS)] = []
    off: Annotated[list[DatedShift], Field(max_length=MOST_SPANS)] = []
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


class EndShiftRequest(Strict):
    """End the present shift now."""

    reason: Words
    back_at: Annotated[Time | None, Field(description="Absent: when the shift would have ended.")] = None
    version: Version = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "A crew member has fallen ill."}]})


class ExtendShiftRequest(Strict):
    """Let the present shift run on."""

    until: Annotated[Time, Field(description="At most 12 h after the planned end.")]
    reason: Words
    version: Version = None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"until": "2026-11-28T02:00:00-08:00", "reason": "Overtime: a festival."}]}
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
            every_weeks=shift.every_weeks,
            starts_on=shift.starts_on,
            ends_on=shift.ends_on,
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
        team = await plan_shifts(unit, scope_of(request, caller), team_id, body.plan(), version=body.version)
        return shifts_view(team)


@router.post("/end", summary="End the present shift early", responses=answers(404, 409, 412))
async def end(
    request: Request,
    team_id: TeamIdPath,
    body: EndShiftRequest,
    caller: Annotated[Caller, allow(Role.SUPERVISOR)],
    once: OnceOnly,
) -> ShiftsView:
    """End the shift that the team is on, with a reason. It shows in the plan as time off; a hold outlives it."""

    async def work(unit: Unit) -> ShiftsView:
        scope = scope_of(request, caller)
        return shifts_view(
            await end_shift(unit, scope, team_id, reason=body.reason, back_at=body.back_at, version=body.version)
        )

    answer: Any = await once(work, single=True)
    return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through


@router.post("/extend", summary="Let the present shift run on: overtime", responses=answers(404, 409, 412))
async def extend(
    request: Request,
    team_id: TeamIdPath,
    body: ExtendShiftRequest,
    caller: Annotated[Caller, allow(Role.SUPERVISOR)],
    once: OnceOnly,
) -> ShiftsView:
    """Let the shift that the team is on run on, with a reason. It shows in the plan as a dated shift."""

    async def work(unit: Unit) -> ShiftsView:
        scope = scope_of(request, caller)
        return shifts_view(
            await extend_shift(unit, scope, team_id, reason=body.reason, until=body.until, version=body.version)
        )

    answer: Any = await once(work, single=True)
    return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through
