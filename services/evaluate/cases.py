"""A case: evidence as triage reads it and, where somebody has labelled it, what ought to come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.model import (
    CORE_FOUR,
    Clearance,
    Discipline,
    Disposition,
    Evidence,
    Fact,
    Place,
    Statement,
    Verdict,
)

HOME: Final = Place.known("anywhere")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the labelling policy makes of a case; None and empty: the label does not say."""

    verdict: Verdict
    disposition: Disposition | None = None
    discipline: Discipline | None = None
    reasons: tuple[str, ...] = ()
    """The deciding one first."""

    @property
    def out_of_scope_only(self) -> bool:
        return self.verdict is Verdict.UNSAFE and self.reasons == ("out_of_scope",)


@dataclass(frozen=True, slots=True)
class Case:
    """One call to decide. `tag`: the first word of its note; ambiguous ones count in no rate."""

    id: str
    evidence: Evidence
    language: str = ""
    tag: str = ""
    expected: Expected | None = None
    ambiguous: bool = False
    rules: PlanRules = field(default_factory=PlanRules)
    clearances: tuple[Clearance, ...] = ()

    @property
    def counts(self) -> bool:
        """It has a label that people agree on."""
        return self.expected is not None and not self.ambiguous

    def texts(self) -> Mapping[str, str]:
        """Return each text that was read, by the source under which reasons quote it."""
        found = {}
        for said in self.evidence.statements:
            named = {
                "call_type_code": said.call_type_code or "",
                "call_type_text": said.call_type_text,
                "narrative": said.narrative,
                "extra_text": said.extra_text,
            }
            for name, text in named.items():
                if text.strip():
                    found[name if said.source == "report" else f"{said.source}.{name}"] = text
        return found

    def with_core_denied(self) -> "Case":
        """Return the case as it would be, had each of the core four that nobody answered been answered no."""
        own = next((said for said in self.evidence.statements if not said.linked), None)
        if own is None:
            return self
        answers = {**own.answers, **{fact: Fact.NO for fact in CORE_FOUR if own.fact(fact) is Fact.UNKNOWN}}
        statements = tuple(replace(s, answers=answers) if s is own else s for s in self.evidence.statements)
        return replace(self, evidence=replace(self.evidence, statements=statements))


def reported(said: Statement) -> Evidence:
    """Return the evidence of a call of which there is one report; the place is known unless the report says otherwise."""
    return Evidence((said,), Place.unknown() if said.fact("location_known") is Fact.NO else HOME)
