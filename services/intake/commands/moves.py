"""What becomes of a call: the row that follows from a decision, from dispatch's news or from a deadline.

Pure but for its arguments: each function returns the next value of a call, and `filed` writes it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.intake.commands.deciding import Decided
from services.intake.commands.desk import Desk
from services.intake.domain.call import (
    FINAL,
    UNDER_WAY,
    CallStatus,
    Move,
    ReturnReason,
    Source,
    after_decision,
    is_legal,
)
from services.intake.domain.triage.model import Verdict
from services.intake.metrics import count_move
from services.intake.store.calls import HEAD_START, Call, Event, Filing, file_call
from shared.db import Unit
from shared.errors import Refusal

_NEEDED: Final[Mapping[str, str]] = {"police": "police", "ems": "ems_fire", "fire": "ems_fire"}


class Overtaken(Refusal):
    """Somebody moved the call first, several times in a row; nothing was done. Ask again."""

    title = "The call has just changed"


def ended(
    desk: Desk, call: Call, now: datetime, status: CallStatus, *, reason: ReturnReason | None = None,
    recommended: str | None = None,
) -> Call:  # fmt: skip
    """Return `call` as final: no deadline of ours any more, and a return waits for the CAD to say that it has it."""
    returned = status is CallStatus.RETURNED
    return replace(
        call,
        status=status,
        final_at=now,
        review_by=None,
        act_by=None,
        return_reason=reason,
        recommended_response=(recommended or call.recommended_response or "police") if returned else None,
        acknowledge_by=now + desk.settings.acknowledge_within if returned else None,
    )


def needed(needs: str | None) -> str | None:
    """Return what to send when a crew has asked for police, EMS or fire."""
    return _NEEDED.get(needs or "")


def reviewer_is_there(desk: Desk, now: datetime, seen_at: datetime | None) -> bool:
    """Say whether a reviewer has read the queue lately."""
    return seen_at is not None and now - seen_at <= desk.settings.reviewer_silent_after


def decided_call(
    desk: Desk, call: Call, decided: Decided, decision_id: UUID, *, is_new: bool, reviewer_seen_at: datetime | None
) -> Call:
    """Return what a decision makes of a call. A final call keeps its status: what is final stays final."""
    now = decided.at
    move = after_decision(decided.decision, None if is_new else call.status, was_queued=call.was_queued)
    if move.status is CallStatus.IN_REVIEW and not reviewer_is_there(desk, now, reviewer_seen_at):
        move = Move(CallStatus.RETURNED, ReturnReason.NO_REVIEWER)
    if move.status is CallStatus.QUEUED and not decided.rules.disciplines_for(decided.decision.discipline):
        move = Move(
            CallStatus.RETURNED, ReturnReason.SYSTEM_FAULT
        )  # triage lets none through; dispatch could find nobody
    if not is_legal(None if is_new else call.status, move.status, Source.DECISION):
        raise AssertionError(f"a decision may not move a call from {call.status} to {move.status}")
    recommended = decided.decision.recommended_response
    after = replace(
        call,
        decision_id=decision_id,
        verdict=decided.decision.verdict.value,
        ever_unsafe=call.ever_unsafe or decided.decision.verdict is Verdict.UNSAFE,
        neighborhood=decided.where.slug,
        neighborhood_name=decided.where.name,
        located=decided.placed.kept,
        recommended_response=recommended.value
        if recommended and call.status not in FINAL
        else call.recommended_response,
    )
    if call.status in FINAL and not is_new:
        return after
    if move.status in FINAL:
        return ended(
            desk,
            after,
            now,
            move.status,
            reason=move.return_reason,
            recommended=recommended.value if recommended else None,
        )
    return opened(desk, replace(after, recommended_response=recommended.value if recommended else None), now, move)


def opened(desk: Desk, call: Call, now: datetime, move: Move) -> Call:
    """Return `call` moved to a live status, with the deadlines that this brings."""
    first_queued = move.status is CallStatus.QUEUED and not call.was_queued
    return replace(
        call,
        status=move.status,
        review_by=(call.review_by or now + desk.settings.review_within) if move.review_open else None,
        was_queued=call.was_queued or first_queued,
        queued_at=now if first_queued else call.queued_at,
        act_by=now + desk.dispatch_grace if first_queued else call.act_by,
    )


def numbered(before: Call | None, after: Call, events: tuple[Event, ...]) -> Call:
    """Return `after` with its version and history counted on from `before`."""
    version, history = (before.version, before.history_count) if before else (0, 0)
    return replace(after, version=version + max(1, len(events)), history_count=history + len(events))


async def filed(unit: Unit, desk: Desk, before: Call, after: Call, filing: Filing) -> Call | None:
    """Write a change of a call with all that goes with it, and tell whoever waits; None: someone moved it first."""
    after = numbered(before, after, filing.events)
    if not await file_call(unit.conn, before, after, filing, head_start=head_start(desk)):
        return None
    desk.tell(unit, before, after, wish=filing.wish is not None)
    unit.then(lambda: count_move(before, after))
    return after


def head_start(desk: Desk) -> timedelta:
    """Return how long the process that commits a wish has to send it before the sweep does."""
    return desk.at_least(HEAD_START, wall_s=0.1)


def moved_event(before: Call, after: Call, action: str, actor: str, **detail: Any) -> Event:
    """Return the history row of a change of status."""
    reason = str(after.return_reason) if after.return_reason else None
    return Event(action, actor, str(before.status), str(after.status), reason, detail or None)


def hand_back_by(desk: Desk, call: Call, now: datetime) -> datetime | None:
    """Return until when a CAD that hears nothing newer may rely on us; None once the call is final."""
    if call.status in FINAL:
        return None
    plain = now + desk.settings.hand_back_within
    if call.status in UNDER_WAY and call.act_by is not None:
        return max(plain, call.act_by + timedelta(minutes=1))
    return plain
