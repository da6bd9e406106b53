"""A reviewer's word about a call: toward police always, toward civilians only when nothing disqualifies the call."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.intake.commands.deciding import Decided, Room, by_person, decide_call, enter
from services.intake.commands.desk import Desk
from services.intake.commands.evidence import digest
from services.intake.commands.moves import decided_call, ended, filed, moved_event
from services.intake.commands.statements import (
    Said,
    all_statements,
    decide_linked,
    file_decision,
    row_of,
    said_before,
    statement_row,
    with_case,
    with_statement,
)
from services.intake.commands.wishes import wish_after_decision, withdrawal
from services.intake.domain.call import CallStatus, after_refusal
from services.intake.domain.triage.decide import clearance_of, disqualifiers
from services.intake.domain.triage.model import Decision, Disposition, Effect, Reason, RecommendedResponse, Verdict
from services.intake.queries.calls import CallView, view_call
from services.intake.settings import CODE_VERSION
from services.intake.store.calls import Call, Event, Filing
from services.intake.store.cases import CaseRow, ClearanceRow, Found
from services.intake.wire import decision_from_wire, decision_to_wire
from shared.db import Unit
from shared.errors import Invalid, Refusal, VersionStale
from shared.ids import uuid7


class NothingToReview(Refusal):
    """The call is final, or no reviewer has it: there is nothing to clear."""

    title = "Nothing to review"


class Disqualified(Refusal):
    """A disqualifying fact stands; no reviewer can send civilians. `rules` names what stands."""

    title = "A disqualifying fact stands"


@dataclass(frozen=True, slots=True)
class Word:
    """What a reviewer says."""

    decision: str
    """`send_civilian` or `return`."""
    reason: str
    by: str
    version: int | None = None
    answers: Mapping[str, Any] | None = None

    def said(self) -> Said | None:
        """Return the answers that the reviewer adds, as a statement."""
        return Said("review", {"answers": dict(self.answers)}, self.by) if self.answers else None


@dataclass(frozen=True, slots=True)
class Hearing:
    """A call as it is and as it is with what the reviewer adds, and what is to be written of that."""

    before: Call
    draft: Call
    case: CaseRow
    rows: tuple[dict[str, Any], ...] = ()
    heard: tuple[Event, ...] = ()


async def review(unit: Unit, desk: Desk, found: Found, word: Word) -> CallView:
    """Apply a reviewer's word and return the call as it is then. Both decisions are kept: triage's and the reviewer's.

    Raises VersionStale, NothingToReview and Disqualified; then nothing has changed. Answers that make the call unsafe are
    taken in all the same: it goes back, whatever the reviewer wanted.
    """
    room = await enter(
        unit.conn, desk, cad_system=found.cad_system, events=[found.cad_event_id], location=None, links=False
    )
    call = room.calls[found.id]
    if call.is_final:
        raise NothingToReview("The call is final.", status=str(call.status))
    act = _send_back if word.decision == "return" else _send_civilian
    after, case = await act(unit, desk, room, _hear(room, call, word), word)
    await decide_linked(unit, desk, with_case(room, after, case), after)
    return await view_call(unit.conn, found.id)


def _hear(room: Room, call: Call, word: Word) -> Hearing:
    """Return the call with the answers that the reviewer adds, if these are new."""
    case, said = room.cases[call.id], word.said()
    if said is None or said_before(call, case, said):
        return Hearing(call, call, case)
    row = row_of(said, call.statement_count + 1)
    return Hearing(
        call,
        with_statement(call, said),
        case._replace(statements=(*case.statements, row)),
        (statement_row(row, said),),
        (Event("answered", word.by, detail={"statement": row.seq, "source": row.source}),),
    )


async def _send_back(unit: Unit, desk: Desk, room: Room, hearing: Hearing, word: Word) -> tuple[Call, CaseRow]:
    before, case = hearing.before, hearing.case
    triage = decision_from_wire(case.decision)
    decision = _refusal(triage, word.by)
    reason, recommended = after_refusal(triage), decision.recommended_response
    decision_id = uuid7()
    after = ended(
        desk, hearing.draft, room.now, CallStatus.RETURNED, reason=reason,
        recommended=recommended.value if recommended else None,
    )  # fmt: skip
    after = replace(after, decision_id=decision_id, verdict=decision.verdict.value)
    filing = Filing(
        room.now, "reviewed",
        (*hearing.heard, moved_event(before, after, "reviewed", word.by, decision="return", decision_id=str(decision_id))),
        statements=hearing.rows,
        decisions=(_refusal_row(decision, decision_id, before, case, room),),
        reviews=(_review_row(before.decision_id, case, word, None),),
        wish=withdrawal(reason) if after.was_queued else None,
    )  # fmt: skip
    return _written(await filed(unit, desk, before, after, filing)), case


def _refusal(triage: Decision, by: str) -> Decision:
    """Return triage's decision as a reviewer has turned it: toward what it recommended, or police."""
    words = "A reviewer sent the call back to the call center."
    reason = Reason("reviewer_returned", "review_refused", Effect.REVIEW, "review", None, None, None, words)
    recommended = triage.recommended_response or RecommendedResponse.POLICE
    return replace(
        triage,
        verdict=Verdict.REVIEW if triage.verdict is Verdict.SAFE else triage.verdict,
        disposition=Disposition(recommended.value),
        recommended_response=recommended,
        reasons=(reason, *triage.reasons),
        decided_by=by,
    )


