"""Providers and teams."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from services.teams import queries
from services.teams.api.bodies import ProviderChange, ProviderRequest, TeamChange, TeamRequest
from services.teams.api.deps import ProviderIdPath, TeamIdPath, neighborhoods, scope_of, single, together
from services.teams.api.views import ProviderView, TeamView, provider_view, team_view
from services.teams.commands import organisations as commands
from services.teams.commands.catchments import check_changed_neighborhoods, check_neighborhoods, named_by
from shared import edge
from shared.auth import Caller, Role, allow
from shared.db import Database, Unit
from shared.edge import CursorText, Limit, Page
from shared.errors import Invalid
from shared.idempotency import OnceOnly
from shared.problems import answers

providers = APIRouter(prefix="/v1/providers", tags=["providers"])
teams = APIRouter(prefix="/v1/teams", tags=["teams"])
Writer = Annotated[Caller, allow(Role.ADMIN, Role.SUPERVISOR)]
Reader = Annotated[Caller, allow(Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR)]
ProviderReader = Annotated[Caller, allow(Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR, Role.SERVICE)]
"""Intake asks which providers there are before it accepts a plan that names some."""
Retired = Annotated[bool, Query(description="Also those that are retired.")]


def _values(body: BaseModel) -> dict[str, Any]:
    """Return the columns that the body sets; what is null or absent stays as it is."""
    values = {name: value for name, value in body.model_dump(exclude={"version"}).items() if value is not None}
    if (base := values.pop("base", None)) is not None:
        values |= {"base_lat_deg": base["lat_deg"], "base_lon_deg": base["lon_deg"]}
    with_times = {"do_not_send", "members"} & values.keys()
    return values | body.model_dump(mode="json", include=with_times)


def _named(body: TeamRequest | TeamChange) -> dict[str, str]:
    """Return the neighborhoods that the body names, by pointer."""
    return named_by(body.catchment or {}, (rule.model_dump() for rule in body.do_not_send or ()))


def _after(text: str | None) -> tuple[str, UUID] | None:
    if text is None:
        return None
    name, identity = edge.read_cursor(text, length=2)
    try:
        return str(name), UUID(str(identity))
    except ValueError as error:
        raise Invalid("The cursor is not one that this service gave.", pointer="cursor") from error


@providers.post("", summary="Add an organisation that runs teams", status_code=201, responses=answers(409))
async def add_provider(request: Request, body: ProviderRequest, caller: Writer, once: OnceOnly) -> ProviderView:
    """Add a city office, a county service or a contracted nonprofit. A supervisor of one provider cannot."""

    async def work(unit: Unit) -> ProviderView:
        return provider_view(await commands.add_provider(unit, scope_of(request, caller), _values(body)))

    answer: Any = await once(work, status=201, single=True)
    return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through


@providers.get("", summary="Organisations, by name", responses=answers())
async def list_providers(
    request: Request, caller: ProviderReader, *, limit: Limit = 50, cursor: CursorText = None, retired: Retired = False
) -> Page[ProviderView]:
    """Return a page of the providers that the caller may see."""
    async with single(request) as unit:
        rows = await queries.list_providers(
            unit.conn, scope_of(request, caller), after=_after(cursor), limit=limit + 1, retired=retired
        )
    items = [provider_view(row) for row in rows[:limit]]
    return Page(items=items, next=edge.cursor(items[-1].name, items[-1].id) if len(rows) > limit else None)


@providers.get("/{provider_id}", summary="One organisation", responses=answers(404))
async def read_provider(request: Request, provider_id: ProviderIdPath, caller: Reader) -> ProviderView:
    """Return the provider."""
    async with single(request) as unit:
        return provider_view(await queries.find_provider(unit.conn, scope_of(request, caller), provider_id))


@providers.patch("/{provider_id}", summary="Change or retire an organisation", responses=answers(404, 409, 412))
async def change_provider(
    request: Request, provider_id: ProviderIdPath, body: ProviderChange, caller: Writer
) -> ProviderView:
    """Change what is given. A provider with teams cannot be retired; nothing is ever deleted."""
    async with together(request) as unit:
        row = await commands.change_provider(
            unit, scope_of(request, caller), provider_id, _values(body), version=body.version
        )
        return provider_view(row)


@providers.delete("/{provider_id}", summary="Retire an organisation", responses=answers(404, 409))
async def retire_provider(request: Request, provider_id: ProviderIdPath, caller: Writer) -> ProviderView:
    """Retire it: history refers to it, so nothing is deleted. With teams: 409. Again: the same answer."""
    async with together(request) as unit:
        scope = scope_of(request, caller)
        return provider_view(await commands.change_provider(unit, scope, provider_id, {"retired": True}, version=None))


@teams.post("", summary="Add a team", status_code=201, responses=answers(409))
async def add_team(request: Request, body: TeamRequest, caller: Writer, once: OnceOnly) -> TeamView:
    """Add a team. It is offerable once it has shifts and its crew is on duty.

    Intake is asked whether the neighborhoods that it names exist (422: one does not, or none are loaded yet; 503: no answer).
    """
    if not await once.answered():  # what was added then is there, whatever intake's map has become
        await check_neighborhoods(neighborhoods(request), _named(body))

    async def work(unit: Unit) -> TeamView:
        return team_view(await commands.add_team(unit, scope_of(request, caller), _values(body)))

    answer: Any = await once(work, status=201)
    return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through


@teams.get("", summary="Teams, by name", responses=answers())
async def list_teams(
    request: Request,
    caller: Reader,
    *,
    limit: Limit = 50,
    cursor: CursorText = None,
    provider_id: Annotated[UUID | None, Query(description="Only this provider's.")] = None,
    retired: Retired = False,
) -> Page[TeamView]:
    """Return a page of the teams that the caller may see, each as it stands now."""
    async with single(request) as unit:
        found = await queries.list_teams(
            unit.conn,
            scope_of(request, caller),
            after=_after(cursor),
            limit=limit + 1,
            provider_id=provider_id,
            retired=retired,
        )
    items = [team_view(team) for team in found[:limit]]
    return Page(items=items, next=edge.cursor(items[-1].name, items[-1].id) if len(found) > limit else None)


@teams.get("/{team_id}", summary="One team, as it stands now", responses=answers(404))
async def read_team(
    request: Request,
    team_id: TeamIdPath,
    caller: Annotated[Caller, allow(Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR, Role.TEAM)],
) -> TeamView:
    """Return the team; a team may read itself."""
    async with single(request) as unit:
        return team_view(await queries.find_team(unit.conn, scope_of(request, caller), team_id))


@teams.patch("/{team_id}", summary="Change or retire a team", responses=answers(404, 409, 412))
async def change_team(request: Request, team_id: TeamIdPath, body: TeamChange, caller: Writer) -> TeamView:
    """Change what is given. A team with live work cannot be retired, nor a member who is on duty leave the roster.

    Intake is asked whether the neighborhoods exist that the team did not name before (422: one does not; 503: no answer).
    """
    scope = scope_of(request, caller)
    if named := _named(body):
        db: Database = request.app.state.db
        await check_changed_neighborhoods(db, neighborhoods(request), scope, team_id, named, version=body.version)
    async with together(request) as unit:
        team = await commands.change_team(unit, scope, team_id, _values(body), version=body.version)
        return team_view(team)


@teams.delete("/{team_id}", summary="Retire a team", responses=answers(404, 409))
async def retire_team(request: Request, team_id: TeamIdPath, caller: Writer) -> TeamView:
    """Retire it: history refers to it, so nothing is deleted. With live work: 409. Again: the same answer."""
    async with together(request) as unit:
        scope = scope_of(request, caller)
        return team_view(await commands.change_team(unit, scope, team_id, {"retired": True}, version=None))
