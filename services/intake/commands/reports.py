"""Reporting a call: the first report opens it, a second one of the same event is an update of it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from services.intake.commands.deciding import Room, decide_call, enter
from services.intake.commands.desk import Desk
from services.intake.commands.evidence import statement_of
from services.intake.commands.moves import Overtaken, decided_call, head_start, numbered
from services.intake.commands.statements import (
    Said,
    decide_linked,
    row_of,
    statement_row,
    take_in,
    with_case,
    with_statement,
)
from services.intake.commands.wishes import wish_after_decision
from services.intake.domain.call import CallStatus
from services.intake.domain.triage.model import Verdict
from services.intake.metrics import count_move
from services.intake.queries.calls import CallView, view_call
from services.intake.store.calls import Call, Event, Filing, open_call
from services.intake.store.cases import CaseRow
from shared.auth import Caller
from shared.db import Unit
from shared.errors import Invalid, NotAllowed
from shared.ids import uuid7

AHEAD: Final = timedelta(minutes=5)
LATE: Final = timedelta(hours=1)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What a CAD reports; `said` holds the body."""

    cad_system: str
    cad_event_id: str
    attempt: int
    received_at: datetime
    said: Said


async def report(unit: Unit, desk: Desk, caller: Caller, new: Report) -> tuple[CallView, bool]:
    """Return the call as it is now, and True if this report opened it. Raises NotAllowed for another CAD's name.

    Copies that arrive together open one call: the losers wait for the winner and answer with its call.
    """
    if not caller.speaks_for(new.cad_system):
        raise NotAllowed("This token may not report for that cad_system.")
    events = [new.cad_event_id, *new.said.linked_to]
    for _ in range(_TRIES):
        room = await enter(
            unit.conn, desk, cad_system=new.cad_system, events=events, location=new.said.body.get("location"),
            links=bool(new.said.linked_to) or new.attempt > 1,
        )  # fmt: skip
        check_received(new.received_at, room.now)
        twin = room.twin(new.cad_event_id, new.attempt)
        if twin is not None:
            await take_in(unit, desk, room, twin, new.said, action="reported_again")
            return await view_call(unit.conn, twin.id), False
        _check_attempt(room, new)
        opened = await _open(unit, desk, caller, room, new)
        if opened is not None:
            return opened, True
    raise Overtaken("This event is being reported by others at this very moment; report it again.")


def check_received(received_at: datetime, now: datetime) -> None:
    """Raise Invalid for a time that no call can have been received at."""
    if received_at > now + AHEAD:
        raise Invalid("received_at is more than 5 minutes ahead of our clock.", pointer="/received_at")
    if received_at < EARLIEST:
        raise Invalid("received_at is before the year 2000.", pointer="/received_at")


def _check_attempt(room: Room, new: Report) -> None:
    """Raise Invalid unless the attempt before is known and over: two attempts at once would be two teams."""
    if new.attempt == 1:
        return
    earlier = room.twin(new.cad_event_id, new.attempt - 1)
    if earlier is None:
        raise Invalid(f"Attempt {new.attempt - 1} of this event was never reported.", pointer="/attempt")
    if not earlier.is_final:
        raise Invalid(f"Attempt {new.attempt - 1} of this event is still under way.", pointer="/attempt")


def draft_call(desk: Desk, reporter: str, now: datetime, new: Report) -> Call:
    """Return the call that a report opens, before anything is decided about it."""
    blank = Call(
        id=uuid7(), jurisdiction=desk.jurisdiction, cad_system=new.cad_system, cad_event_id=new.cad_event_id,
        attempt=new.attempt, received_at=new.received_at, reported_at=now, late=new.received_at < now - LATE,
        reported_by=reporter, status=CallStatus.IN_REVIEW, version=0, history_count=0, statement_count=0,
        location=None, caller=None, neighborhood=None, neighborhood_name=None, located=None, decision_id=uuid7(),
        verdict=Verdict.REVIEW.value, ever_unsafe=False, was_queued=False, queued_at=None, review_by=None,
        police_staged=False, police_observed_at=None, cancel_asked=False, return_reason=None,
        recommended_response=None, outcome=None, final_at=None, acknowledge_by=None, acknowledged_at=None,
        acknowledged_by=None, assignment=None, progress_version=0, events_through=0, incident_ended=False, act_by=None,
    )  # fmt: skip
    return with_statement(blank, new.said)


async def _open(unit: Unit, desk: Desk, caller: Caller, room: Room, new: Report) -> CallView | None:
    row = row_of(new.said, 1)
    case = CaseRow((row,), (), {}, 0)
    draft = draft_call(desk, caller.actor, room.now, new)
    decided = await decide_call(unit.conn, desk, room, draft, case)
    after = decided_call(
        desk, draft, decided, draft.decision_id, is_new=True, reviewer_seen_at=room.setting.reviewer_seen_at
    )
    if after.is_final:  # told in the very answer to its report
        after = _known_to_the_reporter(after, room.now, caller)
    reason = str(after.return_reason) if after.return_reason else None
    detail = {"decision_id": str(after.decision_id), "verdict": after.verdict}
    events = (
        Event("reported", caller.actor, detail={"late": True} if after.late else None),
        Event("decided", "protocol", None, str(after.status), reason, detail),
    )
    after = numbered(None, after, events)
    linked = [
        statement_of(said, linked_event=other.cad_event_id)
        for other in room.calls.values()
        for said in room.cases[other.id].statements
    ]
    filing = Filing(
        room.now, "reported", events,
        statements=(statement_row(row, new.said),),
        decisions=(decided.row(after.decision_id, 1),),
        links=new.said.linked_to,
        wish=wish_after_decision(after, decided, [statement_of(row), *linked]),
    )  # fmt: skip
    if not await open_call(unit.conn, after, filing, head_start=head_start(desk)):
        return None
    desk.tell(unit, None, after, wish=filing.wish is not None)
    unit.then(lambda: count_move(None, after))
    await decide_linked(unit, desk, with_case(room, after, case), after)
    return CallView(after, decided.wire, (), room.now)


def _known_to_the_reporter(call: Call, now: datetime, caller: Caller) -> Call:
    return replace(call, acknowledge_by=None, acknowledged_at=now, acknowledged_by=caller.actor)
