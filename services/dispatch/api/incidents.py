"""The queue of incidents, for supervisors and for intake."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from services.dispatch import queries
from services.dispatch.api.state import Db
from shared.auth import Caller, Role, allow
from shared.errors import NotFound
from shared.messages.incidents import Progress
from shared.problems import answers

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])
Reader = Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR, Role.SERVICE)]


@router.get("/{incident_id}", summary="Dispatch's whole view of an incident", responses=answers(404))
async def get_incident(incident_id: UUID, db: Db, _caller: Reader) -> Progress:
    """Return what a progress report would say now: status, deadline, newest assignment, notices, unconfirmed history."""
    async with db.autocommit() as unit:
        progress = await queries.progress(unit.conn, incident_id)
    if progress is None:
        raise NotFound("There is no such incident.")
    return progress
