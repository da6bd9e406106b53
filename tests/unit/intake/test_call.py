"""Life of a call: every status after every status by every source, and what intake then wishes."""

from dataclasses import replace
from itertools import product

import pytest

from services.intake.domain.call import (
    FINAL,
    LIVE,
    TRANSITIONS,
    UNDER_WAY,
    CallStatus,
    Move,
    ReturnReason,
    Source,
    Wanted,
    Wish,
    after_deadline,
    after_decision,
    after_refusal,
    is_legal,
    status_from_progress,
    wish_for,
)
from services.intake.domain.triage.model import Decision, Disposition, Effect, Place, Statement, Verdict
from tests.unit.intake.evidence import ALL_DENIED, QUARREL, decided, said

S, B = CallStatus, Source
STATUSES: list[CallStatus | None] = [None, *CallStatus]
BEFORE_ACCEPTANCE = (S.QUEUED, S.OFFERED)

# Who may move a call from where to where; all that is not here is refused.
FOUND = {(after, B.PROGRESS) for after in UNDER_WAY}
ENDED = {(S.CLOSED, B.PROGRESS)} | {(S.RETURNED, s) for s in (B.DECISION, B.REVIEW, B.PROGRESS, B.DEADLINE)}
CALLED_OFF = {(S.CANCELLED, B.CANCEL), (S.CANCELLED, B.PROGRESS)}
LOST = {(after, B.PROGRESS) for after in (S.IN_REVIEW, S.QUEUED, S.OFFERED)}
LEGAL: dict[CallStatus | None, set[tuple[CallStatus, Source]]] = {
    None: {(S.IN_REVIEW, B.DECISION), (S.QUEUED, B.DECISION), (S.RETURNED, B.DECISION)},
    S.IN_REVIEW: {(S.QUEUED, B.DECISION), (S.QUEUED, B.REVIEW)} | FOUND | ENDED | CALLED_OFF,
    S.QUEUED: {(S.IN_REVIEW, B.DECISION), (S.OFFERED, B.PROGRESS)} | FOUND | ENDED | CALLED_OFF,
    S.OFFERED: {(S.IN_REVIEW, B.DECISION), (S.QUEUED, B.PROGRESS)} | FOUND | ENDED | CALLED_OFF,
    S.ACCEPTED: LOST | FOUND | ENDED | CALLED_OFF,
    S.EN_ROUTE: LOST | FOUND | ENDED | CALLED_OFF,
    S.ON_SCENE: ENDED,
    S.CLOSED: set(),
    S.RETURNED: set(),
    S.CANCELLED: set(),
}


@pytest.mark.parametrize(("before", "after", "source"), list(product(STATUSES, CallStatus, Source)))
def test_a_move_is_legal_exactly_when_the_table_says_so(
    before: CallStatus | None, after: CallStatus, source: Source
) -> None:
    assert is_legal(before, after, source) is (before == after or (after, source) in LEGAL[before])


def test_what_is_final_stays_final() -> None:
    assert set(TRANSITIONS) & FINAL == set()
    assert set(CallStatus) == FINAL | LIVE
    for before, after, source in product(FINAL, CallStatus, Source):
        assert is_legal(before, after, source) is (before is after)


def test_no_crew_with_people_is_cancelled() -> None:
    assert not any(is_legal(S.ON_SCENE, S.CANCELLED, source) for source in Source)


SAFE = decided(said())
REVIEW = decided(said(answers={**ALL_DENIED, "weapons": "unknown"}))
UNSAFE = decided(said(f"{QUARREL} He has a knife."))
OUTSIDE = decided(said(), place=Place.outside())
CO_RESPONSE = replace(SAFE, disposition=Disposition.CIVILIAN_WITH_CO_RESPONSE)


def test_the_decisions_of_these_tests_are_what_they_are_called() -> None:
    assert [d.verdict for d in (SAFE, REVIEW, UNSAFE)] == [Verdict.SAFE, Verdict.REVIEW, Verdict.UNSAFE]
    assert any(reason.effect is Effect.RETURN for reason in OUTSIDE.reasons)


@pytest.mark.parametrize("before", [None, *sorted(LIVE)])
@pytest.mark.parametrize("was_queued", [False, True])
def test_danger_gives_the_call_back_as_risk_that_rose_only_if_a_team_may_know_of_it(
    before: CallStatus | None, was_queued: bool
) -> None:
    reason = ReturnReason.RISK_ROSE if was_queued else ReturnReason.UNSAFE
    assert after_decision(UNSAFE, before, was_queued=was_queued) == Move(S.RETURNED, reason)


