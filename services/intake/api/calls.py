"""Reporting a call and reading it."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from services.intake.api.polling import poll
from services.intake.api.refs import CallRef, TheDesk, find
from services.intake.api.schemas.calls import CallAnswer, answer_of, state_of
from services.intake.api.schemas.reports import Report
from services.intake.commands import reports
from services.intake.queries import CallView, view_call
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.edge import IfNoneMatch, Prefer, long_poll
from shared.problems import answers

router = APIRouter(prefix="/v1/calls", tags=["calls"])

Reader = Annotated[Caller, allow(Role.CAD, Role.REVIEWER, Role.SUPERVISOR, Role.AUDITOR)]


@router.post(
    "",
    summary="Report a call",
    status_code=201,
    response_model=CallAnswer,
    responses=answers() | {200: {"model": CallAnswer, "description": "The event was reported before: the call as it is now"}},
)
async def report_call(
    request: Request, body: Report, desk: TheDesk, caller: Annotated[Caller, allow(Role.CAD)]
) -> Response:
    """Open a call and decide about it.

    `(cad_system, cad_event_id, attempt)` is unique: a second report of the event answers 200 with the call as it is now;
    where its body differs, it is an update. Anything but 2xx, or nothing within 2 s: the call stays with the call center.
    """
    db: Database = request.app.state.db
    async with db.transaction() as unit:
        view, opened = await reports.report(unit, desk, caller, body.command(caller.actor))
    return JSONResponse(answer_of(desk, view).model_dump(mode="json"), status_code=201 if opened else 200)


@router.get(
    "/{id}",
    summary="A call, its decision and how it goes",
    response_model=CallAnswer,
    responses=answers(404) | {304: {"description": "Nothing changed in time"}},
)
async def get_call(
    request: Request, id: CallRef, desk: TheDesk, caller: Reader, prefer: Prefer = None, if_none_match: IfNoneMatch = None  # noqa: A002
) -> Response:
    """Long-poll with `Prefer: wait=30` and the `ETag` of the answer you have. The `ETag` does not count `hand_back_by`."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, id)

    async def read() -> CallView:
        async with db.autocommit() as unit:
            return await view_call(unit.conn, found.id, with_statements=True)

    return await poll(
        desk.hub, read, state=state_of, answer=lambda view: answer_of(desk, view),
        keys=(f"call:{found.id}",), prefer=prefer, known=if_none_match,
    )  # fmt: skip
