"""Dispatch's whole view of an incident, applied to its call: the one way in which a call hears from dispatch."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from services.intake.commands.desk import Desk
from services.intake.commands.moves import Overtaken, ended, filed, moved_event, needed, opened
from services.intake.commands.wishes import withdrawal
from services.intake.domain.call import FINAL, CallStatus, Move, Source, is_legal, status_from_progress
from services.intake.store.calls import Call, Filing, WishRow
from services.intake.store.progress import read_for_progress
from shared.db import Unit
from shared.errors import NotFound
from shared.messages.incidents import EventView, Progress, ProgressReceipt

log = structlog.get_logger(__name__)
_TRIES: Final = 8
_FARTHEST: Final = timedelta(days=31)
"""A deadline that dispatch says is farther off counts as so far: then it is asked, and no call waits on a slip of a year."""


async def progress(unit: Unit, desk: Desk, call_id: UUID, view: Progress) -> ProgressReceipt:
    """Apply dispatch's view unless a newer one is held, and return what intake holds now. Raises NotFound.

    One read and one statement that writes, so it needs no transaction block. What is final stays final: then the view
    changes only the assignment and the timeline.
    """
    for _ in range(_TRIES):
        found = await read_for_progress(unit.conn, desk.jurisdiction, call_id)
        if found is None:
            raise NotFound("There is no such call.")
        call, now, recommended = found
        if view.version < call.progress_version:
            return _receipt(call)
        after = _heard(desk, call, now, view)
        if view.version == call.progress_version:
            if not _has_news(call, after):
                return _receipt(call)
        else:
            after = _moved(desk, after, now, view, recommended)
        written = await filed(unit, desk, call, after, _filing(desk, call, after, now, view))
        if written is not None:
            return _receipt(written)
    raise Overtaken("The call is being moved by others at this very moment; report again.")


def _receipt(call: Call) -> ProgressReceipt:
    return ProgressReceipt(status=str(call.status), version=call.progress_version, events_through=call.events_through)


def _has_news(before: Call, after: Call) -> bool:
    """Say whether the same version tells more: further history, or a deadline that has moved by a second or more."""
    if before.events_through != after.events_through:
        return True
    if before.act_by is None or after.act_by is None:
        return before.act_by != after.act_by
    return abs((after.act_by - before.act_by).total_seconds()) >= 1


def _new_events(call: Call, view: Progress) -> list[EventView]:
    """Return the history rows that follow on ours without a gap."""
    through, new = call.events_through, []
    for event in sorted(view.events, key=lambda event: event.seq):
        if event.seq == through + 1:
            new.append(event)
            through = event.seq
    return new


def _heard(desk: Desk, call: Call, now: datetime, view: Progress) -> Call:
    """Return the call with what dispatch says of the incident, its status untouched."""
    assignment = view.assignment.model_dump(mode="json") if view.assignment else None
    left = max(-_FARTHEST, min(view.act_by - view.at, _FARTHEST)) if view.act_by else None
    act_by = call.act_by if left is None else now + left + desk.dispatch_grace
    return replace(
        call,
        progress_version=view.version,
        events_through=call.events_through + len(_new_events(call, view)),
        assignment=assignment,
        incident_ended=view.status == "ended",
        act_by=None if call.is_final else act_by,
    )


def _moved(desk: Desk, call: Call, now: datetime, view: Progress, recommended: str | None) -> Call:
    """Return the call with the status that dispatch's view gives it."""
    if call.is_final:
        return call
    move = status_from_progress(
        view.status,
        view.assignment.status if view.assignment else None,
        outcome=view.outcome,
        return_reason=view.return_reason,
        in_review=call.review_by is not None,
    )
    if not is_legal(call.status, move.status, Source.PROGRESS):
        log.warning("progress.illegal_move", call=str(call.id), before=str(call.status), after=str(move.status))
        return call
    if move.status in FINAL:
        call = replace(call, outcome=view.outcome if move.status is CallStatus.CLOSED else None)
        return ended(
            desk, call, now, move.status, reason=move.return_reason, recommended=needed(view.needs) or recommended
        )
    return opened(desk, call, now, _keep_review(call, move))


def _keep_review(call: Call, move: Move) -> Move:
    return move._replace(review_open=call.review_by is not None)


def _filing(desk: Desk, before: Call, after: Call, now: datetime, view: Progress) -> Filing:
    moved = before.status != after.status
    events = (moved_event(before, after, "moved", "dispatch", outcome=after.outcome),) if moved else ()
    return Filing(
        now,
        "returned" if after.return_reason and moved else "progress",
        events,
        progress_events=tuple(_event_row(event) for event in _new_events(before, view)),
        notices=tuple(_notice_row(desk, now, notice) for notice in view.notices),
        wish=_wish(before, after),
    )


def _wish(before: Call, after: Call) -> WishRow | None:
    """Return the withdrawal of a call that dispatch itself has given back: should it forget, it must not offer it again."""
    if before.is_final or after.status is not CallStatus.RETURNED or not after.was_queued:
        return None
    return withdrawal(after.return_reason or "system_fault")


def _event_row(event: EventView) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "actor": event.actor,
        "action": event.action,
        "from_status": event.from_,
        "to_status": event.to,
        "reason": event.reason,
    }


def _notice_row(desk: Desk, now: datetime, notice: Any) -> dict[str, Any]:
    return {
        "id": str(notice.id),
        "origin": "dispatch",
        "kind": notice.kind,
        "text": notice.text,
        "position": notice.position.model_dump(mode="json") if notice.position else None,
        "at": notice.at.isoformat(),
        "acknowledge_by": (now + desk.settings.acknowledge_within).isoformat(),
    }
