"""A decision as JSON, as it is stored and as a CAD reads it, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.intake.domain.triage.model import (
    AskNext,
    Decision,
    Discipline,
    Disposition,
    Effect,
    Reason,
    RecommendedResponse,
    Verdict,
)


def decision_to_wire(decision: Decision, *, decided_at: datetime) -> dict[str, Any]:
    """Return the decision in the form of api.md; `decision_from_wire` reads it back."""
    return {
        "verdict": decision.verdict.value,
        "disposition": decision.disposition.value,
        "discipline": decision.discipline.value if decision.discipline else None,
        "priority": decision.priority,
        "recommended_response": decision.recommended_response.value if decision.recommended_response else None,
        "reasons": [_reason_to_wire(reason) for reason in decision.reasons],
        "missing": list(decision.missing),
        "ask_next": decision.ask_next._asdict() if decision.ask_next else None,
        "protocol_version": decision.protocol_version,
        "plan_version": decision.plan_version,
        "decided_by": decision.decided_by,
        "decided_at": decided_at.isoformat(),
    }


def _reason_to_wire(reason: Reason) -> dict[str, Any]:
    return {
        "rule": reason.rule,
        "reason": reason.reason,
        "effect": reason.effect.value,
        "source": reason.source,
        "quote": reason.quote,
        "start": reason.start,
        "end": reason.end,
        "explanation": reason.explanation,
    }


def decision_from_wire(wire: Mapping[str, Any]) -> Decision:
    """Return the decision that was stored as `wire`."""
    recommended = wire["recommended_response"]
    return Decision(
        verdict=Verdict(wire["verdict"]),
        disposition=Disposition(wire["disposition"]),
        discipline=Discipline(wire["discipline"]) if wire["discipline"] else None,
        priority=wire["priority"],
        recommended_response=RecommendedResponse(recommended) if recommended else None,
        reasons=tuple(Reason(**{**reason, "effect": Effect(reason["effect"])}) for reason in wire["reasons"]),
        missing=tuple(wire["missing"]),
        ask_next=AskNext(**wire["ask_next"]) if wire["ask_next"] else None,
        protocol_version=wire["protocol_version"],
        plan_version=wire["plan_version"],
        decided_by=wire["decided_by"],
    )


def says_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two stored decisions say the same, whoever made them and when."""
    blank = {"decided_at": None, "decided_by": None}
    return {**one, **blank} == {**other, **blank}
