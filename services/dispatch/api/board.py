"""How every team stands: duty, shift, crew, hold, work and tablet in one view, with the unit status codes of NENA's EIDO."""

# ruff: noqa: S608 - the text is put together from constants of this service

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import String, bindparam, text

from services.dispatch import queries
from services.dispatch.api.state import Db, TheDesk
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.unit_status import unit_status
from services.dispatch.tables import LIVE_SQL
from shared.auth import Caller, Role, allow
from shared.edge import Answer, Page
from shared.messages.base import Position
from shared.problems import answers

router = APIRouter(prefix="/v1/teams", tags=["teams"])
_LIVE: Final = text(f"""
    SELECT team_id, status, incident_id FROM dispatch.assignment WHERE jurisdiction = :jurisdiction AND {LIVE_SQL}
""").bindparams(bindparam("jurisdiction", type_=String))


class EidoStatus(Answer):
    """Unit status by NENA-STA-021.1."""

    primary: str = Field(examples=["NotAvailable"])
    secondary: list[str] = Field(examples=[["EnRoute"]])


class TeamOnBoard(Answer):
    """One team as dispatch sees it now."""

    team_id: UUID
    team_name: str
    provider_id: UUID
    status: str = Field(
        description="Its assignment's status, else `available` or why it is not.", examples=["en_route"]
    )
    unit_status: EidoStatus
    offerable: bool
    reasons: list[str] = Field(examples=[["tablet_silent"]])
    incident_id: UUID | None = Field(description="Its live work.")
    tablet_seen_s_ago: float | None = Field(description="Null: not since this process began, and never written down.")
    position: Position | None


@router.get("", summary="How every team stands", responses=answers())
async def list_board(
    db: Db, desk: TheDesk, caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR)]
) -> Page[TeamOnBoard]:
    """Return every team that is not retired, by name, as in the newest availability that dispatch has seen.

    A supervisor of one provider sees its teams.
    """
    async with db.autocommit() as unit:
        rows = await unit.conn.execute(_LIVE, {"jurisdiction": desk.jurisdiction})
        work = {row.team_id: (Status(row.status), row.incident_id) for row in rows}
        in_emergency = await queries.emergencies(unit.conn)
    items = []
    for team in desk.roster.everybody():
        if caller.provider_id not in {None, team.provider_id}:
            continue
        status, incident_id = work.get(team.team_id, (None, None))
        reasons = [*team.reasons, *(["in_emergency"] if team.team_id in in_emergency else [])]
        stands = unit_status(status, reasons)
        items.append(
            TeamOnBoard(
                team_id=team.team_id,
                team_name=team.team_name,
                provider_id=team.provider_id,
                status=stands.word,
                unit_status=EidoStatus(primary=stands.primary, secondary=list(stands.secondary)),
                offerable=team.offerable and status is None and team.team_id not in in_emergency,
                reasons=reasons,
                incident_id=incident_id,
                tablet_seen_s_ago=desk.roster.tablet_age_s(team.team_id),
                position=team.position,
            )
        )
    return Page(items=items, next=None)
