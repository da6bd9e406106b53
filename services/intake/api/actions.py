"""What a CAD and a reviewer may do with a call: cancel, acknowledge, review."""

from typing import Annotated, Any

from fastapi import APIRouter, Request

from services.intake.api.refs import CallRef, TheDesk, find
from services.intake.api.schemas.actions import AcknowledgeRequest, CancelRequest, ReviewRequest
from services.intake.api.schemas.calls import CallAnswer, answer_of
from services.intake.commands.acknowledgements import acknowledge
from services.intake.commands.cancels import cancel
from services.intake.commands.reviews import Word, review
from shared.auth import Caller, Role, allow
from shared.db import Database, Unit
from shared.idempotency import OnceOnly
from shared.problems import answers

router = APIRouter(prefix="/v1/calls", tags=["calls"])
Cad = Annotated[Caller, allow(Role.CAD)]


@router.post("/{id}/cancel", summary="Call the call off", response_model=CallAnswer, responses=answers(404))  # noqa: FAST003 - in CallRef
async def cancel_call(
    request: Request,
    ref: CallRef,
    body: CancelRequest,
    desk: TheDesk,
    caller: Cad,
    once: OnceOnly,
) -> Any:
    """Before arrival the team is called off. With a crew on scene the crew is told, and nothing else changes.

    A returned call counts as taken; any other final call stays as it is.
    """
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, ref)

    async def work(unit: Unit) -> CallAnswer:
        return answer_of(desk, await cancel(unit, desk, found, by=caller.actor, reason=body.reason, note=body.note))

    return await once(work)


@router.post("/{id}/acknowledge", summary="A person has it", response_model=CallAnswer, responses=answers(404, 409))  # noqa: FAST003 - in CallRef
async def acknowledge_call(
    request: Request,
    ref: CallRef,
    body: AcknowledgeRequest,
    desk: TheDesk,
    caller: Cad,
    once: OnceOnly,
) -> Any:
    """Say that the return (or the notice named) has reached a person. Until then an alert comes every 30 s."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, ref)

    async def work(unit: Unit) -> CallAnswer:
        view = await acknowledge(unit, desk, found, by=caller.actor, notice_id=body.notice_id, operator=body.operator)
        return answer_of(desk, view)

    return await once(work)


@router.post("/{id}/review", summary="A reviewer's word", response_model=CallAnswer, responses=answers(404, 409, 412))  # noqa: FAST003 - in CallRef
async def review_call(
    request: Request, ref: CallRef, body: ReviewRequest, desk: TheDesk,
    caller: Annotated[Caller, allow(Role.REVIEWER, Role.SUPERVISOR)], once: OnceOnly,
) -> Any:  # fmt: skip
    """Toward police: always. Toward civilians: with the `version` seen (else 412), and never while a disqualifier stands (409).

    A clearance settles exactly the reasons and phrases that stand now; anything new is reviewed again.
    """
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, ref)
    given = body.answers.model_dump(mode="json", exclude_none=True) if body.answers else None
    word = Word(body.decision, body.reason, caller.actor, body.version, given)

    async def work(unit: Unit) -> CallAnswer:
        return answer_of(desk, await review(unit, desk, found, word))

    return await once(work)
