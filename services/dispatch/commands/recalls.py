"""Taking work away from a team: the one place that says what becomes of the assignment and of the incident."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from services.dispatch.case import IncidentRow
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import deadlines
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.incident import ReturnReason
from services.dispatch.step import Step

CANCELLED = "cancelled"
UNSAID = "withdrawn"
"""The reason of a recall while only a heartbeat has named the call; the wish that follows brings the true one."""

_DANGERS: Final = frozenset({
    ReturnReason.RISK_ROSE, ReturnReason.TEAM_ESCALATED, ReturnReason.TEAM_SILENT, ReturnReason.SUPERVISOR_RECALLED,
})  # fmt: skip
_OF_ANOTHER_CREW: Final[Mapping[str, str]] = {
    ReturnReason.TEAM_ESCALATED: "Stop. Another crew on this call asked for help. Keep away, and say when you are away.",
    ReturnReason.TEAM_SILENT: "Stop. Another crew on this call is not heard from. Keep away, and say when you are away.",
}


def return_call(step: Step, reason: str) -> Step:
    """End the incident for the call center with a reason and call off whoever has it.

    An open offer ends at once; a crew that has accepted withdraws, and stays accounted for until it says that it is away.
    """
    row = step.case.committed
    if row is not None:
        step.assignment(row, assignments.Action.RECALL, reason=reason)
    return step.incident(incidents.Action.RETURN, reason=reason, return_reason=None if reason == UNSAID else reason)


def cancel_call(step: Step) -> Step:
    """End the incident because the call was cancelled. A crew on scene is only told: it clears as usual."""
    row = step.case.committed
    if row is not None and row.status is assignments.Status.ON_SCENE:
        return step.note("incident", "cancel_told", reason=CANCELLED, call_cancelled_at=step.case.now)
    if row is not None:
        step.assignment(row, assignments.Action.CANCEL, reason=CANCELLED)
    return step.incident(incidents.Action.CANCEL, reason=CANCELLED, call_cancelled_at=step.case.now)


def requeue(step: Step, reason: str | None, *, counts: bool, most_offers: int) -> Step:
    """Let the incident wait for another team; `counts`: a team refused it, and after `most_offers` of those it is returned."""
    incident = step.case.incident
    offers = incident.offers + counts
    if counts and offers >= most_offers:
        none_left = ReturnReason.NO_TEAM_ACCEPTED.value
        return step.incident(incidents.Action.RETURN, reason=none_left, return_reason=none_left, offers=offers)
    if "act_by" not in step.incident_changes:
        step.incident_changes |= waiting_deadline(step)
    return step.incident(incidents.Action.REQUEUE, reason=reason, offers=offers)


def waiting_deadline(step: Step, assign_by: datetime | None = None, priority: int | None = None) -> dict[str, object]:
    """Return the columns of a waiting incident's deadline; one whose alert was given goes on to its return."""
    incident = step.case.incident
    until = assign_by or incident.assign_by or step.case.now
    urgency = incident.priority if priority is None else priority
    act_by, stage = deadlines.assign(incident.created_at, until, urgency, step.case.now, step.durations)
    return {"act_by": until if incident.stage else act_by, "stage": max(stage, incident.stage)}


def is_echo(incident: IncidentRow, reason: str) -> bool:
    """Say whether a withdrawal of a call only repeats that dispatch returned it already, which is no news to a crew.

    Danger is: a crew that left before for a harmless reason has not heard of it. A heartbeat alone does not say which it is; its
    wish will.
    """
    if reason == UNSAID:
        return incident.return_reason is not None
    return reason == incident.return_reason and reason not in _DANGERS


def tell_worse_news(step: Step, reason: str) -> Step:
    """Tell a crew that is withdrawing for a harmless reason that there is danger: it has to read again.

    A step moves one assignment, so of several crews it tells the first that was not told this reason yet; then tell the next.
    """
    for row in step.case.assignments:
        is_harmless = row.status is assignments.Status.WITHDRAWING and row.ends_as is not assignments.Status.RECALLED
        if is_harmless and row.recall_reason != reason:
            deadline = deadlines.Deadline(deadlines.Watch.READ, step.case.now + step.durations.read)
            changes = {"act_by": deadline.act_by, "watch": deadline.watch.value, "stage": 0}
            changes |= step.recall_words(reason, deadline.act_by)
            if reason in _OF_ANOTHER_CREW:
                changes["recall_words"] = _OF_ANOTHER_CREW[reason]
            return step.assignment(row, assignments.Action.RECALL, reason=reason, **changes)
    return step
