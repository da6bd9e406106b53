"""What follows a commit: the report to intake, the waiting tablets, the release of a hold, and a round of matching.

None of it is needed for correctness (a sweep does each within a second); all of it is what makes the path fast.
"""

from dataclasses import dataclass, field
from uuid import UUID

from prometheus_client import Counter

from services.dispatch.domain import incident as incidents
from services.dispatch.step import Step
from shared.alerts import KEY as ALERTS
from shared.db import Unit
from shared.loops import Loop
from shared.outbox import Relay
from shared.wake import Hub

MOVES = Counter(
    "dispatch_moves_total", "What happened to incidents and assignments", ["machine", "action", "after", "reason"]
)
INCIDENTS = "incidents"
"""The hub's key for the queue."""


def team_key(team_id: UUID) -> str:
    """Return the hub's key for a team's tablet."""
    return f"team:{team_id}"


def incident_key(incident_id: UUID) -> str:
    """Return the hub's key for one incident."""
    return f"incident:{incident_id}"


@dataclass(slots=True)
class Effects:
    """Where effects go; the composition root fills in the relays and the round."""

    hub: Hub
    reports: Relay[UUID] = field(init=False)
    releases: Relay[UUID] = field(init=False)
    loose_notices: Relay[UUID] = field(init=False)
    rounds: Loop = field(init=False)

    def follow(self, unit: Unit, step: Step) -> None:
        """Do after the commit of `unit` what a step makes useful."""
        unit.then(lambda: _count(step))
        incident_id = step.case.incident.id
        keys = {team_key(row.team_id) for row in step.case.assignments if row.is_live} | {
            incident_key(incident_id),
            INCIDENTS,
        }
        if step.row is not None:
            keys.add(team_key(step.row.team_id))
        if step.resolves:
            keys.add(ALERTS)
        unit.then(lambda: self.hub.wake(*keys))
        unit.then(lambda: self.reports.soon(incident_id))
        if step.row is not None and step.changes.get("release_at") is not None:
            assignment_id = step.row.id
            unit.then(lambda: self.releases.soon(assignment_id))
        if step.incident_after is incidents.Status.WAITING:
            unit.then(self.rounds.poke)

    def received(self, unit: Unit, incident_id: UUID) -> None:
        """Do after the commit what a new incident makes useful."""
        unit.then(self.rounds.poke)
        unit.then(lambda: self.hub.wake(INCIDENTS, incident_key(incident_id)))
        unit.then(lambda: self.reports.soon(incident_id))

    def alerted(self, unit: Unit) -> None:
        """Wake those who wait for alerts."""
        unit.then(lambda: self.hub.wake(ALERTS))


def _count(step: Step) -> None:
    for event in step.events:
        ended = event["machine"] == "incident" and event["after"] == incidents.Status.ENDED
        reason = step.incident_changes.get("return_reason") or step.incident_changes.get("outcome") if ended else None
        MOVES.labels(event["machine"], event["action"], event["after"] or "", reason or "").inc()
