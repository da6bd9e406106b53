"""Life of one call at intake: who may move it where, and what intake then wishes of dispatch.

Read this file to know what may happen to a call. Diagram: docs/states.md. Words: api.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from services.intake.domain.triage.model import Decision, Disposition, Effect, Verdict


class CallStatus(StrEnum):
    IN_REVIEW = "in_review"  # a reviewer has it; nobody is offered it
    QUEUED = "queued"  # dispatch looks for a team
    OFFERED = "offered"  # a team is asked
    ACCEPTED = "accepted"  # a crew said yes; nobody is moving yet
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLOSED = "closed"  # a crew cleared it
    RETURNED = "returned"  # the call center has it again, with a reason
    CANCELLED = "cancelled"  # the CAD called it off


class Source(StrEnum):
    """Who moves a call."""

    DECISION = "decision"  # triage of a report or an update
    PROGRESS = "progress"  # dispatch's view of the incident
    REVIEW = "review"  # a reviewer's word
    CANCEL = "cancel"  # the CAD's word
    DEADLINE = "deadline"  # nobody moved it in time


class ReturnReason(StrEnum):
    UNSAFE = "unsafe"
    REVIEW_REFUSED = "review_refused"
    REVIEW_TIMEOUT = "review_timeout"
    NO_REVIEWER = "no_reviewer"
    NO_TEAM_ON_DUTY = "no_team_on_duty"
    ALL_TEAMS_BUSY = "all_teams_busy"
    NO_TEAM_ACCEPTED = "no_team_accepted"
    OUTSIDE_SERVICE_AREA = "outside_service_area"
    OUTSIDE_HOURS = "outside_hours"
    PLAN_EXCLUDES = "plan_excludes"
    CALLER_WANTS_POLICE = "caller_wants_police"
    RISK_ROSE = "risk_rose"
    TEAM_ESCALATED = "team_escalated"
    TEAM_SILENT = "team_silent"
    NO_CO_RESPONSE = "no_co_response"
    SUPERVISOR_RECALLED = "supervisor_recalled"
    SYSTEM_FAULT = "system_fault"


_S = CallStatus
FINAL: Final = frozenset({_S.CLOSED, _S.RETURNED, _S.CANCELLED})
UNDER_WAY: Final = frozenset({_S.ACCEPTED, _S.EN_ROUTE, _S.ON_SCENE})
"""A crew has said yes."""
LIVE: Final = frozenset(CallStatus) - FINAL

_ASKED: Final = {_S.IN_REVIEW: frozenset({Source.DECISION})}  # new words before anybody accepted
_FOUND: Final = {  # dispatch's news may skip steps that intake never heard of
    _S.ACCEPTED: frozenset({Source.PROGRESS}),
    _S.EN_ROUTE: frozenset({Source.PROGRESS}),
    _S.ON_SCENE: frozenset({Source.PROGRESS}),
}
_LOST: Final = {  # the crew did not leave in time, no longer fits or is needed more elsewhere: the call waits again
    _S.IN_REVIEW: frozenset({Source.PROGRESS}),
    _S.QUEUED: frozenset({Source.PROGRESS}),
    _S.OFFERED: frozenset({Source.PROGRESS}),
    _S.ACCEPTED: frozenset({Source.PROGRESS}),
}
_ENDED: Final = {
    _S.CLOSED: frozenset({Source.PROGRESS}),
    _S.RETURNED: frozenset({Source.DECISION, Source.REVIEW, Source.PROGRESS, Source.DEADLINE}),
}
_CALLED_OFF: Final = {_S.CANCELLED: frozenset({Source.CANCEL, Source.PROGRESS})}

TRANSITIONS: Final[Mapping[CallStatus | None, Mapping[CallStatus, frozenset[Source]]]] = MappingProxyType(
    {
        None: {  # the report itself
            _S.IN_REVIEW: frozenset({Source.DECISION}),
            _S.QUEUED: frozenset({Source.DECISION}),
            _S.RETURNED: frozenset({Source.DECISION}),
        },
        _S.IN_REVIEW: {_S.QUEUED: frozenset({Source.DECISION, Source.REVIEW})} | _FOUND | _ENDED | _CALLED_OFF,
        _S.QUEUED: _ASKED | {_S.OFFERED: frozenset({Source.PROGRESS})} | _FOUND | _ENDED | _CALLED_OFF,
        _S.OFFERED: _ASKED | {_S.QUEUED: frozenset({Source.PROGRESS})} | _FOUND | _ENDED | _CALLED_OFF,
        _S.ACCEPTED: _LOST | _FOUND | _ENDED | _CALLED_OFF,
        _S.EN_ROUTE: _LOST | _FOUND | _ENDED | _CALLED_OFF,
        _S.ON_SCENE: _ENDED,  # no cancel: a crew with people clears or escalates
    }
)  # final statuses have no row: what is final stays final


def is_legal(before: CallStatus | None, after: CallStatus, source: Source) -> bool:
    """True when `source` may move a call from `before` (None: it is new) to `after`. Staying is always legal."""
    return before == after or source in TRANSITIONS.get(before, {}).get(after, frozenset())


class Move(NamedTuple):
    """Where a call goes. `return_reason` is set exactly when `status` is `returned`."""

    status: CallStatus
    return_reason: ReturnReason | None = None
    review_open: bool = False
    """A reviewer has it, under way or not: the call needs a `review_by`."""


def after_decision(decision: Decision, before: CallStatus | None, *, was_queued: bool) -> Move:
    """Return what a decision makes of a call that is `before` (None: it is new).

    A final call does not move. `was_queued`: the call was once `queued`, so a team may know of it.
    """
    if before in FINAL:
        return Move(before)
    if decision.verdict is Verdict.UNSAFE:
        return Move(_S.RETURNED, ReturnReason.RISK_ROSE if was_queued else ReturnReason.UNSAFE)
    if (reason := sent_back_at_once(decision)) is not None:
        return Move(_S.RETURNED, reason)
    if before in UNDER_WAY:  # a crew that has said yes stops short while a reviewer looks
        return Move(before, review_open=decision.verdict is Verdict.REVIEW)
    if decision.verdict is Verdict.REVIEW:
        return Move(_S.IN_REVIEW, review_open=True)
    return Move(before if before in {_S.QUEUED, _S.OFFERED} else _S.QUEUED)


def sent_back_at_once(decision: Decision) -> ReturnReason | None:
    """Return why no team may serve the call though nobody found it unsafe, or None."""
    for reason in decision.reasons:
        if reason.effect is Effect.RETURN and reason.reason is not None:
            return ReturnReason(reason.reason)
    return None


def after_refusal(decision: Decision) -> ReturnReason:
    """Return the reason with which a reviewer's `return` gives the call back."""
    if any(reason.reason == "consent_refused" for reason in decision.reasons):
        return ReturnReason.CALLER_WANTS_POLICE
    return ReturnReason.REVIEW_REFUSED


