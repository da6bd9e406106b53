"""What became of a neighborhood's calls in a period, and which of these numbers are too small to be shown.

A count of one to four could be a person. It is left out, together with whatever would let it be worked out from the rest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, NamedTuple

SMALLEST: Final = 5
NOT_DANGER: Final = frozenset({"outside_hours", "plan_excludes", "no_reviewer", "review_timeout", "system_fault"})
"""Why a call that was never queued went back although nobody found a danger in it."""
Counts = Mapping[str, int | None]


class CallFact(NamedTuple):
    """One call as the measures count it."""

    verdict: str
    kind: str
    """How the people know each other, as the call-taker wrote it; `not_said`."""
    status: str
    was_queued: bool
    return_reason: str | None
    outcome: str | None
    arrived_after: timedelta | None
    """From the report to the first crew on scene; None: nobody arrived."""

    @property
    def is_eligible(self) -> bool:
        return self.was_queued or self.return_reason in NOT_DANGER

    @property
    def is_served(self) -> bool:
        return self.arrived_after is not None or self.outcome is not None

    @property
    def why_not_served(self) -> str:
        return self.return_reason or ("cancelled" if self.status == "cancelled" else "under_way")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The numbers of one neighborhood and period; None: left out because it is too small."""

    calls: int | None
    verdicts: Counts
    kinds: Counts
    eligible: int | None
    served: int | None
    not_served: int | None
    not_served_because: Counts
    outcomes: Counts
    escalated: int | None
    response_p50_min: float | None
    response_p90_min: float | None
    suppressed: bool = False

    def measure(self, name: str) -> float | None:
        """Return what a goal is measured by; None: nothing to measure, too little, or measured by people."""
        settled = (self.outcomes.get("agreement", 0), self.outcomes.get("calmed", 0))
        closed = None if None in self.outcomes.values() else sum(count or 0 for count in self.outcomes.values())
        found: Mapping[str, float | None] = {
            "share_served": _share(self.served, self.eligible),
            "share_escalated": _share(self.escalated, self.served),
            "share_agreement_or_calmed": _share(None if None in settled else sum(c or 0 for c in settled), closed),
            "response_p50_min": self.response_p50_min,
            "response_p90_min": self.response_p90_min,
        }
        return found.get(name)


def measure(calls: Iterable[CallFact]) -> Outcomes:
    """Return the numbers of these calls, none left out."""
    known = list(calls)
    eligible = [call for call in known if call.is_eligible]
    served = [call for call in eligible if call.is_served]
    waits = sorted(call.arrived_after.total_seconds() / 60 for call in known if call.arrived_after is not None)
    return Outcomes(
        calls=len(known),
        verdicts=_counted(call.verdict for call in known),
        kinds=_counted(call.kind for call in known),
        eligible=len(eligible),
        served=len(served),
        not_served=len(eligible) - len(served),
        not_served_because=_counted(call.why_not_served for call in eligible if not call.is_served),
        outcomes=_counted(call.outcome for call in known if call.outcome is not None),
        escalated=sum(call.return_reason == "team_escalated" for call in served),
        response_p50_min=_quantile(waits, 0.5),
        response_p90_min=_quantile(waits, 0.9),
    )


def suppress(found: Outcomes, *, arrived: int) -> Outcomes:
    """Return the numbers without those that are too small, and without what they could be worked out from.

    `arrived`: how many calls the response times are of.
    """
    by_verdict, verdicts = _hide(found.calls, found.verdicts)
    by_kind, kinds = _hide(found.calls, found.kinds)
    not_served, because = _hide(found.not_served, found.not_served_because)
    served = None if _small(found.served) else found.served
    escalated = None if _small(found.escalated) or served is None else found.escalated
    if escalated is not None and served is not None and _small(served - escalated):
        escalated = None
    timed = arrived >= SMALLEST
    hidden = replace(
        found,
        calls=by_kind if by_verdict is not None else None, verdicts=verdicts, kinds=kinds,
        eligible=None if served is None or not_served is None else found.eligible,
        served=served, not_served=not_served, not_served_because=because, outcomes=_hide(None, found.outcomes)[1],
        escalated=escalated,
        response_p50_min=found.response_p50_min if timed else None,
        response_p90_min=found.response_p90_min if timed else None,
    )  # fmt: skip
    return replace(hidden, suppressed=hidden != found)


def _small(count: int | None) -> bool:
    return count is not None and 0 < count < SMALLEST


def _hide(total: int | None, parts: Counts) -> tuple[int | None, dict[str, int | None]]:
    """Return a total and its parts without the small ones.

    What is left out must come to five or more, or it could be worked out from the total and the other parts: so the next smallest
    goes with it and, when there is none left, the total.
    """
    shown: dict[str, int | None] = {name: None if _small(count) else count for name, count in parts.items()}
    left_out = sum(count or 0 for name, count in parts.items() if shown[name] is None)
    for count, name in sorted((count, name) for name, count in shown.items() if count):
        if not 0 < left_out < SMALLEST:
            break
        shown[name] = None
        left_out += count
    return (None if _small(total) or 0 < left_out < SMALLEST else total), shown


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else round(part / whole, 3)


def _counted(words: Iterable[str]) -> dict[str, int | None]:
    return dict(sorted(Counter(words).items()))


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the value that `share` of them do not exceed (nearest rank); None without any."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * round(share * 100) // 100))
    return round(ordered[rank - 1], 1)
