"""Positions (AVL) from a team's tablet."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field

from services.teams.api.deps import TeamIdPath, scope_of, settings
from services.teams.api.views import PositionView, seen_view
from services.teams.commands.positions import Reported, report_positions
from services.teams.domain.positions import Disbelief, Fix
from shared.auth import Caller, Role, allow
from shared.db import Unit
from shared.edge import Answer, Latitude, Longitude, Strict, Time
from shared.errors import NotFound
from shared.idempotency import OnceOnly
from shared.problems import answers

router = APIRouter(prefix="/v1/teams/{team_id}/positions", tags=["positions"])


class FixRequest(Strict):
    """Where a tablet was, and when by its own clock."""

    lat_deg: Latitude
    lon_deg: Longitude
    at: Time
    accuracy_m: Annotated[float, Field(ge=0, le=1_000_000, strict=True)] | None = None


class PositionsRequest(Strict):
    """A batch of fixes in any order; sending one again does no harm."""

    fixes: Annotated[list[FixRequest], Field(min_length=1, max_length=100)]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"fixes": [{"lat_deg": 34.05, "lon_deg": -118.21, "accuracy_m": 12, "at": "2026-11-23T18:04:11-08:00"}]}
            ]
        }
    )

    def values(self) -> list[Fix]:
        """Return the fixes as values of the domain."""
        return [Fix(fix.lat_deg, fix.lon_deg, fix.at, fix.accuracy_m) for fix in self.fixes]


class IgnoredFix(Answer):
    """A fix that is not believed."""

    index: int = Field(description="Its place in the batch, from 0.")
    reason: Disbelief


class PositionsView(Answer):
    """The team's position now, and the fixes that were not believed."""

    position: PositionView | None
    ignored: list[IgnoredFix]


def _view(reported: Reported) -> PositionsView:
    ignored = [IgnoredFix(index=place, reason=why) for place, why in reported.ignored]
    return PositionsView(position=seen_view(reported.position), ignored=ignored)


@router.post("", summary="Report where the team is", responses=answers(404))
async def report(
    request: Request,
    team_id: TeamIdPath,
    body: PositionsRequest,
    caller: Annotated[Caller, allow(Role.TEAM)],
    once: OnceOnly,
) -> PositionsView:
    """Take up to 100 fixes in any order. Only the newest believable one is the position.

    Ignored, with the reason: fixes over a minute in our future, at 0°N 0°E, over 500 km from the team's base, less accurate than
    5 km, or older than what is kept. Of the others one a minute is kept for a day, rounded to about 100 m.
    """
    if not caller.is_team(team_id):
        raise NotFound("There is no such team.")
    kept_for = settings(request).positions_kept_for

    async def work(unit: Unit) -> PositionsView:
        return _view(await report_positions(unit, scope_of(request, caller), team_id, body.values(), kept_for=kept_for))

    answer: Any = await once(work, single=True)
    return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through
