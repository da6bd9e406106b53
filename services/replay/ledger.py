"""What the call center knows of its calls: one case for each attempt, and a count of what its people did."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from services.replay.calls import ReplayCall
from services.replay.crew import point_of
from services.replay.later import Later

FINAL: Final = frozenset({"closed", "returned", "cancelled"})
_ORDER: Final = ("in_review", "queued", "offered", "accepted", "en_route", "on_scene")


@dataclass(slots=True, eq=False)
class Case:
    """One attempt at one call, as the call center sees it."""

    call: ReplayCall
    event_id: str
    attempt: int = 1
    id: str | None = None
    """The system's id; None while it has not answered."""
    reported_at: datetime | None = None
    """The system's time at which it was reported."""
    decision_ms: float | None = None
    """Wall-clock milliseconds from report to decision."""
    first_verdict: str | None = None
    returned_at_once: bool = False
    """Returned in the very answer to its report: needs no acknowledgement."""
    kept: str | None = None
    """Why the call center kept the call: no answer within 2 s, or a refusal."""
    taken_back: bool = False
    """The call center took it back because nothing newer came in time."""
    view: Mapping[str, Any] = field(default_factory=dict)
    """The newest answer about it."""
    pending: list[Later] = field(default_factory=list)
    """What will happen once the call has come far enough."""
    acknowledging: set[str] = field(default_factory=set)
    """`return` and the ids of notices that an operator has been told of."""
    co_response: bool = False
    """Police have been asked to stage."""

    @property
    def status(self) -> str | None:
        """The newest status known."""
        return self.view.get("status")

    @property
    def open(self) -> bool:
        """Whether the system still answers for it."""
        return self.id is not None and self.status not in FINAL

    def reached(self, stage: str) -> bool:
        """Say whether the call is now at `stage` or further on its way."""
        if stage == "reported":
            return self.id is not None
        status = self.status
        return status in _ORDER and stage in _ORDER and _ORDER.index(status) >= _ORDER.index(stage)

    def due(self) -> list[Later]:
        """Take out and return what happens now that the call has come this far."""
        now = [event for event in self.pending if self.reached(event.after)]
        self.pending = [event for event in self.pending if event not in now]
        return now


@dataclass(slots=True)
class Ledger:
    """Every case, found by the system's id."""

    cases: list[Case] = field(default_factory=list)
    by_id: dict[str, Case] = field(default_factory=dict)
    did: Counter[str] = field(default_factory=Counter)

    def open_case(self, call: ReplayCall, event_id: str, attempt: int = 1) -> Case:
        """Return a new case for a call about to be reported."""
        case = Case(call, event_id, attempt)
        self.cases.append(case)
        return case

    def note(self, view: Mapping[str, Any], case: Case | None = None) -> Case | None:
        """Take over an answer about a call if it is the newest; its case, or None when the call is not ours."""
        call_id = view.get("id")
        if not isinstance(call_id, str):
            return None
        if case is not None and case.id is None:
            case.id = call_id
            self.by_id.setdefault(call_id, case)
        known = self.by_id.get(call_id)
        if known is not None and view.get("version", 0) >= known.view.get("version", -1):
            known.view = view
        return known

    def key_of(self, incident_id: str) -> str:
        """Return the file's number of the event behind an incident; its id for one that is not ours."""
        case = self.by_id.get(incident_id)
        return f"{case.call.key}:{case.attempt}" if case else incident_id

    def where(self, incident_id: str) -> tuple[float, float] | None:
        """Return where an incident is, as it was reported."""
        case = self.by_id.get(incident_id)
        return point_of(case.call.report.get("location")) if case else None
