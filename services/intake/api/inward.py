"""What dispatch tells intake: how an incident goes, and notices without a call."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request

from services.intake.api.refs import TheDesk
from services.intake.commands.notices import take_notice
from services.intake.commands.progress import progress
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.messages.base import LooseNotice
from shared.messages.incidents import Progress, ProgressReceipt
from shared.problems import answers

router = APIRouter(tags=["between services"])

Service = Annotated[Caller, allow(Role.SERVICE)]


@router.put("/v1/calls/{id}/progress", summary="Dispatch's whole view of an incident", responses=answers(404))
async def put_progress(
    request: Request,
    id_: Annotated[UUID, Path(alias="id")],
    body: Progress,
    desk: TheDesk,
    _caller: Service,
) -> ProgressReceipt:
    """Apply the view unless a newer version is held already; answer with what intake holds now."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        return await progress(unit, desk, id_, body)


@router.put("/v1/notices/{id}", summary="A notice without a call", responses=answers())
async def put_notice(
    request: Request,
    id_: Annotated[UUID, Path(alias="id")],
    body: LooseNotice,
    desk: TheDesk,
    _caller: Service,
) -> LooseNotice:
    """It shows in every CAD's `/v1/changes`, once."""
    db: Database = request.app.state.db
    async with db.transaction() as unit:
        await take_notice(unit, desk, id_, body)
    return body
