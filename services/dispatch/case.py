"""A case: one incident with its assignments as they were read together, the value that every command decides on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.deadlines import Trip
from services.dispatch.domain.guards import Wish
from services.dispatch.domain.silence import heard_recently


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident as it was read, without the facts."""

    id: UUID
    jurisdiction: str
    status: incidents.Status
    version: int
    created_at: datetime
    wish_seq: int
    wish: Wish
    priority: int
    assign_by: datetime | None
    act_by: datetime | None
    stage: int
    offers: int
    unmatched: str | None
    return_reason: str | None
    outcome: str | None
    call_cancelled_at: datetime | None

    @property
    def ended_unsaid(self) -> bool:
        """Nothing says how it ended: no crew, no return of dispatch's own and no cancelled call."""
        return self.outcome is None and self.return_reason is None and self.call_cancelled_at is None


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """An assignment as it was read."""

    id: UUID
    incident_id: UUID
    team_id: UUID
    team_name: str
    provider_id: UUID | None
    status: assignments.Status
    version: int
    scheduled: bool
    drive_s: int | None
    respond_by: datetime | None
    depart_by: datetime | None
    act_by: datetime | None
    watch: str | None
    stage: int
    ends_as: assignments.Status | None
    recall_reason: str | None
    acknowledged_at: datetime | None
    position: dict[str, Any] | None
    team: dict[str, Any]
    """The team as matching saw it when it was chosen."""

    @property
    def is_live(self) -> bool:
        """Whether the team is still held for this."""
        return self.status in assignments.LIVE

    def trip(self, assign_by: datetime | None, **known: Any) -> Trip:
        """Return what the deadlines of this assignment depend on; `known` overrides what the row says."""
        values: dict[str, Any] = {
            "scheduled": self.scheduled,
            "drive": timedelta(seconds=self.drive_s or 0),
            "assign_by": assign_by,
            "depart_by": self.depart_by,
            "recall_read": self.acknowledged_at is not None,
        }
        return Trip(**(values | known))


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of one incident at one instant."""

    now: datetime
    heard_as_of: datetime | None
    incident: IncidentRow
    assignments: tuple[AssignmentRow, ...]

    @property
    def committed(self) -> AssignmentRow | None:
        """The assignment that the incident counts on: live, and not withdrawing."""
        return next((a for a in self.assignments if a.is_live and a.status is not assignments.Status.WITHDRAWING), None)

    @property
    def is_heard(self) -> bool:
        """Whether intake has been heard from recently enough to send anybody."""
        return heard_recently(self.heard_as_of, self.now)

    def named(self, assignment_id: UUID) -> AssignmentRow | None:
        """Return the assignment by its id, if it is part of this case."""
        return next((a for a in self.assignments if a.id == assignment_id), None)
