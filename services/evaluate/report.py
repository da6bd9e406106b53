"""An evaluation as a value: sets of cases, decided by versions; and the same as plain data for a file."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.evaluate.bounds import Percentiles, Rate
from services.evaluate.cases import Case
from services.evaluate.measures import (
    Delay,
    Kind,
    Measures,
    Outcome,
    by_discipline,
    by_disposition,
    by_verdict,
    confusion,
    deciding_rules,
    delay,
    disagreement,
    groups,
    measure,
)
from services.evaluate.versions import Version
from services.intake.commands.evidence import canonical
from services.intake.domain.triage.decide import decide_safely
from services.intake.domain.triage.model import Effect, Verdict
from services.intake.wire import decision_to_wire

Watch = Callable[[Sequence[Case], str], Iterable[Case]]
"""Shows how far a long work is while it hands out the cases."""
_NO_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Column:
    """What one version made of a set of cases."""

    version: str
    digest: str | None
    """Of the protocol; None: these are decisions as they were made."""
    outcomes: tuple[Outcome, ...]
    would_be_safe: tuple[Outcome, ...] | None = None
    """What would become safe, had each of the core four been answered no; None: not asked."""

    @property
    def measures(self) -> Measures:
        return measure(self.outcomes)

    @property
    def decision_time(self) -> Percentiles:
        return Percentiles.of([outcome.seconds for outcome in self.outcomes]) if self.digest else Percentiles(0)

    def decisions_digest(self) -> str:
        """Return one digest of every decision to the byte, for comparing machines, processes and Pythons."""
        total = hashlib.sha256()
        for outcome in self.outcomes:
            total.update(canonical(decision_to_wire(outcome.decision, decided_at=_NO_TIME)))
        return total.hexdigest()

    def disagreements(self) -> list[tuple[Kind, Outcome]]:
        """Return every decision that differs from its label, the worst first."""
        counted = [outcome for outcome in self.outcomes if outcome.case.counts]
        found = [(kind, outcome) for outcome in counted if (kind := disagreement(outcome)) is not None]
        return sorted(found, key=lambda pair: list(Kind).index(pair[0]))

    def ambiguous(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.case.ambiguous]


@dataclass(frozen=True, slots=True)
class Section:
    """One set of cases and what each version made of it."""

    name: str
    columns: tuple[Column, ...]
    remarks: tuple[str, ...] = ()

    def differences(self) -> Iterator[tuple[Outcome, Outcome]]:
        """Yield each case of which a later version's verdict or disposition differs from the first one's."""
        first, *others = self.columns
        for other in others:
            for one, two in zip(first.outcomes, other.outcomes, strict=True):
                if _gist(one) != _gist(two):
                    yield one, two


def _gist(outcome: Outcome) -> tuple[object, ...]:
    return outcome.decision.verdict, outcome.decision.disposition


@dataclass(frozen=True, slots=True)
class Report:
    """A whole evaluation."""

    sections: tuple[Section, ...]
    review_within: timedelta
    made_at: datetime

    @property
    def dangerous(self) -> bool:
        """Some version would send somebody where a label says that nobody may go, or not yet."""
        return any(column.measures.dangerous for section in self.sections for column in section.columns)

    def delay(self, column: Column) -> Delay:
        return delay(column.outcomes, self.review_within.total_seconds())


def decide_all(name: str, cases: Sequence[Case], version: Version, watch: Watch, *, what_if: bool) -> Column:
    """Return what a version makes of the cases; `what_if`: also what it would, had the core four been denied."""
    outcomes = tuple(decide_case(case, version) for case in watch(cases, f"{name}: {version.name}"))
    would = None
    if what_if:
        asked = [outcome.case for outcome in outcomes if outcome.decision.verdict is not Verdict.SAFE]
        denied = (
            decide_case(case.with_core_denied(), version)
            for case in watch(asked, f"{name}: {version.name}, all four denied")
        )
        would = tuple(outcome for outcome in denied if outcome.decision.verdict is Verdict.SAFE)
    return Column(version.name, version.digest, outcomes, would)


def decide_case(case: Case, version: Version) -> Outcome:
    began = time.thread_time()
    decision = decide_safely(case.evidence, version.protocol, case.rules, case.clearances)
    return Outcome(case, decision, time.thread_time() - began)


# --- as plain data


def plain(report: Report) -> dict[str, Any]:
    """Return the report as JSON has it."""
    return {
        "made_at": report.made_at.isoformat(),
        "review_within_s": report.review_within.total_seconds(),
        "dangerous": report.dangerous,
        "sets": [
            {
                "name": section.name,
                "remarks": list(section.remarks),
                "versions": [_plain_column(report, column) for column in section.columns],
                "differences": [_plain_difference(one, two) for one, two in section.differences()],
            }
            for section in report.sections
        ],
    }


def _plain_column(report: Report, column: Column) -> dict[str, Any]:
    late = report.delay(column)
    tables = {"verdict": by_verdict, "disposition": by_disposition, "discipline": by_discipline}
    kept: Mapping[str, Callable[[Case], str]] = {"language": lambda c: c.language, "tag": lambda c: c.tag}
    return {
        "version": column.version,
        "digest": column.digest,
        "decisions_digest": column.decisions_digest(),
        "measures": plain_measures(column.measures),
        "confusion": {name: _plain_table(confusion(column.outcomes, of)) for name, of in tables.items()},
        "by": {
            name: {group: plain_measures(found) for group, found in groups(column.outcomes, of).items()}
            for name, of in kept.items()
        },
        "deciding_rules": _plain_table(deciding_rules(column.outcomes)),
        "decision_time": column.decision_time.wire(),
        "added_delay_to_police": {
            "waiting_for_the_reviewer": late.waiting.wire(),
            "starting_at_the_answer": late.at_the_answer.wire(),
            "false_safe_not_in_it": late.not_in_it,
        },
        "disagreements": [{"kind": kind.value, **plain_outcome(o)} for kind, o in column.disagreements()],
        "ambiguous": [plain_outcome(outcome) for outcome in column.ambiguous()],
        "would_be_safe_if_all_four_were_denied": (
            None if column.would_be_safe is None else [plain_outcome(outcome) for outcome in column.would_be_safe]
        ),
    }


def plain_measures(found: Measures) -> dict[str, Any]:
    return {
        field.name: value.wire() if isinstance(value := getattr(found, field.name), Rate) else value
        for field in fields(Measures)
    }


def _plain_table(table: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {row: dict(sorted(cells.items())) for row, cells in table.items()}


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return one case with its words and what was made of them."""
    case, decision = outcome.case, outcome.decision
    return {
        "id": case.id,
        "expected": case.expected.verdict.value if case.expected else None,
        "expected_reasons": list(case.expected.reasons) if case.expected else [],
        "decided": decision.verdict.value,
        "disposition": decision.disposition.value,
        "discipline": decision.discipline.value if decision.discipline else None,
        "texts": dict(case.texts()),
        "reasons": [
            {"rule": r.rule, "effect": r.effect.value, "source": r.source, "quote": r.quote, "start": r.start, "end": r.end}
            for r in decision.reasons
            if r.effect is not Effect.NOTE
        ],
    }  # fmt: skip


def _plain_difference(one: Outcome, two: Outcome) -> dict[str, Any]:
    return {
        "id": one.case.id,
        "first": {"version": one.decision.protocol_version, "decided": one.decision.verdict.value},
        "other": {
            "version": two.decision.protocol_version,
            "decided": two.decision.verdict.value,
            "disposition": two.decision.disposition.value,
        },
        "safer": two.decision.verdict.caution < one.decision.verdict.caution,
    }