def _refusal_row(decision: Decision, decision_id: UUID, before: Call, case: CaseRow, room: Room) -> dict[str, Any]:
    evidence = {"reviewed_decision": str(before.decision_id)}
    return {
        "id": str(decision_id),
        "seq": case.decision_count + 1,
        "decision": decision_to_wire(decision, decided_at=room.now),
        "verdict": decision.verdict.value,
        "evidence": evidence,
        "evidence_digest": digest(evidence).hex(),
        "protocol_version": decision.protocol_version,
        "plan_version": decision.plan_version,
        "code_version": CODE_VERSION,
        "decided_by": decision.decided_by,
    }


async def _send_civilian(unit: Unit, desk: Desk, room: Room, hearing: Hearing, word: Word) -> tuple[Call, CaseRow]:
    before, draft, case = hearing.before, hearing.draft, hearing.case
    if word.version is None:
        raise Invalid("Sending civilians needs the version that you have seen.", pointer="/version")
    if word.version != before.version:
        raise VersionStale("The call has changed since you read it.", current_version=before.version)
    triage = await decide_call(unit.conn, desk, room, draft, case)
    standing = disqualifiers(triage.decision)
    if standing and hearing.rows:  # what the reviewer has learned is danger: it counts, and the call goes back
        after = await file_decision(
            unit, desk, room, before, draft, case, triage, what="reviewed", heard=hearing.heard, statements=hearing.rows
        )
        return _written(after), case
    if standing:
        raise Disqualified(
            "A disqualifying fact stands; only the call center can send somebody.",
            rules=sorted({reason.rule for reason in standing}),
        )
    if before.review_by is None:
        raise NothingToReview("No reviewer has this call.", status=str(before.status))
    cleared = sorted(clearance_of(triage.decision, word.by).cleared, key=str)
    case = case._replace(clearances=(*case.clearances, ClearanceRow(word.by, cleared)))
    settled = by_person(await decide_call(unit.conn, desk, room, draft, case), word.by)
    if settled.decision.verdict is not Verdict.SAFE:
        raise Disqualified(
            "Something stands that a reviewer cannot clear.",
            rules=sorted({r.rule for r in settled.decision.reasons if r.effect is not Effect.NOTE}),
        )
    return await _clear(unit, desk, room, replace(hearing, case=case), (triage, settled), word), case


async def _clear(
    unit: Unit, desk: Desk, room: Room, hearing: Hearing, both: tuple[Decided, Decided], word: Word
) -> Call:
    """Write a clearance: triage's decision too, if the reviewer's answers have made it a new one."""
    triage, settled = both
    before, case, added = hearing.before, hearing.case, bool(hearing.rows)
    triage_id, decision_id = uuid7() if added else before.decision_id, uuid7()
    seq = case.decision_count + 1 + added
    after = decided_call(desk, hearing.draft, settled, decision_id, is_new=False, reviewer_seen_at=room.now)
    move = moved_event(before, after, "reviewed", word.by, decision="send_civilian", decision_id=str(decision_id))
    filing = Filing(
        room.now, "reviewed", (*hearing.heard, move),
        statements=hearing.rows,
        decisions=(*((triage.row(triage_id, seq - 1),) if added else ()), settled.row(decision_id, seq)),
        reviews=(_review_row(triage_id, case, word, [list(item) for item in case.clearances[-1].cleared]),),
        wish=wish_after_decision(after, settled, all_statements(room, before, case)),
    )  # fmt: skip
    return _written(await filed(unit, desk, before, after, filing))


def _review_row(reviewed: UUID, case: CaseRow, word: Word, cleared: list[Any] | None) -> dict[str, Any]:
    return {
        "id": str(uuid7()), "seq": case.decision_count + 1, "reviewed_decision_id": str(reviewed),
        "decision": word.decision, "reason": word.reason, "cleared": cleared, "by": word.by,
    }  # fmt: skip


def _written(after: Call | None) -> Call:
    assert after is not None, "the call is locked"
    return after
