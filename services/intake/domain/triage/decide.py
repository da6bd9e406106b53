"""The decision: what one call's evidence means under a protocol and a plan. Pure, total and deterministic.

Anything that speaks against civilians outweighs everything that speaks for them; `safe` is a positive proof. Only a
denial can lower a decision, and only by settling `missing_info`; a reviewer's clearance settles exactly what it names.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.case import Case, plain
from services.intake.domain.triage.fit import fitting_discipline, priority, response
from services.intake.domain.triage.model import (
    CORE_FOUR,
    AskNext,
    Clearance,
    Cleared,
    Decision,
    Discipline,
    Disposition,
    Effect,
    Evidence,
    Fact,
    Reason,
    RecommendedResponse,
    Verdict,
)
from services.intake.domain.triage.protocol import AMBIGUOUS, SECOND_OPINION, Protocol
from services.intake.domain.triage.text import fold
from services.intake.domain.triage.unite import unite

_ORDER: Final = (Effect.UNSAFE, Effect.RETURN, Effect.REVIEW, Effect.SAFE, Effect.NOTE)
_MOST_REASONS: Final = 100
"""As many are shown; all of them decide."""
SYSTEM_FAULT: Final = "system_fault"


def decide(evidence: Evidence, protocol: Protocol, plan: PlanRules, clearances: Iterable[Clearance] = ()) -> Decision:
    """Return the decision about a call. `clearances`: all that reviewers have cleared for this call so far."""
    case = unite(evidence, protocol)
    cleared = frozenset(item for clearance in clearances for item in clearance.cleared)
    fit = fitting_discipline(case, protocol)
    reasons = [*case.reasons, *_plan_reasons(case, protocol, plan, fit)]
    settled = [r for r in reasons if cleared and r.effect is Effect.REVIEW and _name(r) in cleared]
    reasons = [replace(r, effect=Effect.NOTE) if r in settled else r for r in reasons]
    reasons.extend(_proof(case, protocol, settled))
    verdict = _verdict(reasons)
    return Decision(
        verdict=verdict,
        disposition=_disposition(verdict, reasons, settled, protocol),
        discipline=None if verdict is Verdict.UNSAFE else fit,
        priority=priority(case, fit),
        recommended_response=None if verdict is Verdict.SAFE else response(reasons, protocol),
        reasons=_sorted(reasons, protocol)[:_MOST_REASONS],
        missing=case.missing(),
        ask_next=_ask_next(verdict, case, reasons, protocol),
        protocol_version=protocol.version,
        plan_version=plan.version,
    )


def decide_safely(
    evidence: Evidence, protocol: Protocol, plan: PlanRules, clearances: Iterable[Clearance] = ()
) -> Decision:
    """Return the decision, or a `review` for `system_fault` whatever goes wrong: a fault never makes a call safe."""
    try:
        return decide(evidence, protocol, plan, clearances)
    except Exception:  # noqa: BLE001  # the promise of this function
        return fault(protocol.version, plan.version)


def fault(protocol_version: str, plan_version: int) -> Decision:
    """Return the decision for when there is none: a person must look, and police are recommended meanwhile."""
    reason = Reason(
        SYSTEM_FAULT, SYSTEM_FAULT, Effect.REVIEW, "system", None, None, None, "Triage failed; nothing was decided."
    )
    return Decision(
        verdict=Verdict.REVIEW,
        disposition=Disposition.REVIEW,
        discipline=None,
        priority=1,
        recommended_response=RecommendedResponse.POLICE,
        reasons=(reason,),
        missing=CORE_FOUR,
        ask_next=None,
        protocol_version=protocol_version,
        plan_version=plan_version,
    )


def disqualifiers(decision: Decision) -> tuple[Reason, ...]:
    """Return what no reviewer may set aside: hazards, what the plan forbids, and a fault of ours."""
    return tuple(
        reason
        for reason in decision.reasons
        if reason.effect in (Effect.UNSAFE, Effect.RETURN) or reason.reason == SYSTEM_FAULT
    )


def clearable(decision: Decision) -> tuple[Reason, ...]:
    """Return the review reasons that a reviewer may clear."""
    return tuple(r for r in decision.reasons if r.effect is Effect.REVIEW and r.reason != SYSTEM_FAULT)


def clearance_of(decision: Decision, by: str) -> Clearance:
    """Return the clearance of every reason of `decision` that may be cleared, by `by`."""
    return Clearance(frozenset(_name(reason) for reason in clearable(decision)), by)


def _name(reason: Reason) -> Cleared:
    later_text = ":" in reason.source and not reason.source.endswith(".answers")
    if reason.quote is not None:
        phrase = fold(reason.quote)
        if reason.rule == SECOND_OPINION and later_text:
            # it has judged all that is told there, not only the sentence that it quotes
            phrase = f"{reason.source} {phrase}"
        return Cleared(reason.rule, reason.reason, phrase)
    # text that could not be quoted (cut, garbled, foreign) is cleared where it stands: what came later nobody has read
    return Cleared(reason.rule, reason.reason, reason.source if later_text else None)


def _plan_reasons(case: Case, protocol: Protocol, plan: PlanRules, fit: Discipline | None) -> list[Reason]:
    excluded = (
        bool(plan.excluded_call_types & set(case.code_names))
        or bool(plan.excluded_relationships & case.relationships)
        or any({reason.rule, reason.reason} & plan.excluded_reasons for reason in case.reasons)
        or not plan.order(fit)
    )
    if excluded:
        return [plain(protocol.rules["plan_excludes"], "plan")]
    if not plan.disciplines_for(fit):
        return [plain(protocol.rules["outside_hours"], "plan")]
    return []


def _proof(case: Case, protocol: Protocol, settled: Iterable[Reason]) -> list[Reason]:
    """Return the proof that the call is safe, or nothing: each of the core four answered no, denied or cleared."""
    cleared = {reason.rule.removeprefix("missing_") for reason in settled}
    if not all(case.facts[fact] is not Fact.YES and fact not in set(case.missing()) - cleared for fact in CORE_FOUR):
        return []
    answered = all(case.facts[fact] is Fact.NO for fact in CORE_FOUR)
    source = "answers" if answered else "review" if case.missing() else "narrative"
    words = [case.denied[fact] for fact in CORE_FOUR if fact in case.denied and case.facts[fact] is not Fact.NO]
    return [plain(protocol.rules["core_four_denied"], source), *words]


def _verdict(reasons: Iterable[Reason]) -> Verdict:
    effects = {reason.effect for reason in reasons}
    if Effect.UNSAFE in effects:
        return Verdict.UNSAFE
    if effects & {Effect.REVIEW, Effect.RETURN} or Effect.SAFE not in effects:
        return Verdict.REVIEW
    return Verdict.SAFE


def _disposition(verdict: Verdict, reasons: list[Reason], settled: list[Reason], protocol: Protocol) -> Disposition:
    if verdict is Verdict.SAFE:
        with_police = any(protocol.rules[reason.rule].co_response for reason in settled)
        return Disposition.CIVILIAN_WITH_CO_RESPONSE if with_police else Disposition.CIVILIAN
    if verdict is Verdict.UNSAFE or any(reason.effect is Effect.RETURN for reason in reasons):
        return Disposition(response(reasons, protocol))
    open_reasons = [reason for reason in reasons if reason.effect is Effect.REVIEW and reason.rule != SECOND_OPINION]
    if open_reasons and all(protocol.rules[reason.rule].co_response for reason in open_reasons):
        return Disposition.CIVILIAN_WITH_CO_RESPONSE
    return Disposition.REVIEW


def _sorted(reasons: Iterable[Reason], protocol: Protocol) -> tuple[Reason, ...]:
    """Return the reasons, each once, the deciding one first: by effect, then police first, then as the protocol."""
    place = {rule: index for index, rule in enumerate(protocol.rules)}

    def weight(reason: Reason) -> tuple[int, bool, int]:
        other = protocol.rules[reason.rule].response is not RecommendedResponse.POLICE
        return _ORDER.index(reason.effect), other, place[reason.rule]

    return tuple(sorted(dict.fromkeys(reasons), key=weight))


def _ask_next(verdict: Verdict, case: Case, reasons: Iterable[Reason], protocol: Protocol) -> AskNext | None:
    """Return the question whose answer would most likely settle a review."""
    if verdict is not Verdict.REVIEW:
        return None
    asked = [_asked(protocol, r.rule) for r in _sorted(reasons, protocol) if r.effect is Effect.REVIEW]
    facts = (*case.missing(), *(fact for fact in asked if fact is not None))
    return next((AskNext(fact, *protocol.questions[fact]) for fact in facts), None)


def _asked(protocol: Protocol, rule_id: str) -> str | None:
    """Return the fact to ask about for what a rule has found: of a hazard told in ambiguous words, the hazard's own."""
    rule = protocol.rules[rule_id]
    if rule.effect is Effect.UNSAFE:
        return rule.fact if rule.fact in protocol.questions else protocol.rules[AMBIGUOUS].ask
    return rule.ask
