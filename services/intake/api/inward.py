"""What dispatch tells intake: how an incident goes, and notices without a call."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from uuid import UUID

from services.intake.api.refs import TheDesk
from services.intake.commands.progress import progress
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.messages.incidents import Progress, ProgressReceipt
from shared.problems import answers

router = APIRouter(tags=["between services"])

Service = Annotated[Caller, allow(Role.SERVICE)]


@router.put("/v1/calls/{id}/progress", summary="Dispatch's whole view of an incident", responses=answers(404))
async def put_progress(
    request: Request, id: Annotated[UUID, Path()], body: Progress, desk: TheDesk, _caller: Service  # noqa: A002
) -> ProgressReceipt:
    """Apply the view unless a newer version is held already; answer with what intake holds now."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        return await progress(unit, desk, id, body)
