"""What the outcomes come to: rates with their bounds, tables of expected against decided, and delays. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.evaluate.bounds import Percentiles, Rate
from services.evaluate.cases import Case, Expected
from services.intake.domain.triage.model import Decision, Disposition, Effect, Verdict

SPEAKING: Final = frozenset({Effect.UNSAFE, Effect.RETURN, Effect.REVIEW})
"""Effects of the reasons that count as found."""
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one version decided of one case, and how much processor time that took."""

    case: Case
    decision: Decision
    seconds: float

    @property
    def expected(self) -> Expected:
        assert self.case.expected is not None, "only counted cases are asked"
        return self.case.expected

    def is_from_to(self, expected: Verdict, decided: Verdict) -> bool:
        return self.expected.verdict is expected and self.decision.verdict is decided


class Kind(StrEnum):
    """How a decision differs from its label, the worst first."""

    FALSE_SAFE = "false-safe"
    REVIEW_AS_SAFE = "review-as-safe"
    ESCALATION = "escalation error"  # a danger only reviewed: safe, but slow
    OVER_CAUTION = "over-caution"
    CAUTION = "review found unsafe"  # acceptable
    DISPOSITION = "other disposition"
    DISCIPLINE = "other discipline"


_KINDS: Final[Mapping[tuple[Verdict, Verdict], Kind]] = {
    (Verdict.UNSAFE, Verdict.SAFE): Kind.FALSE_SAFE,
    (Verdict.REVIEW, Verdict.SAFE): Kind.REVIEW_AS_SAFE,
    (Verdict.UNSAFE, Verdict.REVIEW): Kind.ESCALATION,
    (Verdict.SAFE, Verdict.REVIEW): Kind.OVER_CAUTION,
    (Verdict.SAFE, Verdict.UNSAFE): Kind.OVER_CAUTION,
    (Verdict.REVIEW, Verdict.UNSAFE): Kind.CAUTION,
}


def disagreement(outcome: Outcome) -> Kind | None:
    """Return how the decision differs from the label, or None."""
    expected, decision = outcome.expected, outcome.decision
    if expected.verdict is not decision.verdict:
        return _KINDS[expected.verdict, decision.verdict]
    if expected.disposition not in (None, decision.disposition):
        return Kind.DISPOSITION
    if expected.verdict is Verdict.SAFE and expected.discipline not in (None, decision.discipline):
        return Kind.DISCIPLINE
    return None


def names_a_reason(outcome: Outcome) -> bool:
    """Say whether a reason that speaks against the call is one that the label lists."""
    found = {reason.reason for reason in outcome.decision.reasons if reason.effect in SPEAKING}
    return bool(found & set(outcome.expected.reasons))


def decided_by_a_reason(outcome: Outcome) -> bool:
    """Say whether the deciding reason itself is one that the label lists."""
    first = outcome.decision.reasons[0] if outcome.decision.reasons else None
    return first is not None and first.effect in SPEAKING and first.reason in outcome.expected.reasons


@dataclass(frozen=True, slots=True)
class Measures:
    """Rates over the cases that count; `review_share` is over every case, labelled or not."""

    cases: int
    counted: int
    verdicts: Mapping[str, int]
    false_safe: Rate
    false_safe_out_of_scope_only: Rate
    review_as_safe: Rate
    capture: Rate
    review_share: Rate
    escalation_error: Rate
    over_caution: Rate
    review_found_unsafe: Rate
    disposition_right: Rate
    discipline_right: Rate
    reason_right: Rate
    deciding_reason_right: Rate

    @property
    def dangerous(self) -> bool:
        """Somebody would be sent where the label says nobody may go."""
        return self.false_safe.count > 0 or self.review_as_safe.count > 0


RATES: Final[Mapping[str, tuple[str, float | None, bool]]] = {
    "false_safe": ("false-safe", 0.0, True),
    "false_safe_out_of_scope_only": ("… of cases that are only out of scope", 0.0, True),
    "review_as_safe": ("review-as-safe", 0.0, True),
    "capture": ("civilian capture", 0.85, False),
    "review_share": ("review share, of all cases", None, False),
    "escalation_error": ("escalation error (a danger only reviewed)", None, False),
    "over_caution": ("over-caution (fit for civilians, not found so)", None, False),
    "review_found_unsafe": ("review found unsafe (acceptable)", None, False),
    "disposition_right": ("disposition right, where the verdict is", None, False),
    "discipline_right": ("discipline right, of captured", 0.9, False),
    "reason_right": ("a listed reason found (false and review)", 0.85, False),
    "deciding_reason_right": ("… and it is the deciding one", None, False),
}
"""Name, target (a most for the first three, a least for the others), and whether its upper bound is of interest."""


def met(name: str, rate: Rate) -> bool | None:
    """Say whether a rate meets its target; None: it has none, or there was nothing to count."""
    target = RATES[name][1]
    if target is None or rate.share is None:
        return None
    return rate.share <= target if RATES[name][2] else rate.share >= target


