"""The tablet's side: a team's live assignments, what its crew reports, and one assignment with its history."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from services.dispatch import queries
from services.dispatch.api import views
from services.dispatch.api.schemas import (
    EMERGENCY_BODY,
    ActionRequest,
    AssignmentDetail,
    AssignmentState,
    EmergencyAnswer,
    EmergencyRequest,
    TabletList,
)
from services.dispatch.api.state import Db, TheDesk
from services.dispatch.api.tablet_poll import TabletPoll
from services.dispatch.commands import actions, emergencies
from services.dispatch.domain.assignment import Action
from shared.auth import Caller, Role, allow
from shared.db import Unit
from shared.edge import IfNoneMatch, Prefer
from shared.errors import NotFound
from shared.idempotency import OnceOnly, OnceUnrefused
from shared.problems import answers

router = APIRouter(tags=["tablets"])
Crew = Annotated[Caller, allow(Role.TEAM, Role.SUPERVISOR)]


@router.get(
    "/v1/teams/{team_id}/assignments",
    summary="A team's live assignments",
    response_model=TabletList,
    responses=answers(404) | {304: {"description": "Nothing changed in time"}},
)
async def list_assignments(
    request: Request,
    team_id: UUID,
    caller: Crew,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return what the team has to do now, with the briefing; one that is being withdrawn comes first.

    Long-poll with `Prefer: wait=50` and the `ETag` of the list you show. The last list keeps until you hear otherwise, but not
    longer than 30 s: without contact, stop short.
    """
    poll: TabletPoll = request.app.state.tablet_poll  # which answers nearly all requests before they get here
    return await poll.answer(caller, team_id, known=if_none_match, prefer=prefer)


@router.post(
    "/v1/assignments/{assignment_id}/actions",
    summary="What the crew reports",
    response_model=AssignmentState,
    responses=answers(404, 409, 412),
)
async def act(assignment_id: UUID, body: ActionRequest, desk: TheDesk, caller: Crew, once: OnceOnly) -> Any:
    """Accept, decline, depart, arrive, check in, clear, escalate, or acknowledge a recall.

    The order of arrival decides. An action that the truth has overtaken is answered 409 with `status` and the legal `actions`; a
    tablet that repeats an action whose answer it lost recognises it by the status (or sends an `Idempotency-Key` and gets the
    first answer again).
    """
    report = body.report()

    async def work(unit: Unit) -> AssignmentState:
        return views.state_after(await actions.act(unit, desk, assignment_id, report, caller))

    return await once(work, single=report.action is not Action.ESCALATE)


@router.get(
    "/v1/assignments/{assignment_id}",
    summary="One assignment and its history",
    responses=answers(404),
)
async def get_assignment(
    assignment_id: UUID, db: Db, caller: Annotated[Caller, allow(Role.TEAM, Role.SUPERVISOR, Role.AUDITOR)]
) -> AssignmentDetail:
    """Return the assignment, why this team was chosen, and every event of it."""
    async with db.autocommit() as unit:
        found = await queries.assignment(unit.conn, assignment_id)
    if found is None or not actions.may_see(caller, found[0]["team_id"], found[0]["provider_id"]):
        raise NotFound("There is no such assignment.")
    return views.detail(*found)


@router.post(
    "/v1/teams/{team_id}/emergency",
    summary="Panic",
    status_code=202,
    response_model=EmergencyAnswer,
    responses=answers(404),
    openapi_extra=EMERGENCY_BODY,
)
async def emergency(request: Request, team_id: UUID, desk: TheDesk, caller: Crew, once: OnceUnrefused) -> Any:
    """Sound the alarm: in any state, with or without work, as often as pressed. The call center and the supervisors are told at once.

    The assignment stays as it is; `escalate` it, or clear it, when there is time. Neither body nor key is ever refused: what
    cannot be read is left out.
    """
    if not caller.is_team(team_id):
        raise NotFound("There is no such team.")
    pressed = EmergencyRequest.of(await request.body())
    position = pressed.position.model_dump(mode="json") if pressed.position else None

    async def work(unit: Unit) -> JSONResponse:
        panic = await emergencies.alarm(unit, desk, team_id, position=position, note=pressed.note, actor=caller.actor)
        answer = EmergencyAnswer(notice_id=panic.notice_id, incident_id=panic.incident_id, at=panic.at)
        return JSONResponse(answer.model_dump(mode="json"), status_code=202)

    return await once(work, status=202)
