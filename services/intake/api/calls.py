"""Reporting a call and reading it."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from services.intake.api.feed import cads_of
from services.intake.api.polling import poll
from services.intake.api.refs import CallRef, TheDesk, find
from services.intake.api.schemas.calls import CallAnswer, CallPage, CallStatus, Verdict, answer_of, state_of
from services.intake.api.schemas.reports import Report
from services.intake.commands import reports
from services.intake.commands.desk import FEED, QUEUE, Desk
from services.intake.commands.moves import hand_back_by
from services.intake.commands.presence import Presence
from services.intake.queries import lists
from services.intake.queries.calls import CallView, view_call
from services.intake.queries.lists import Filter
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.edge import CursorText, IfNoneMatch, Limit, Prefer, Slug, Time, read_cursor
from shared.edge import cursor as make_cursor
from shared.errors import Invalid
from shared.problems import answers

router = APIRouter(prefix="/v1/calls", tags=["calls"])

Reader = Annotated[Caller, allow(Role.CAD, Role.REVIEWER, Role.SUPERVISOR, Role.AUDITOR)]


@router.post(
    "",
    summary="Report a call",
    status_code=201,
    response_model=CallAnswer,
    responses=answers()
    | {200: {"model": CallAnswer, "description": "The event was reported before: the call as it is now"}},
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
    "",
    summary="Calls, newest first; or the reviewers' queue",
    response_model=CallPage,
    responses=answers() | {304: {"description": "Nothing changed in time"}},
)
async def list_calls(  # noqa: PLR0913 - one parameter of the query each
    *,
    request: Request,
    desk: TheDesk,
    caller: Reader,
    status: Annotated[CallStatus | None, Query()] = None,
    verdict: Annotated[Verdict | None, Query()] = None,
    neighborhood: Annotated[Slug | None, Query()] = None,
    cad_event_id: Annotated[str | None, Query(max_length=100)] = None,
    received_from: Annotated[Time | None, Query(description="From this time on.")] = None,
    received_to: Annotated[Time | None, Query(description="Before this time.")] = None,
    review: Annotated[
        Literal["open"] | None,
        Query(
            description="Every call that a reviewer has, under way or not, the soonest `review_by` first, with what was said."
        ),
    ] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A reviewer's or supervisor's reading of the queue (`review=open`) shows that somebody is there to review. Long-poll."""
    db: Database = request.app.state.db
    presence: Presence = request.app.state.presence
    wanted = Filter(
        cads_of(caller),
        status,
        verdict,
        neighborhood,
        cad_event_id,
        received_from,
        received_to,
        review_open=review == "open",
    )
    after = _key(cursor, queue=wanted.review_open)

    async def read() -> list[CallView]:
        async with db.autocommit() as unit:
            return await lists.list_calls(unit.conn, desk.jurisdiction, wanted, after=after, limit=limit + 1)

    async with AsyncExitStack() as stack:
        if wanted.review_open and caller.role in {Role.REVIEWER, Role.SUPERVISOR}:
            await stack.enter_async_context(presence.reading())
        return await poll(
            desk.hub, read, state=lambda views: [state_of(view) for view in views],
            answer=lambda views: _page(desk, views, limit, queue=wanted.review_open),
            keys=(QUEUE if wanted.review_open else FEED,), prefer=prefer, known=if_none_match,
        )  # fmt: skip


def _key(cursor: str | None, *, queue: bool) -> tuple[datetime, UUID] | UUID | None:
    """Return the key that a cursor of ours holds: an id, or in the queue a deadline and an id."""
    if cursor is None:
        return None
    try:
        parts = read_cursor(cursor, length=2 if queue else 1)
        last = UUID(parts[-1])
        return (datetime.fromisoformat(parts[0]).astimezone(UTC), last) if queue else last
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Invalid("The cursor is not one that this service gave.", pointer="cursor") from error


def _page(desk: Desk, views: list[CallView], limit: int, *, queue: bool) -> CallPage:
    shown = views[:limit]
    more = None
    if len(views) > limit:
        last = shown[-1].call
        more = make_cursor(last.review_by.isoformat(), last.id) if queue and last.review_by else make_cursor(last.id)
    return CallPage(items=[answer_of(desk, view) for view in shown], next=more)


@router.get(
    "/{id}",  # noqa: FAST003 - in CallRef
    summary="A call, its decision and how it goes",
    response_model=CallAnswer,
    responses=answers(404) | {304: {"description": "Nothing changed in time"}},
)
async def get_call(
    request: Request,
    ref: CallRef,
    desk: TheDesk,
    caller: Reader,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Long-poll with `Prefer: wait=30` and the `ETag` of the answer you have.

    The `ETag` does not count `hand_back_by`; the header `Hand-Back-By` says it with every answer, 304 too.
    """
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, ref)

    async def read() -> CallView:
        async with db.autocommit() as unit:
            return await view_call(unit.conn, found.id, with_statements=True)

    return await poll(
        desk.hub, read, state=state_of, answer=lambda view: answer_of(desk, view),
        keys=(f"call:{found.id}",), prefer=prefer, known=if_none_match, headers=lambda view: _hand_back(desk, view),
    )  # fmt: skip


def _hand_back(desk: Desk, view: CallView) -> dict[str, str]:
    by = hand_back_by(desk, view.call, view.now)
    return {"Hand-Back-By": by.isoformat()} if by else {}
