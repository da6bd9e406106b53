"""Which team fits a call, how soon, and what the call center should send instead (policy: discipline, disposition)."""

from collections.abc import Iterable
from typing import Final

from services.intake.domain.triage.case import Case
from services.intake.domain.triage.model import Discipline, Effect, Fact, Reason, RecommendedResponse
from services.intake.domain.triage.protocol import Matter, Protocol

_PRIVATE: Final = frozenset({"neighbor", "roommate", "family", "landlord_tenant", "customer", "coworker"})
"""A matter between such people is theirs alone, wherever they stand."""
_SCHOOLS: Final = frozenset({"school"})
_GRAVEST_FIRST: Final = (RecommendedResponse.POLICE, RecommendedResponse.EMS_FIRE, RecommendedResponse.CRISIS_LINE)


def fitting_discipline(case: Case, protocol: Protocol) -> Discipline | None:
    """Return the discipline that fits, or None while nobody has said what the matter is.

    Harm that is over and whose doer is known: restorative justice. Else groups and young people, and public space
    unless the matter is private (neighbors on the sidewalk, a customer in the street): interrupters. Else mediators;
    so are grown people at a school (two mothers in the pickup line) and students who share a home.
    """
    harm = any(entry.matter is Matter.PROPERTY for entry in case.codes)
    known_matter = case.conflict_known or harm or bool(case.relationships)
    if not known_matter:
        return None
    if harm or {"past_harm", "known_person"} <= case.own_signals:
        return Discipline.RESTORATIVE_JUSTICE
    places = case.places - _SCHOOLS if "adults" in case.own_signals else case.places
    in_public = bool(places & protocol.group_places) or "public" in case.own_signals
    private = bool(case.relationships & _PRIVATE) or "private" in case.own_signals
    if (in_public and not private) or _is_group(case, protocol):
        return Discipline.INTERRUPTER
    return Discipline.MEDIATOR


def _is_group(case: Case, protocol: Protocol) -> bool:
    if case.people > protocol.limits.people_in_quarrel:
        return True
    if "young" in case.own_signals and "roommate" not in case.relationships:
        return True
    return "adults" not in case.own_signals and any(entry.group for entry in case.codes)


def priority(case: Case, discipline: Discipline | None) -> int:
    """Return 1 when people are in it now, 2 when they are calm or it is over, 3 for a scheduled meeting."""
    if discipline is Discipline.RESTORATIVE_JUSTICE:
        return 3
    over = "calm" in case.own_signals or case.facts["suspect_on_scene"] is Fact.NO
    return 1 if "hot" in case.own_signals and not over else 2


def response(reasons: Iterable[Reason], protocol: Protocol) -> RecommendedResponse:
    """Return what to send instead: for the gravest hazard, police before medics before the crisis line.

    A review or a return calls for police unless every hazard-like reason names somebody else.
    """
    listed = list(reasons)
    deciding = [r for r in listed if r.effect is Effect.UNSAFE] or [r for r in listed if r.effect is Effect.REVIEW]
    named = {protocol.rules[reason.rule].response for reason in deciding}
    return next((wanted for wanted in _GRAVEST_FIRST if wanted in named), RecommendedResponse.POLICE)
