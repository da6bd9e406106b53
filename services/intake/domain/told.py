"""What a decision says about the place, beside the protocol's own words. It changes no verdict."""

from dataclasses import replace
from typing import Final

from services.intake.domain.triage.model import Decision, Effect, Reason

ON_BOUNDARY: Final = "location_on_boundary"
OUTSIDE: Final = "outside_service_area"


def tell_place(decision: Decision, remark: str | None) -> Decision:
    """Return the decision with the nearest neighborhood named where the place is outside, and a note where it is not sure."""
    if remark is None:
        return decision
    if any(reason.rule == OUTSIDE for reason in decision.reasons):
        reasons = (
            replace(r, explanation=f"{r.explanation} {remark}") if r.rule == OUTSIDE else r for r in decision.reasons
        )
        return replace(decision, reasons=tuple(reasons))
    note = Reason(ON_BOUNDARY, None, Effect.NOTE, "location", None, None, None, remark)
    return replace(decision, reasons=(*decision.reasons, note))
