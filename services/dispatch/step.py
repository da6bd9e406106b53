"""A step: one indivisible change of a case, decided by the domain and not yet written.

It collects what the tables of the two machines allow (anything else raises), works out the deadlines that follow, and names the events.
`store.write` writes it in one statement.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.dispatch.case import AssignmentRow, Case
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import deadlines
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.deadlines import Deadline, Durations, Watch
from services.dispatch.domain.guards import NEEDS, Guard, Wish

RECALL_WORDS: Final[Mapping[str, str]] = {
    "unsafe": "Stop. This call is not safe for you any more. Keep away and say when you are clear.",
    "risk_rose": "Stop. New facts make this call unsafe. Leave, and say when you are away.",
    "cancelled": "The call was cancelled. You are not needed; say when you are away.",
    "team_escalated": "You asked for help. Leave when it is safe to, and say when you are away.",
    "team_silent": "You were not heard from. The call was taken back; say that you are all right and away.",
    "no_co_response": "Police did not come. The call was taken back; say when you are away.",
    "supervisor_recalled": "A supervisor called you off. Say when you are away.",
    "not_departed": "You did not leave in time. The call goes to somebody else; say that you are free.",
    "diverted": "A more urgent call needs you. Somebody else goes to this one; say that you are free, and the offer follows.",
    "no_longer_fits": "New facts need another team. The call goes to somebody else; say that you are free.",
}
_ALERTED: Final = assignments.UNDER_WAY | {assignments.Status.WITHDRAWING}
"""Where alerts about an assignment can be open; whatever the crew does there answers them."""
_OTHER_WORDS: Final = "Stop. The call was taken back. Leave, and say when you are away."


class Step:
    """One change of an incident and of at most one of its assignments, with the events that record it."""

    def __init__(self, case: Case, actor: str, durations: Durations) -> None:
        self.case = case
        self.actor = actor
        self.durations = durations
        self.wish: Wish = case.incident.wish
        self.row: AssignmentRow | None = None
        self.move: assignments.Move | None = None
        self.changes: dict[str, Any] = {}
        self.incident_after = case.incident.status
        self.incident_changes: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.resolves: list[str] = []

    @property
    def needs(self) -> frozenset[Guard]:
        """The guards that the statement must check."""
        return NEEDS.get(self.move.action, frozenset()) if self.move else frozenset()

    def assignment(
        self,
        row: AssignmentRow,
        action: assignments.Action,
        *,
        reason: str | None = None,
        data: Any = None,
        **changes: Any,
    ) -> "Step":
        """Move (or mark) an assignment. Raises IllegalTransition. Its next deadline follows from where it comes to."""
        move = assignments.decide(row.status, action, row.ends_as)
        self.row, self.move = row, move
        self.changes |= self._consequences(row, move, reason) | changes
        self._event("assignment", action.value, move.before.value, move.after.value, reason, row.id, data)
        if row.status in _ALERTED:
            self.resolves.append(str(row.id))
        return self

    def deadline(self, row: AssignmentRow, deadline: Deadline, action: str, reason: str | None = None) -> "Step":
        """Give an assignment another deadline without moving it, and record why."""
        self.row = row
        self.move = None
        self.changes |= _watching(deadline)
        self._event("deadline", action, None, None, reason, row.id, {"watch": deadline.watch.value})
        return self

    def rewatch(self, row: AssignmentRow, reason: str) -> "Step":
        """Begin again what an assignment watches, because what it may do has changed; a crew expected to arrive is not missed later."""
        deadline = deadlines.first(
            row.status, self.wish, row.trip(self.case.incident.assign_by), self.case.now, self.durations
        )
        if deadline is None:
            return self
        if row.watch == Watch.ARRIVE and row.act_by is not None:
            deadline = deadline._replace(act_by=min(deadline.act_by, row.act_by))
        return self.deadline(row, deadline, "rewatch", reason)

    def incident(self, action: incidents.Action, *, reason: str | None = None, **changes: Any) -> "Step":
        """Move the incident. Raises IncidentOver."""
        move = incidents.decide(self.incident_after, action)
        self.incident_after = move.after
        self.incident_changes |= changes
        if move.after is incidents.Status.ENDED:
            self.incident_changes |= {"ended_at": self.case.now, "act_by": None}
            self.resolves.append(str(self.case.incident.id))
        self._event("incident", action.value, move.before.value, move.after.value, reason, None, None)
        return self

    def note(self, machine: str, action: str, *, reason: str | None = None, data: Any = None, **changes: Any) -> "Step":
        """Record something that moves neither machine; `changes` are of the incident."""
        self.incident_changes |= changes
        self._event(machine, action, None, None, reason, self.row.id if self.row else None, data)
        return self

    def _consequences(self, row: AssignmentRow, move: assignments.Move, reason: str | None) -> dict[str, Any]:
        now = self.case.now
        if move.is_mark:
            return {}
        asked_for_it = move.action is assignments.Action.ESCALATE  # the crew knows; nobody waits for it to read
        trip = row.trip(self.case.incident.assign_by, recall_read=asked_for_it)
        deadline = deadlines.first(move.after, self.wish, trip, now, self.durations)
        if deadline is None:
            return {"ended_at": now, "act_by": None, "watch": None, "stage": 0, "release_at": now}
        changes = _watching(deadline)
        if move.after is assignments.Status.OFFERED:
            changes["respond_by"] = deadline.act_by
        if move.after is assignments.Status.WITHDRAWING:
            changes |= {"ends_as": move.ends_as, **self.recall_words(reason, deadline.act_by)}
            if asked_for_it:
                changes["acknowledged_at"] = now
        return changes

    def recall_words(self, reason: str | None, acknowledge_by: datetime) -> dict[str, Any]:
        """Return what a crew that is called off is told, and until when it should have read it."""
        return {
            "recall_reason": reason,
            "recall_words": RECALL_WORDS.get(reason or "", _OTHER_WORDS),
            "recalled_at": self.case.now,
            "acknowledge_by": acknowledge_by,
            "acknowledged_at": None,
        }

    def _event(
        self, machine: str, action: str, before: str | None, after: str | None, reason: str | None,
        assignment_id: UUID | None, data: Any,
    ) -> None:  # fmt: skip
        self.events.append({
            "n": len(self.events) + 1, "machine": machine, "action": action, "before": before, "after": after,
            "reason": reason, "assignment_id": assignment_id, "data": data,
        })  # fmt: skip


def _watching(deadline: Deadline) -> dict[str, Any]:
    return {"watch": deadline.watch.value, "act_by": deadline.act_by, "stage": deadline.stage}