def after_deadline(before: CallStatus, *, review_open: bool, reviewer_present: bool = True) -> ReturnReason:
    """Return the reason with which a call goes back when nobody moved it in time.

    `review_open`: the deadline that passed is the reviewer's; else it is intake's own, and dispatch is silent.
    """
    if not review_open:
        return ReturnReason.SYSTEM_FAULT
    if before in UNDER_WAY:
        return ReturnReason.RISK_ROSE
    return ReturnReason.REVIEW_TIMEOUT if reviewer_present else ReturnReason.NO_REVIEWER


def status_from_progress(
    incident_status: str,
    assignment_status: str | None,
    *,
    outcome: str | None,
    return_reason: str | None,
    in_review: bool,
) -> Move:
    """Return the call's status as dispatch's view of its incident shows it.

    `in_review`: a reviewer has the call. Before acceptance that hides what dispatch does with it.
    An end with both an outcome and a reason, or with neither, is returned: two responders are better than none.
    """
    if incident_status == "ended":
        if return_reason == _S.CANCELLED:
            return Move(_S.CANCELLED)
        if outcome is not None and return_reason is None:
            return Move(_S.CLOSED)
        known = {str(reason): reason for reason in ReturnReason}
        return Move(_S.RETURNED, known.get(return_reason or "", ReturnReason.SYSTEM_FAULT))
    if assignment_status in UNDER_WAY:
        return Move(CallStatus(assignment_status), review_open=in_review)
    if in_review:
        return Move(_S.IN_REVIEW, review_open=True)
    return Move(_S.OFFERED if assignment_status == _S.OFFERED else _S.QUEUED)


class Wanted(StrEnum):
    CIVILIAN = "civilian"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Wish:
    """What intake asks of dispatch. Its facts and its `seq` are added by whoever sends it."""

    wanted: Wanted
    may_offer: bool
    may_depart: bool
    reason: str | None
    """While withdrawn: the return reason or `cancelled`. Else what is awaited: `review`, `police_staged` or None."""


def wish_for(
    status: CallStatus,
    decision: Decision,
    *,
    was_queued: bool,
    police_staged: bool = False,
    return_reason: ReturnReason | None = None,
) -> Wish | None:
    """Return the wish that follows from a call's newest decision and status; None: dispatch need not hear of it.

    A call that was never `queued` is unknown to dispatch. `withdrawn` ends the incident for good, so a review only
    stops offers and crews.
    """
    if not was_queued or status is _S.CLOSED:
        return None
    if status in FINAL:
        why = return_reason or ReturnReason.SYSTEM_FAULT if status is _S.RETURNED else _S.CANCELLED
        return Wish(Wanted.WITHDRAWN, may_offer=False, may_depart=False, reason=str(why))
    if decision.verdict is not Verdict.SAFE or status is _S.IN_REVIEW:
        return Wish(Wanted.CIVILIAN, may_offer=False, may_depart=False, reason="review")
    if decision.disposition is Disposition.CIVILIAN_WITH_CO_RESPONSE and not police_staged:
        return Wish(Wanted.CIVILIAN, may_offer=True, may_depart=False, reason="police_staged")
    return Wish(Wanted.CIVILIAN, may_offer=True, may_depart=True, reason=None)
