"""Holds: what dispatch keeps a team by."""

from typing import Annotated

from fastapi import APIRouter, Request

from services.teams import queries
from services.teams.api.deps import AssignmentIdPath, scope_of, single
from services.teams.commands.holds import put_hold, release_hold
from services.teams.domain.holds import HoldState
from services.teams.records import age
from shared.auth import Caller, Role, allow
from shared.messages.availability import Hold, HoldRequest, Holds, LiveHold
from shared.problems import answers

router = APIRouter(prefix="/v1/holds", tags=["holds"])


def _view(hold: HoldState) -> Hold:
    return Hold.model_validate(hold, from_attributes=True)


@router.put("/{assignment_id}", summary="Hold a team for an assignment", responses=answers(404, 409))
async def hold(
    request: Request,
    assignment_id: AssignmentIdPath,
    body: HoldRequest,
    caller: Annotated[Caller, allow(Role.SERVICE)],
) -> Hold:
    """Hold the team; the same request again gets the same answer.

    409 `team-not-free` with its `reasons`, `hold-released` if this id was released (also in advance), `hold-mismatch` if it holds
    something else. With `restore`, a live assignment's missing hold is put back whatever shift, duty and crew say.
    """
    async with single(request) as unit:
        held = await put_hold(
            unit, scope_of(request, caller), assignment_id, body.team_id, body.incident_id, restore=body.restore
        )
        return _view(held)


@router.delete("/{assignment_id}", summary="Release a hold, also in advance", responses=answers())
async def release(
    request: Request, assignment_id: AssignmentIdPath, caller: Annotated[Caller, allow(Role.SERVICE)]
) -> Hold:
    """Release the hold; again: the same answer. An id never seen is stored as released and can never be held."""
    async with single(request) as unit:
        return _view(await release_hold(unit, scope_of(request, caller), assignment_id))


@router.get("", summary="The live holds and their age", responses=answers())
async def list_holds(request: Request, caller: Annotated[Caller, allow(Role.SERVICE, Role.SUPERVISOR)]) -> Holds:
    """Return every live hold, oldest first: dispatch compares them with its live assignments."""
    async with single(request) as unit:
        found = await queries.live_holds(unit.conn, scope_of(request, caller))
    items = [
        LiveHold(
            assignment_id=live.assignment_id,
            team_id=live.team_id,
            incident_id=live.incident_id,
            held_at=live.held_at,
            age_s=age(now, live.held_at).total_seconds(),
        )
        for live, now in found
        if live.team_id is not None and live.incident_id is not None and live.held_at is not None
    ]
    return Holds(items=items)