@pytest.mark.parametrize("before", [None, *sorted(LIVE)])
def test_what_no_team_may_serve_goes_back_at_once(before: CallStatus | None) -> None:
    move = after_decision(OUTSIDE, before, was_queued=before is not None)
    assert move == Move(S.RETURNED, ReturnReason.OUTSIDE_SERVICE_AREA)


@pytest.mark.parametrize("before", sorted(FINAL))
@pytest.mark.parametrize("decision", [SAFE, REVIEW, UNSAFE, OUTSIDE])
def test_no_decision_moves_a_final_call(before: CallStatus, decision: Decision) -> None:
    assert after_decision(decision, before, was_queued=True) == Move(before)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, S.QUEUED), (S.IN_REVIEW, S.QUEUED), *((status, status) for status in BEFORE_ACCEPTANCE)],
)
def test_a_safe_call_waits_for_a_team(before: CallStatus | None, after: CallStatus) -> None:
    assert after_decision(SAFE, before, was_queued=True) == Move(after)


@pytest.mark.parametrize("before", [None, S.IN_REVIEW, *BEFORE_ACCEPTANCE])
def test_a_review_before_acceptance_takes_the_call(before: CallStatus | None) -> None:
    assert after_decision(REVIEW, before, was_queued=True) == Move(S.IN_REVIEW, review_open=True)


@pytest.mark.parametrize("before", sorted(UNDER_WAY))
def test_a_review_of_a_call_under_way_is_opened_beside_it(before: CallStatus) -> None:
    assert after_decision(REVIEW, before, was_queued=True) == Move(before, review_open=True)
    assert after_decision(SAFE, before, was_queued=True) == Move(before, review_open=False)


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("decision", [SAFE, REVIEW, UNSAFE, OUTSIDE])
def test_what_follows_from_a_decision_is_always_a_legal_move(before: CallStatus | None, decision: Decision) -> None:
    move = after_decision(decision, before, was_queued=before not in (None, S.IN_REVIEW))
    assert is_legal(before, move.status, B.DECISION)
    assert (move.return_reason is not None) == (move.status is S.RETURNED and before is not S.RETURNED)


def test_a_reviewers_refusal_says_when_the_caller_wants_police() -> None:
    wants_police = decided(said(answers={**ALL_DENIED, "consent": "no"}))
    assert after_refusal(wants_police) is ReturnReason.CALLER_WANTS_POLICE
    assert after_refusal(REVIEW) is ReturnReason.REVIEW_REFUSED


@pytest.mark.parametrize("before", sorted(LIVE))
def test_a_deadline_that_passed_names_whose_it_was(before: CallStatus) -> None:
    assert after_deadline(before, review_open=False) is ReturnReason.SYSTEM_FAULT
    under_way = before in UNDER_WAY
    timed_out, nobody = (
        after_deadline(before, review_open=True, reviewer_present=present) for present in (True, False)
    )
    assert timed_out is (ReturnReason.RISK_ROSE if under_way else ReturnReason.REVIEW_TIMEOUT)
    assert nobody is (ReturnReason.RISK_ROSE if under_way else ReturnReason.NO_REVIEWER)


def shown(
    incident: str,
    assignment: str | None,
    *,
    outcome: str | None = None,
    reason: str | None = None,
    review: bool = False,
) -> Move:
    return status_from_progress(incident, assignment, outcome=outcome, return_reason=reason, in_review=review)


@pytest.mark.parametrize(
    ("incident", "assignment", "review", "status"),
    [
        ("waiting", None, False, S.QUEUED),
        ("waiting", "declined", False, S.QUEUED),
        ("committed", "holding", False, S.QUEUED),
        ("committed", "withdrawing", False, S.QUEUED),
        ("committed", "offered", False, S.OFFERED),
        ("waiting", None, True, S.IN_REVIEW),
        ("committed", "holding", True, S.IN_REVIEW),
        ("committed", "offered", True, S.IN_REVIEW),
        ("committed", "accepted", False, S.ACCEPTED),
        ("committed", "accepted", True, S.ACCEPTED),
        ("committed", "en_route", True, S.EN_ROUTE),
        ("committed", "on_scene", False, S.ON_SCENE),
        ("committed", "something new", False, S.QUEUED),
    ],
)
def test_dispatchs_view_becomes_the_calls_status(
    incident: str, assignment: str | None, review: bool, status: CallStatus
) -> None:
    assert shown(incident, assignment, review=review) == Move(status, review_open=review)


