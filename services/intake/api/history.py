"""What happened to a call, and why."""

from typing import Annotated

from fastapi import APIRouter, Request

from services.intake.api.refs import CallRef, TheDesk, find
from services.intake.api.schemas.history import DecisionItem, Decisions, Timeline, TimelineItem
from services.intake.queries import history
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.edge import CursorText, Limit, read_cursor
from shared.edge import cursor as make_cursor
from shared.errors import Invalid
from shared.problems import answers

router = APIRouter(prefix="/v1/calls", tags=["history"])


@router.get("/{id}/timeline", summary="Every event of the call, across services", responses=answers(404))  # noqa: FAST003 - in CallRef
async def get_timeline(
    request: Request, ref: CallRef, desk: TheDesk,
    caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR, Role.CAD)],
    limit: Limit = 200, cursor: CursorText = None,
) -> Timeline:  # fmt: skip
    """Each service's events are in its own order (`seq`), and merged by the services' clocks."""
    db: Database = request.app.state.db
    start = _number(cursor)
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, ref)
        events = await history.timeline(unit.conn, found.id)
    shown = events[start : start + limit]
    items = [
        TimelineItem(
            service=event.service, seq=event.seq, at=event.at, actor=event.actor, action=event.action,
            from_=event.from_status, to=event.to_status, reason=event.reason, detail=event.detail,
        )
        for event in shown
    ]  # fmt: skip
    more = start + len(shown) < len(events)
    return Timeline(items=items, next=make_cursor(start + len(shown)) if more else None)


@router.get("/{id}/decisions", summary="Every decision, with the evidence it read", responses=answers(404))  # noqa: FAST003 - in CallRef
async def get_decisions(
    request: Request, ref: CallRef, desk: TheDesk,
    caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR)],
    limit: Limit = 50, cursor: CursorText = None,
) -> Decisions:  # fmt: skip
    """Triage's decisions and the reviewers', each with the statements, the protocol, the plan and the code behind it."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, ref)
        rows = await history.decisions(unit.conn, found.id, after=_number(cursor), limit=limit + 1)
    items = [DecisionItem.model_validate(row._asdict()) for row in rows[:limit]]
    return Decisions(items=items, next=make_cursor(rows[limit - 1].seq) if len(rows) > limit else None)


def _number(text: str | None) -> int:
    if text is None:
        return 0
    [number] = read_cursor(text, length=1)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**31:
        raise Invalid("The cursor is not one that this service gave.", pointer="cursor")
    return number
