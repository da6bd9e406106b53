"""What a plan does to a decision after the protocol has spoken: it may only add caution, and names the clause.

`decide` has already left out whom the plan does not send. Here each of its reasons gets its clause, and the clauses that the
protocol knows nothing of are added: places never to send a team to, and matters that a person must see first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from services.intake.domain.geography import distance_m
from services.intake.domain.plan import Matters, NeverPlace, Plan
from services.intake.domain.triage.model import (
    Clearance,
    Cleared,
    Decision,
    Discipline,
    Disposition,
    Effect,
    Evidence,
    Reason,
    RecommendedResponse,
    Verdict,
)
from services.intake.domain.triage.protocol import normal_code

EXCLUDES: Final = "plan_excludes"
HOURS: Final = "outside_hours"
WANTS_REVIEW: Final = "plan_wants_review"
NEVER_HERE: Final = "plan_never_here"
_ORDER: Final = (Effect.UNSAFE, Effect.RETURN, Effect.REVIEW, Effect.SAFE, Effect.NOTE)


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of a plan that speaks about a call: where it stands in the plan, and what met it."""

    pointer: str
    what: str

    def __str__(self) -> str:
        """Return the clause as an explanation names it."""
        return f"Plan clause {self.pointer}: {self.what}."


def apply_plan(
    decision: Decision, plan: Plan, evidence: Evidence, location: Mapping[str, Any] | None,
    clearances: Iterable[Clearance] = (),
) -> tuple[Decision, tuple[Clause, ...]]:  # fmt: skip
    """Return the decision under the plan, and the clauses that spoke. Its verdict is never less cautious than before."""
    said = _said(evidence)
    clauses: list[Clause] = []
    reasons = [_named(reason, decision, plan, said, clauses) for reason in decision.reasons]
    added: list[Reason] = []
    for place in _never_here(plan, location):
        clauses.append(place)
        words = "The neighborhood's public safety plan sends no civilian team to this place."
        added.append(_reason(NEVER_HERE, EXCLUDES, Effect.RETURN, words, place))
    settled = {item for clearance in clearances for item in clearance.cleared}
    if (clause := _met("/review", plan.review, decision, said)) is not None:
        clauses.append(clause)
        effect = Effect.NOTE if Cleared(WANTS_REVIEW, WANTS_REVIEW, None) in settled else Effect.REVIEW
        words = "The neighborhood's public safety plan wants a person to look at this first."
        added.append(_reason(WANTS_REVIEW, WANTS_REVIEW, effect, words, clause))
    return _with(replace(decision, reasons=tuple(reasons)), added), tuple(clauses)


def _with(decision: Decision, added: list[Reason]) -> Decision:
    """Return the decision with more reasons: what they ask for, unless it is more cautious already."""
    if not added:
        return decision
    reasons = tuple(sorted((*added, *decision.reasons), key=lambda reason: _ORDER.index(reason.effect)))
    decision = replace(decision, reasons=reasons)
    effects = {reason.effect for reason in added}
    if decision.verdict is Verdict.UNSAFE or not effects & {Effect.RETURN, Effect.REVIEW}:
        return decision
    instead = decision.recommended_response or RecommendedResponse.POLICE
    returned = any(reason.effect is Effect.RETURN for reason in reasons)
    disposition = Disposition(instead.value) if returned else Disposition.REVIEW
    return replace(decision, verdict=Verdict.REVIEW, disposition=disposition, recommended_response=instead)


def _reason(rule: str, reason: str, effect: Effect, words: str, clause: Clause) -> Reason:
    return Reason(rule, reason, effect, "plan", None, None, None, f"{words} {clause}")


@dataclass(frozen=True, slots=True)
class _Said:
    call_types: frozenset[str]
    relationships: frozenset[str]


def _said(evidence: Evidence) -> _Said:
    """Return the call's own types and relationships, as triage reads them."""
    own = [statement for statement in evidence.statements if not statement.linked]
    return _Said(
        frozenset(normal_code(s.call_type_code) for s in own if s.call_type_code),
        frozenset(str(s.answers["relationship"]).lower() for s in own if s.answers.get("relationship") is not None),
    )


def _named(reason: Reason, decision: Decision, plan: Plan, said: _Said, clauses: list[Clause]) -> Reason:
    """Return a reason that the plan gave to `decide` with its clause."""
    fit = decision.discipline or Discipline.MEDIATOR
    clause: Clause | None = None
    if reason.rule == EXCLUDES:
        clause = _met("/exclude", plan.exclude, decision, said) or Clause(f"/disciplines/{fit}", "nobody is named")
    elif reason.rule == HOURS:
        tell = plan.outside_hours[fit].tell if fit in plan.outside_hours else None
        clause = Clause(f"/hours/{fit}", tell or "closed when the call came in")
    if clause is None:
        return reason
    clauses.append(clause)
    return replace(reason, explanation=f"{reason.explanation} {clause}")


def _met(where: str, matters: Matters, decision: Decision, said: _Said) -> Clause | None:
    """Return the first clause under `where` that this call meets."""
    spoken = {word for r in decision.reasons for word in (r.rule, r.reason) if word is not None}
    for name, listed, present in (
        ("call_types", matters.call_types, said.call_types),
        ("relationships", matters.relationships, said.relationships),
        ("reasons", matters.reasons, spoken),
    ):
        if met := sorted(listed & present):
            return Clause(f"{where}/{name}", ", ".join(met))
    return None


def _never_here(plan: Plan, location: Mapping[str, Any] | None) -> Iterator[Clause]:
    """Yield the places never to send a team to that the location may be."""
    for index, place in enumerate(plan.never_at):
        if location and _may_be(place, location):
            yield Clause(f"/places/never/{index}", place.name)


def _may_be(place: NeverPlace, location: Mapping[str, Any]) -> bool:
    """Say whether a location, as exactly as it is known, touches the place."""
    if place.address is not None and location.get("address") and plain(place.address) in plain(location["address"]):
        return True
    lat_deg, lon_deg = location.get("lat_deg"), location.get("lon_deg")
    if lat_deg is None or lon_deg is None or place.lat_deg is None or place.lon_deg is None:
        return False
    away = distance_m(lat_deg, lon_deg, place.lat_deg, place.lon_deg)
    return away <= place.radius_m + float(location.get("accuracy_m") or 0.0)


def plain(address: str) -> str:
    """Return an address without its spacing, case and punctuation, whole words apart."""
    return f" {re.sub(r'[^a-z0-9]+', ' ', address.casefold()).strip()} "
