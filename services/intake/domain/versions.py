"""A call that more than one version of the protocol has decided: a new version alone never makes it safer.

While a call lives, every version that ever decided it is asked again, and what any of them has against sending
civilians stands. Only words, answers and reviewers take a call toward a team, never the date of a file.
"""

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from services.intake.domain.triage.model import Decision, Disposition, Effect, Reason, Verdict

_AGAINST: Final = frozenset({Effect.UNSAFE, Effect.RETURN, Effect.REVIEW})
_EFFECTS: Final = (Effect.UNSAFE, Effect.RETURN, Effect.REVIEW, Effect.SAFE, Effect.NOTE)
_RISE: Final = MappingProxyType(
    {Disposition.CIVILIAN: 0, Disposition.CIVILIAN_WITH_CO_RESPONSE: 1, Disposition.REVIEW: 2}
)
"""The other dispositions are alternatives above these."""


def most_cautious(newest: Decision, earlier: Iterable[Decision]) -> Decision:
    """Return the decision of the newest version, raised to the most cautious that an earlier one makes of the same evidence.

    A reason that only an earlier version has says so, and a reviewer clears it like any other. A clearance must have been
    given to each of them.
    """
    for other in earlier:
        newest = _raised(newest, other)
    return newest


def _raised(newest: Decision, other: Decision) -> Decision:
    known = {_what(reason) for reason in newest.reasons}
    against = [reason for reason in other.reasons if reason.effect in _AGAINST and _what(reason) not in known]
    graver = max(newest, other, key=_caution)  # of equals the first: the newest version's
    if not against and graver is newest:
        return newest
    said = f" (Version {other.protocol_version}, which decided this call before.)"
    reasons = [*newest.reasons, *(replace(reason, explanation=reason.explanation + said) for reason in against)]
    return replace(
        newest,
        verdict=graver.verdict,
        disposition=graver.disposition,
        discipline=graver.discipline,
        recommended_response=graver.recommended_response,
        reasons=tuple(sorted(reasons, key=lambda reason: _EFFECTS.index(reason.effect))),
        missing=tuple(dict.fromkeys((*newest.missing, *other.missing))),
        ask_next=None if graver.verdict is Verdict.UNSAFE else newest.ask_next or other.ask_next,
    )


def _caution(decision: Decision) -> tuple[int, int]:
    return decision.verdict.caution, _RISE.get(decision.disposition, len(_RISE))


def _what(reason: Reason) -> Reason:
    """Return the reason without its words for people, which a new version may state otherwise."""
    return replace(reason, explanation="")
