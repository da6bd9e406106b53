"""Taking in what is said about a call: keep it, decide again, and decide again about every call that is linked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.intake.commands.deciding import Decided, Room, decide_call
from services.intake.commands.desk import Desk
from services.intake.commands.evidence import digest, statement_of
from services.intake.commands.moves import decided_call, filed, moved_event
from services.intake.commands.wishes import wish_after_decision
from services.intake.domain.triage.model import Statement
from services.intake.store.calls import Call, Event, Filing, What
from services.intake.store.cases import CaseRow, StatementRow
from services.intake.wire import says_the_same
from shared.db import Unit
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Said:
    """One body as it is kept: known fields and unknown ones, text cut to the limit; `extra_text` is the unknown as text."""

    kind: str
    body: Mapping[str, Any]
    by: str
    extra_text: str = ""
    truncated: bool = False
    linked_to: tuple[str, ...] = ()
    police: tuple[bool, datetime] | None = None
    """Police are staged, or were called away, as somebody observed at that time."""
    whole: Mapping[str, str] = field(default_factory=dict)
    """Each text that was cut as it was received, by its field: not kept, but what is added to a long text is news."""
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        said = {**self.body, "_whole": self.whole} if self.whole else self.body
        object.__setattr__(self, "digest", digest(said))


def row_of(said: Said, seq: int) -> StatementRow:
    """Return the statement as row `seq` of its call; the first is `report`, later ones count on from 1."""
    source = "report" if seq == 1 else f"{said.kind}:{seq - 1}"
    return StatementRow(seq, source, said.body, said.extra_text, said.truncated, said.digest.hex())


def statement_row(row: StatementRow, said: Said) -> dict[str, Any]:
    """Return what the database keeps of it."""
    return {**row._asdict(), "said_by": said.by}


def said_before(call: Call, case: CaseRow, said: Said) -> bool:
    """Say whether exactly this was said about the call already, and is not a correction back to it.

    The newest place and caller replace the older ones, so what gives back another than the call has now is a correction; an older
    body that only comes late cannot be told from one. A body that carries its own time can: the same again, as a report is with its
    `received_at` or an update with `observed_at`, is of the same moment, and what was said of a later one stays.
    """
    if all(row.digest != said.digest.hex() for row in case.statements):
        return False
    if said.body.keys() & {"received_at", "observed_at"}:
        return True
    again = with_statement(call, said)
    return (again.location, again.caller) == (call.location, call.caller)


def with_statement(call: Call, said: Said) -> Call:
    """Return `call` with what the statement replaces: the newest place, the caller, what was seen of the police."""
    call = replace(call, statement_count=call.statement_count + 1)
    if said.body.get("location"):
        call = replace(call, location=said.body["location"])
    if said.body.get("caller"):
        call = replace(call, caller={**(call.caller or {}), **said.body["caller"]})
    if said.police is None:
        return call
    staged, observed_at = said.police
    newest = call.police_observed_at
    if newest is None or observed_at > newest:
        return replace(call, police_staged=staged, police_observed_at=observed_at)
    if observed_at == newest:
        return replace(call, police_staged=call.police_staged and staged)
    return call


async def take_in(unit: Unit, desk: Desk, room: Room, call: Call, said: Said, *, action: str = "updated") -> Call:
    """Keep what was said about a call in the room and decide again, also about the calls linked to it.

    The same body again changes nothing, unless it is a correction. What is said of a final call is kept, moves nothing, and still
    warns the linked ones.
    """
    case = room.cases[call.id]
    if said_before(call, case, said):
        return call
    row = row_of(said, call.statement_count + 1)
    draft = with_statement(call, said)
    case = case._replace(statements=(*case.statements, row))
    heard = Event(action, said.by, detail={"statement": row.seq, "source": row.source})
    if call.is_final:
        filing = Filing(room.now, "updated", (heard,), statements=(statement_row(row, said),), links=said.linked_to)
        after = await filed(unit, desk, call, draft, filing)
    else:
        decided = await decide_call(unit.conn, desk, room, draft, case)
        after = await file_decision(
            unit, desk, room, call, draft, case, decided, what="updated",
            heard=(heard,), statements=(statement_row(row, said),), links=said.linked_to,
        )  # fmt: skip
    assert after is not None, "the call is locked"
    await decide_linked(unit, desk, with_case(room, after, case), after)
    return after


def with_case(room: Room, call: Call, case: CaseRow) -> Room:
    """Return the room with one call and what was said of it as they are now."""
    return replace(room, calls={**room.calls, call.id: call}, cases={**room.cases, call.id: case})


async def file_decision(  # noqa: PLR0913 - the parts of one filing
    unit: Unit, desk: Desk, room: Room, before: Call, draft: Call, case: CaseRow, decided: Decided, *, what: What,
    heard: tuple[Event, ...] = (), **rows: Any,
) -> Call | None:  # fmt: skip
    """Write a new decision about a call that is known, with all that follows from it."""
    decision_id = uuid7()
    after = decided_call(
        desk, draft, decided, decision_id, is_new=False, reviewer_seen_at=room.setting.reviewer_seen_at
    )
    event = moved_event(
        before, after, "decided", decided.decision.decided_by,
        decision_id=str(decision_id), verdict=decided.decision.verdict.value,
    )  # fmt: skip
    filing = Filing(
        room.now,
        "returned" if after.return_reason and not before.is_final else what,
        (*heard, event),
        decisions=(decided.row(decision_id, case.decision_count + 1),),
        wish=wish_after_decision(after, decided, all_statements(room, before, case)),
        **rows,
    )
    return await filed(unit, desk, before, after, filing)


def all_statements(room: Room, call: Call, case: CaseRow) -> list[Statement]:
    """Return everything said about a call and about those linked to it, as triage reads it."""
    others = [
        statement_of(row, linked_event=other.cad_event_id)
        for other in room.calls.values()
        if other.id != call.id
        for row in room.cases[other.id].statements
    ]
    return [*map(statement_of, case.statements), *others]


async def decide_linked(unit: Unit, desk: Desk, room: Room, source: Call) -> None:
    """Decide again about every call of the room but `source`; what would say the same again is not written."""
    for call_id in sorted(room.calls):
        call, case = room.calls[call_id], room.cases[call_id]
        if call_id == source.id or call.is_final:
            continue
        decided = await decide_call(unit.conn, desk, room, call, case)
        if says_the_same(decided.wire, case.decision):
            continue
        heard = Event("linked_call_changed", source.cad_event_id, detail={"call_id": str(source.id)})
        after = await file_decision(unit, desk, room, call, call, case, decided, what="updated", heard=(heard,))
        assert after is not None, "the call is locked"