@pytest.mark.parametrize(
    ("outcome", "reason", "move"),
    [
        ("agreement", None, Move(S.CLOSED)),
        (None, "cancelled", Move(S.CANCELLED)),
        (None, "team_escalated", Move(S.RETURNED, ReturnReason.TEAM_ESCALATED)),
        (None, "no_team_on_duty", Move(S.RETURNED, ReturnReason.NO_TEAM_ON_DUTY)),
        (None, None, Move(S.RETURNED, ReturnReason.SYSTEM_FAULT)),
        ("agreement", "team_silent", Move(S.RETURNED, ReturnReason.TEAM_SILENT)),
        (None, "a reason of tomorrow", Move(S.RETURNED, ReturnReason.SYSTEM_FAULT)),
    ],
)
def test_an_ended_incident_ends_the_call_and_in_doubt_gives_it_back(
    outcome: str | None, reason: str | None, move: Move
) -> None:
    for assignment, review in product((None, "cleared", "on_scene"), (False, True)):
        assert shown("ended", assignment, outcome=outcome, reason=reason, review=review) == move


STOPPED = Wish(Wanted.CIVILIAN, may_offer=False, may_depart=False, reason="review")
FREE = Wish(Wanted.CIVILIAN, may_offer=True, may_depart=True, reason=None)
STAGED = Wish(Wanted.CIVILIAN, may_offer=True, may_depart=False, reason="police_staged")


@pytest.mark.parametrize("status", list(CallStatus))
@pytest.mark.parametrize("decision", [SAFE, REVIEW, UNSAFE])
def test_dispatch_hears_nothing_of_a_call_that_was_never_queued(status: CallStatus, decision: Decision) -> None:
    assert wish_for(status, decision, was_queued=False) is None


@pytest.mark.parametrize(
    ("status", "decision", "staged", "wish"),
    [
        *((status, SAFE, False, FREE) for status in (*BEFORE_ACCEPTANCE, *sorted(UNDER_WAY))),
        (S.IN_REVIEW, SAFE, False, STOPPED),
        *((status, REVIEW, False, STOPPED) for status in sorted(LIVE)),
        *((status, REVIEW, True, STOPPED) for status in sorted(LIVE)),
        *((status, CO_RESPONSE, False, STAGED) for status in (*BEFORE_ACCEPTANCE, *sorted(UNDER_WAY))),
        *((status, CO_RESPONSE, True, FREE) for status in (*BEFORE_ACCEPTANCE, *sorted(UNDER_WAY))),
        (S.IN_REVIEW, CO_RESPONSE, True, STOPPED),
        (S.CLOSED, SAFE, False, None),
    ],
)
def test_what_intake_wishes_while_a_call_lives(
    status: CallStatus, decision: Decision, staged: bool, wish: Wish | None
) -> None:
    assert wish_for(status, decision, was_queued=True, police_staged=staged) == wish


@pytest.mark.parametrize("reason", [None, *ReturnReason])
@pytest.mark.parametrize("decision", [SAFE, REVIEW, UNSAFE])
def test_a_returned_or_cancelled_call_is_withdrawn_for_good(reason: ReturnReason | None, decision: Decision) -> None:
    wish = wish_for(S.RETURNED, decision, was_queued=True, return_reason=reason)
    assert wish == Wish(Wanted.WITHDRAWN, False, False, str(reason or ReturnReason.SYSTEM_FAULT))
    assert wish_for(S.CANCELLED, decision, was_queued=True) == Wish(Wanted.WITHDRAWN, False, False, "cancelled")


@pytest.mark.parametrize("status", list(CallStatus))
@pytest.mark.parametrize("decision", [SAFE, REVIEW, UNSAFE, CO_RESPONSE])
@pytest.mark.parametrize("staged", [False, True])
def test_nobody_may_depart_who_may_not_be_offered_nor_to_a_call_that_is_not_safe(
    status: CallStatus, decision: Decision, staged: bool
) -> None:
    wish = wish_for(status, decision, was_queued=True, police_staged=staged)
    if wish is None:
        return
    assert not (wish.may_depart and not wish.may_offer)
    if decision.verdict is not Verdict.SAFE:
        assert not wish.may_offer
        assert not wish.may_depart


def test_a_statement_without_anything_is_reviewed_not_lost() -> None:
    assert after_decision(decided(Statement("report")), None, was_queued=False).status is S.IN_REVIEW
