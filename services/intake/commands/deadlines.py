"""What happens when a deadline has passed: no deadline ends at an alert, and every one ends with a holder."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from services.intake.commands.alarms import LATE_WITHDRAWAL, NOT_READ, NOT_TAKEN, alarm, alarm_again
from services.intake.commands.desk import Desk
from services.intake.commands.moves import ended, filed, moved_event, reviewer_is_there
from services.intake.commands.progress import progress
from services.intake.commands.wishes import withdrawal
from services.intake.domain.call import CallStatus, ReturnReason, after_deadline
from services.intake.peers import Dispatch, DispatchRefused, IncidentUnknown, PeerSilentError
from services.intake.store import due, wishes
from services.intake.store.calls import Call, Filing, lock_calls
from services.intake.store.progress import Known, read_for_progress
from services.intake.tables import clock_watch
from shared.alerts import Alarm, Severity
from shared.clock import stepped_back
from shared.db import Database, Unit
from shared.ids import uuid7

log = structlog.get_logger(__name__)
ASK_S: Final = 2.0
_CLAIM: Final = timedelta(seconds=2.5)
"""A replica that has claimed a deadline asks and answers within this; after it another one does."""
_ASKED_AT_ONCE: Final = 48
_TOLD_AT_ONCE: Final = 4
"""Each holds a connection throughout, and requests need some too."""
_TRIES: Final = 3
STOPPED_SHORT: Final = (
    "Dispatch has not confirmed that the team was called off: a team may be at the scene or on its way. "
    "Send police there."
)


async def give_back(
    unit: Unit, desk: Desk, call_id: UUID, why: Callable[[Known], ReturnReason | None], *, event: str
) -> bool:
    """Return a call for the reason that `why` finds in its newest state, unless there is none; True if it was returned."""
    for _ in range(_TRIES):
        known = await read_for_progress(unit.conn, desk.jurisdiction, call_id)
        if known is None or known.call.is_final or (reason := why(known)) is None:
            return False
        call, now, recommended = known
        after = ended(desk, call, now, CallStatus.RETURNED, reason=reason, recommended=recommended)
        filing = Filing(
            now, "returned", (moved_event(call, after, event, "deadline"),),
            wish=withdrawal(reason) if call.was_queued else None,
        )  # fmt: skip
        if await filed(unit, desk, call, after, filing) is not None:
            return True
    return False


async def end_overdue_reviews(db: Database, desk: Desk) -> None:
    """Return every call that its reviewer has not decided in time, and every one in review while no reviewer is there."""
    async with db.autocommit() as unit:
        presence = await due.read_presence(unit.conn)
        ids = await due.overdue_reviews(unit.conn, desk.jurisdiction, desk.settings.reviewer_silent_after)
        there = reviewer_is_there(desk, presence.now, presence.seen_at)

        def why(known: Known) -> ReturnReason | None:
            call, now, _ = known
            waits_in_vain = call.status is CallStatus.IN_REVIEW and not there
            if call.review_by is None or (call.review_by > now and not waits_in_vain):
                return None
            return after_deadline(call.status, review_open=True, reviewer_present=there)

        for call_id in ids:
            await give_back(unit, desk, call_id, why, event="review_deadline_passed")


async def answer_for_calls(db: Database, desk: Desk, dispatch: Dispatch) -> None:
    """Ask dispatch once about every call whose own deadline has passed; give back those that it does not account for."""
    async with db.autocommit() as unit:
        ids = await due.claim_own_deadlines(unit.conn, desk.jurisdiction, desk.at_least(_CLAIM, wall_s=0.25))
    await _each(ids, lambda call_id: _answer_for(db, desk, dispatch, call_id), at_once=_ASKED_AT_ONCE)


async def _each(ids: Sequence[UUID], work: Callable[[UUID], Awaitable[None]], *, at_once: int) -> None:
    """Do `work` for each call. Raises the first failure when all are done: the next pass has those that failed."""
    gate = asyncio.Semaphore(at_once)

    async def one(call_id: UUID) -> None:
        async with gate:
            await work(call_id)

    results = await asyncio.gather(*map(one, ids), return_exceptions=True)
    for failed in (result for result in results if isinstance(result, BaseException)):
        raise failed


async def _answer_for(db: Database, desk: Desk, dispatch: Dispatch, call_id: UUID) -> None:
    await _ask(db, desk, dispatch, call_id)
    async with db.autocommit() as unit:
        await give_back(unit, desk, call_id, _still_passed, event="own_deadline_passed")


def _still_passed(known: Known) -> ReturnReason | None:
    call, now, _ = known
    passed = call.act_by is not None and call.act_by <= now
    return after_deadline(call.status, review_open=False) if passed else None


async def _ask(db: Database, desk: Desk, dispatch: Dispatch, call_id: UUID) -> None:
    """Apply what dispatch says of a call now; nothing, if it says nothing within 2 s or has no such incident."""
    try:
        view = await dispatch.get_incident(call_id, timeout_s=ASK_S)
    except (PeerSilentError, DispatchRefused, IncidentUnknown) as error:
        log.warning("deadline.dispatch_does_not_account", call=str(call_id), error=type(error).__name__)
        return
    async with db.autocommit() as unit:
        await progress(unit, desk, call_id, view)


async def give_back_unaccepted(db: Database, desk: Desk) -> int:
    """Return every call that no team has accepted, because dispatch is silent; return how many."""
    waiting = (CallStatus.IN_REVIEW, CallStatus.QUEUED, CallStatus.OFFERED)

    def why(known: Known) -> ReturnReason | None:
        return ReturnReason.SYSTEM_FAULT if known.call.status in waiting else None

    async with db.autocommit() as unit:
        ids = await due.unaccepted_calls(unit.conn, desk.jurisdiction)
        return sum([await give_back(unit, desk, call_id, why, event="dispatch_silent") for call_id in ids])


async def alert_untaken_returns(db: Database, desk: Desk) -> None:
    """Alert, again and again, for every returned call that nobody at the call center has taken."""
    within = desk.settings.acknowledge_within

    async def claim(unit: Unit) -> list[Alarm]:
        ids = await due.claim_unacknowledged_returns(unit.conn, desk.jurisdiction, within)
        return [
            Alarm(NOT_TAKEN, call_id, Severity.CALL, "A returned call has not been taken by the call center. Phone it.",
                  "This alert comes again.", within)
            for call_id in ids
        ]  # fmt: skip

    await _alert_all(db, desk, claim)


async def alert_unread_notices(db: Database, desk: Desk) -> None:
    """Alert, again and again, for every notice that nobody at the call center has acknowledged."""
    within = desk.settings.acknowledge_within

    async def claim(unit: Unit) -> list[Alarm]:
        unread = await due.claim_unacknowledged_notices(unit.conn, desk.jurisdiction, within)
        return [
            Alarm(NOT_READ, notice.call_id, Severity.LIFE,
                  f"The call center has not acknowledged a notice ({notice.kind}) of this call. Phone it.",
                  "This alert comes again.", within)
            for notice in unread
        ]  # fmt: skip

    await _alert_all(db, desk, claim)


async def _alert_all(db: Database, desk: Desk, claim: Callable[[Unit], Awaitable[list[Alarm]]]) -> None:
    async with db.transaction() as unit:
        alarms = await claim(unit)
        for what in alarms:
            await alarm_again(unit.conn, what)
        if alarms:
            desk.tell_alerts(unit)


async def close_alerts(db: Database, desk: Desk) -> None:
    """Close the alerts about calls that are over: their cause is gone with the call."""
    async with db.autocommit() as unit:
        if await due.close_alerts_of_ended_calls(unit.conn):
            desk.tell_alerts(unit)


async def warn_of_late_withdrawals(db: Database, desk: Desk) -> None:
    """Alert, and tell the CAD to send police, for every withdrawal that dispatch has not confirmed in time."""
    within = desk.at_least(desk.settings.withdrawal_within, wall_s=1)
    async with db.autocommit() as unit:
        late = await wishes.late_withdrawals(unit.conn, desk.jurisdiction, within)

    async def tell(call_id: UUID) -> None:
        async with db.transaction() as unit:
            calls = await lock_calls(unit.conn, [call_id])  # before its wish, as decisions do
            reason = await wishes.claim_late_withdrawal(unit.conn, call_id, within)
            if reason is not None:
                await _warn(unit, desk, calls[call_id], reason)

    await _each(late, tell, at_once=_TOLD_AT_ONCE)


async def _warn(unit: Unit, desk: Desk, call: Call, reason: str) -> None:
    known = await read_for_progress(unit.conn, desk.jurisdiction, call.id)
    if known is None or known.call.incident_ended:
        return  # dispatch itself has ended the incident, so nobody is sent
    await alarm(
        unit.conn,
        Alarm(LATE_WITHDRAWAL, call.id, Severity.LIFE,
              "Dispatch has not confirmed a withdrawal: a team may be on its way, or there. Phone the team and dispatch.",
              "The CAD has been told to send police." if reason != "cancelled" else None),
    )  # fmt: skip
    desk.tell_alerts(unit)
    if reason == "cancelled":
        return  # called off, not dangerous
    filing = Filing(known.now, "notice", notices=(notice_row(desk, known.now, "send_police", STOPPED_SHORT),))
    assert await filed(unit, desk, call, call, filing) is not None, "the call is locked"


def notice_row(desk: Desk, now: datetime, kind: str, words: str) -> dict[str, object]:
    """Return the row of a notice that intake itself gives."""
    return {
        "id": str(uuid7()),
        "origin": "intake",
        "kind": kind,
        "text": words,
        "position": None,
        "at": now.isoformat(),
        "acknowledge_by": (now + desk.settings.acknowledge_within).isoformat(),
    }


async def watch_clock(db: Database, desk: Desk) -> None:
    """Move every live deadline back by as much as the clock went back, and alert a supervisor."""
    async with db.transaction() as unit:
        back = await stepped_back(unit.conn, clock_watch)
        if not back:
            return
        await due.move_deadlines_back(unit.conn, back)
        await alarm_again(
            unit.conn,
            Alarm("clock_stepped_back", "intake", Severity.SERVICE,
                  f"The database's clock went back by {back.total_seconds():.0f} s; live deadlines were moved with it."),
        )  # fmt: skip
        desk.tell_alerts(unit)
