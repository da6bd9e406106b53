"""What no sequence of events may break: final stays final, and dispatch is never told to go on with a call at risk."""

from dataclasses import dataclass
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.call import (
    FINAL,
    UNDER_WAY,
    CallStatus,
    Move,
    ReturnReason,
    Source,
    Wanted,
    Wish,
    after_deadline,
    after_decision,
    is_legal,
    status_from_progress,
    wish_for,
)
from services.intake.domain.triage.model import Decision, Place, Verdict
from tests.unit.intake.evidence import ALL_DENIED, QUARREL, decided, said

DECISIONS = [
    decided(said()),
    decided(said(answers={**ALL_DENIED, "threats": "unknown"})),
    decided(said(f"{QUARREL} He has a knife.")),
    decided(said(), place=Place.outside()),
]


class Incident(NamedTuple):
    """Dispatch's view of the call."""

    status: str
    assignment: str | None
    outcome: str | None
    reason: str | None


INCIDENTS = st.builds(
    Incident,
    st.sampled_from(["waiting", "committed", "ended"]),
    st.sampled_from([None, "holding", "offered", "accepted", "en_route", "on_scene", "withdrawing", "cleared"]),
    st.sampled_from([None, "agreement"]),
    st.sampled_from([None, "cancelled", *ReturnReason]),
)
EVENTS = st.one_of(st.sampled_from(DECISIONS), INCIDENTS, st.sampled_from([Source.CANCEL, Source.DEADLINE]))


@dataclass
class Life:
    """What intake keeps of a call, as far as its moves need it."""

    status: CallStatus | None = None
    decision: Decision = DECISIONS[0]
    review_open: bool = False
    was_queued: bool = False

    def move(self, event: Decision | Incident | Source) -> tuple[Move, Source] | None:
        """Return the move that `event` asks for; None: there is no call yet."""
        if isinstance(event, Decision):
            self.decision = event
            return after_decision(event, self.status, was_queued=self.was_queued), Source.DECISION
        if self.status is None:
            return None
        if isinstance(event, Incident):
            move = status_from_progress(
                event.status,
                event.assignment,
                outcome=event.outcome,
                return_reason=event.reason,
                in_review=self.review_open,
            )
            return move, Source.PROGRESS
        if event is Source.CANCEL:
            return Move(CallStatus.CANCELLED), event
        return Move(CallStatus.RETURNED, after_deadline(self.status, review_open=self.review_open)), event

    def wish(self, move: Move) -> Wish | None:
        assert self.status is not None
        return wish_for(self.status, self.decision, was_queued=self.was_queued, return_reason=move.return_reason)


@given(st.lists(EVENTS, max_size=25))
def test_no_sequence_of_events_leaves_a_final_status_or_lets_a_crew_go_on_at_risk(
    events: list[Decision | Incident | Source],
) -> None:
    call = Life()
    for event in events:
        if (asked := call.move(event)) is None:
            continue
        move, source = asked
        legal = is_legal(call.status, move.status, source)
        assert legal or source is not Source.DECISION
        if not legal:
            continue  # the command refuses it; nothing is written
        assert call.status not in FINAL or move.status is call.status
        assert call.status is not CallStatus.ON_SCENE or move.status is not CallStatus.CANCELLED
        if move.status is not call.status:
            assert (move.return_reason is not None) == (move.status is CallStatus.RETURNED)
        call.status = move.status
        call.review_open = move.review_open or (call.review_open and source is not Source.DECISION)
        call.was_queued = call.was_queued or call.status in {CallStatus.QUEUED, CallStatus.OFFERED, *UNDER_WAY}
        if (wish := call.wish(move)) is None:
            continue
        assert (wish.wanted is Wanted.WITHDRAWN) == (call.status in FINAL)
        if call.status in FINAL or call.decision.verdict is not Verdict.SAFE:
            assert not wish.may_offer
            assert not wish.may_depart
