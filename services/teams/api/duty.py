"""Duty of a team, and the history of everything that happened to it."""

from typing import Annotated

from fastapi import APIRouter, Request

from services.teams import queries
from services.teams.api.bodies import DutyRequest
from services.teams.api.deps import TeamIdPath, scope_of, single
from services.teams.api.views import DutyView, HistoryEvent, duty_view
from services.teams.commands.duty import change_duty
from shared import edge
from shared.auth import Caller, Role, allow
from shared.edge import CursorText, Limit, Page
from shared.errors import Invalid
from shared.problems import answers

router = APIRouter(prefix="/v1/teams/{team_id}", tags=["duty"])


@router.put("/duty", summary="Say whether the team can be sent", responses=answers(404, 409, 412))
async def set_duty(
    request: Request,
    team_id: TeamIdPath,
    body: DutyRequest,
    caller: Annotated[Caller, allow(Role.TEAM, Role.SUPERVISOR)],
) -> DutyView:
    """Set duty status, crew, until when and why. With `until`, the status ends by itself at that time.

    A held team cannot go on break or off duty: it declines or clears its work first (409 `team-held`). The crew must be on the
    team's roster.
    """
    async with single(request) as unit:
        team = await change_duty(
            unit,
            scope_of(request, caller),
            team_id,
            body.duty(),
            version=body.version,
            keep_crew=body.crew is None,
        )
        return duty_view(team)


@router.get("/history", summary="Each change of duty, hold and shift, newest first", responses=answers(404))
async def read_history(
    request: Request,
    team_id: TeamIdPath,
    caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR)],
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[HistoryEvent]:
    """Return a page of the team's history. Its rows are only ever added."""
    before = None
    if cursor is not None:
        (before,) = edge.read_cursor(cursor, length=1)
        if not isinstance(before, int) or not 0 <= before < 2**63:
            raise Invalid("The cursor is not one that this service gave.", pointer="cursor")
    scope = scope_of(request, caller)
    async with single(request) as unit:
        await queries.find_team(unit.conn, scope, team_id)
        rows = await queries.history(unit.conn, scope, team_id, before=before, limit=limit + 1)
    items = [HistoryEvent.model_validate(dict(row)) for row in rows[:limit]]
    return Page(items=items, next=edge.cursor(items[-1].seq) if len(rows) > limit else None)
