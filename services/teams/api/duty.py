"""Duty of a team, and the history of everything that happened to it."""

from typing import Annotated, Any

from fastapi import APIRouter, Request

from services.teams import queries
from services.teams.api.bodies import DutyRequest, HandOverRequest
from services.teams.api.deps import TeamIdPath, scope_of, single
from services.teams.api.views import DutyView, HistoryEvent, duty_view
from services.teams.commands.duty import change_duty
from services.teams.commands.shifts import hand_over
from shared import edge
from shared.auth import Caller, Role, allow
from shared.db import Unit
from shared.edge import CursorText, Limit, Page
from shared.errors import Invalid
from shared.idempotency import OnceOnly
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


@router.post("/duty/hand-over", summary="Put the next crew on duty", responses=answers(404, 409, 412))
async def take_over(
    request: Request,
    team_id: TeamIdPath,
    body: HandOverRequest,
    caller: Annotated[Caller, allow(Role.TEAM, Role.SUPERVISOR)],
    once: OnceOnly,
) -> DutyView:
    """Replace the crew on duty by the next one, in one step. Refused while the team has live work (409 `crew-at-work`)."""

    async def work(unit: Unit) -> DutyView:
        crew = tuple(body.crew)
        scope = scope_of(request, caller)
        return duty_view(await hand_over(unit, scope, team_id, crew, reason=body.reason, version=body.version))

    answer: Any = await once(work, single=True)
    return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through


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
