"""Who can go now: the snapshot that dispatch matches on."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.teams.api.deps import NOT_MODIFIED, scope_of, single
from services.teams.api.snapshots import Snapshots
from services.teams.scope import AVAILABILITY, Scope
from shared.auth import Caller, Role, allow
from shared.edge import IfNoneMatch, Prefer, Tagged, long_poll
from shared.messages.availability import Availability
from shared.problems import answers

router = APIRouter(prefix="/v1/availability", tags=["availability"])


@router.get(
    "", summary="Teams that may be offered work now", response_model=Availability, responses=answers() | NOT_MODIFIED
)
async def read_availability(
    request: Request,
    caller: Annotated[Caller, allow(Role.SERVICE, Role.SUPERVISOR)],
    *,
    all_: Annotated[
        bool, Query(alias="all", description="Every team not retired, with why it may not be offered work.")
    ] = False,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return a snapshot of one instant. Its `ETag` changes with duty, shift, hold and crew at once, with positions every 10 s at most."""
    scope: Scope = scope_of(request, caller)

    kept: Snapshots = request.app.state.snapshots

    async def read() -> Tagged:
        async with single(request) as unit:
            return await kept.read(unit, scope, everybody=all_, known=if_none_match)

    return await long_poll(read, hub=request.app.state.hub, keys=(AVAILABILITY,), prefer=prefer, known=if_none_match)
