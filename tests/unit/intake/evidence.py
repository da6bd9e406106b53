"""Calls for triage tests: the shipped protocol, a call that it finds safe, and ways to say a little more or less."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import (
    CORE_FOUR,
    Answer,
    Clearance,
    Decision,
    Effect,
    Evidence,
    Place,
    Statement,
)
from services.intake.domain.triage.protocol import Protocol
from services.intake.domain.triage.protocol_file import PROTOCOLS, load_protocol

PROTOCOL: Final[Protocol] = load_protocol(PROTOCOLS / "2026-11-first.yaml")
HOME: Final = Place.known("boyle-heights")
ALL_DENIED: Final[Mapping[str, Answer]] = dict.fromkeys(CORE_FOUR, "no")
QUARREL: Final = "Neighbors arguing about parking."
RECITAL: Final = "No weapons, no threats, nobody hurt, verbal only."
QUARREL_ES: Final = "Los vecinos discuten por el estacionamiento."


def said(narrative: str = QUARREL, *, answers: Mapping[str, Any] = ALL_DENIED, **more: Any) -> Statement:
    """Return a report of a neighbors' quarrel; by itself it is safe."""
    fields: dict[str, Any] = {"source": "report", "call_type_code": "415N", "language": "en", **more}
    return Statement(narrative=narrative, answers=answers, **fields)


def without(fact: str) -> dict[str, str]:
    """Return the core four answered no, but for one that nobody asked."""
    return {key: "no" for key in CORE_FOUR if key != fact}


def evidence(*statements: Statement, place: Place = HOME, **more: bool) -> Evidence:
    return Evidence(statements, place, **more)


def decided(
    *statements: Statement,
    place: Place = HOME,
    plan: PlanRules | None = None,
    clearances: Iterable[Clearance] = (),
    **more: bool,
) -> Decision:
    """Return the decision about these statements under the shipped protocol and the default plan."""
    return decide(evidence(*statements, place=place, **more), PROTOCOL, plan or PlanRules(), clearances)


def in_short(stated: Any) -> Any:
    """Return a protocol's document, or a part of it, with two phrases of each list: enough for a fault, and soon read."""
    if isinstance(stated, Mapping):
        lists = {key for key, value in stated.items() if key in ("en", "es") and isinstance(value, list)}
        return {key: value[:2] if key in lists else in_short(value) for key, value in stated.items()}
    return [in_short(item) for item in stated] if isinstance(stated, list) else stated


def rules(decision: Decision, *effects: Effect) -> set[str]:
    """Return the rules that spoke, of these effects or of any."""
    return {reason.rule for reason in decision.reasons if not effects or reason.effect in effects}


def reasons(decision: Decision, *effects: Effect) -> set[str | None]:
    return {reason.reason for reason in decision.reasons if not effects or reason.effect in effects}
