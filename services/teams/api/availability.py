"""Who can go now: the snapshot that dispatch matches on."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.teams.api.deps import NOT_MODIFIED, scope_of, single
from services.teams.api.snapshots import Snapshots
from services.teams.api.views import hold_view
from services.teams.records import TeamRecord
from services.teams.scope import AVAILABILITY, Scope
from shared.auth import Caller, Role, allow
from shared.edge import IfNoneMatch, Prefer, Tagged, etag, long_poll
from shared.messages.availability import Availability, Base, DoNotSend, TeamAvailability
from shared.messages.base import Position
from shared.problems import answers

router = APIRouter(prefix="/v1/availability", tags=["availability"])


def _item(team: TeamRecord) -> TeamAvailability:
    """Return the team as dispatch reads it. Not validated once more: it comes from our own tables."""
    lat_deg, lon_deg = team.base
    seen, able = team.position, team.standing.ability
    assert able is not None  # a record always says what its provider claims
    return TeamAvailability.model_construct(
        team_id=team.id,
        team_name=team.profile["name"],
        provider_id=team.provider_id,
        provider_name=team.profile["provider_name"],
        offerable=team.standing.offerable,
        reasons=list(team.standing.reasons),
        disciplines=list(able.disciplines),
        languages=list(able.languages),
        catchment=team.profile["catchment"],
        position=None if seen is None else Position(lat_deg=seen.lat_deg, lon_deg=seen.lon_deg, at=seen.at),
        base=Base.model_construct(lat_deg=lat_deg, lon_deg=lon_deg),
        crew=len(team.standing.duty.crew),
        minimum_crew=team.state.minimum_crew,
        shift_ends_at=team.standing.shift_ends_at,
        do_not_send=_rules_in_force(team),
        hold=hold_view(team),
    )


def _rules_in_force(team: TeamRecord) -> list[DoNotSend]:
    rules = (DoNotSend.model_validate(rule) for rule in team.profile["do_not_send"])
    return [rule for rule in rules if rule.until is None or rule.until > team.now]


def snapshot(teams: list[TeamRecord]) -> Tagged:
    """Return the body, with the positions of this instant, and a tag that counts those of up to ten seconds ago.

    The tag is of what can differ: all that is written raises a team's `revision`, time changes how it stands, and positions settle.
    """
    news = [
        (team.id, team.revision, team.profile["provider_name"], team.standing, team.settled, _rules_in_force(team))
        for team in teams
    ]
    return Tagged(
        body=lambda: Availability.model_construct(items=[_item(team) for team in teams]).model_dump_json().encode(),
        tag=f"W/{etag(repr(news).encode())}",
    )


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
            return await kept.read(unit, scope, snapshot, everybody=all_, known=if_none_match)

    return await long_poll(read, hub=request.app.state.hub, keys=(AVAILABILITY,), prefer=prefer, known=if_none_match)