def measure(outcomes: Sequence[Outcome]) -> Measures:
    """Return what these outcomes come to."""
    counted = [outcome for outcome in outcomes if outcome.case.counts]
    false, review, civil = (
        [outcome for outcome in counted if outcome.expected.verdict is verdict]
        for verdict in (Verdict.UNSAFE, Verdict.REVIEW, Verdict.SAFE)
    )
    captured = [outcome for outcome in civil if outcome.decision.verdict is Verdict.SAFE]
    right = [o for o in counted if o.expected.verdict is o.decision.verdict and o.expected.disposition is not None]
    reasoned = [outcome for outcome in (*false, *review) if outcome.expected.reasons]
    of_scope = [outcome for outcome in false if outcome.expected.out_of_scope_only]
    disciplined = [outcome for outcome in captured if outcome.expected.discipline is not None]

    def decided(among: Sequence[Outcome], *verdicts: Verdict) -> Rate:
        return Rate(sum(outcome.decision.verdict in verdicts for outcome in among), len(among))

    def holds(among: Sequence[Outcome], what: Callable[[Outcome], bool]) -> Rate:
        return Rate(sum(map(what, among)), len(among))

    return Measures(
        cases=len(outcomes),
        counted=len(counted),
        verdicts=Counter(outcome.decision.verdict.value for outcome in outcomes),
        false_safe=decided(false, Verdict.SAFE),
        false_safe_out_of_scope_only=decided(of_scope, Verdict.SAFE),
        review_as_safe=decided(review, Verdict.SAFE),
        capture=decided(civil, Verdict.SAFE),
        review_share=decided(outcomes, Verdict.REVIEW),
        escalation_error=decided(false, Verdict.REVIEW),
        over_caution=decided(civil, Verdict.REVIEW, Verdict.UNSAFE),
        review_found_unsafe=decided(review, Verdict.UNSAFE),
        disposition_right=holds(right, lambda o: o.expected.disposition is o.decision.disposition),
        discipline_right=holds(disciplined, lambda o: o.expected.discipline is o.decision.discipline),
        reason_right=holds(reasoned, names_a_reason),
        deciding_reason_right=holds(reasoned, decided_by_a_reason),
    )


def groups(outcomes: Iterable[Outcome], of: Callable[[Case], str]) -> dict[str, Measures]:
    """Return the measures of each group of cases, the largest first."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(of(outcome.case) or NONE, []).append(outcome)
    return {name: measure(found[name]) for name in sorted(found, key=lambda name: (-len(found[name]), name))}


Table = Mapping[str, Mapping[str, int]]
"""How often each was decided, by what was expected."""


def confusion(outcomes: Iterable[Outcome], of: Callable[[Outcome], tuple[str | None, str | None]]) -> Table:
    """Return what was decided against what was expected."""
    found: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        if outcome.case.counts:
            expected, decided = of(outcome)
            found.setdefault(expected or NONE, Counter())[decided or NONE] += 1
    return {name: found[name] for name in sorted(found)}


def by_disposition(outcome: Outcome) -> tuple[str | None, str | None]:
    return outcome.expected.disposition, outcome.decision.disposition


def by_discipline(outcome: Outcome) -> tuple[str | None, str | None]:
    return outcome.expected.discipline, outcome.decision.discipline


def by_verdict(outcome: Outcome) -> tuple[str | None, str | None]:
    return outcome.expected.verdict, outcome.decision.verdict


def deciding_rules(outcomes: Iterable[Outcome]) -> dict[str, Counter[str]]:
    """Return for each rule that decided how often, by the expected verdict, the most frequent first."""
    found: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        rule = outcome.decision.reasons[0].rule if outcome.decision.reasons else NONE
        label = outcome.expected.verdict.value if outcome.case.counts else "not labelled"
        found.setdefault(rule, Counter())[label] += 1
    return dict(sorted(found.items(), key=lambda item: (-item[1].total(), item[0])))


@dataclass(frozen=True, slots=True)
class Delay:
    """How much later police start because we were asked, of calls that end with police.

    `waiting`: the call center does nothing before we return the call. A call found unsafe is returned in the answer; one in
    review is counted with the reviewer's whole time, though a reviewer may be quicker. `at_the_answer`: the call center
    starts what the answer recommends at once, in parallel with the review. Both are processor time on this machine plus
    that waiting; network and database are not in it. A false-safe would be found by the crew and is not in it either.
    """

    waiting: Percentiles
    at_the_answer: Percentiles
    not_in_it: int
    """False-safes: nobody can say how late police would be."""


def delay(outcomes: Iterable[Outcome], review_within_s: float) -> Delay:
    """Return the delay of calls labelled for police or, where no case has a label, of all that are not found safe."""
    every = list(outcomes)
    labelled = [o for o in every if o.case.counts]
    ends = [o for o in labelled if _ends_with_police(o.expected)] if labelled else every
    kept = [o for o in ends if o.decision.verdict is not Verdict.SAFE]
    waits = {Verdict.REVIEW: review_within_s, Verdict.UNSAFE: 0.0}
    return Delay(
        waiting=Percentiles.of([o.seconds + waits[o.decision.verdict] for o in kept]),
        at_the_answer=Percentiles.of([o.seconds for o in kept]),
        not_in_it=len(ends) - len(kept) if labelled else 0,
    )


def _ends_with_police(expected: Expected) -> bool:
    return expected.verdict is Verdict.UNSAFE and expected.disposition in (None, Disposition.POLICE)
