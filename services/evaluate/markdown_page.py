"""The report as a page of the documents: figures, ids and rule names, and no word of what anybody said."""

from collections.abc import Iterable, Mapping
from typing import Final

from services.documents.words import table
from services.evaluate.measures import (
    RATES,
    Measures,
    Outcome,
    by_discipline,
    by_disposition,
    by_verdict,
    confusion,
    deciding_rules,
    groups,
    met,
)
from services.evaluate.report import Column, Report, Section
from services.evaluate.words import (
    DELAY_MEANS,
    HONESTLY,
    delay_words,
    group_cells,
    rates_of,
    seconds,
    verdict_words,
)
from services.intake.domain.triage.model import Effect

_AGAIN: Final = "Make it again after every change of the protocol or of the reader; do not edit it."
_MOST_GROUPS: Final = 15
_MET: Final[Mapping[bool | None, str]] = {True: "met", False: "**missed**", None: ""}


def markdown_page(report: Report, command: str) -> str:
    """Return the page; `command` is how to make it again."""
    versions = dict.fromkeys(
        (column.version, column.digest) for section in report.sections for column in section.columns if column.digest
    )
    blocks = [
        "# Triage report",
        f"*Written by `{command}` on {report.made_at.date().isoformat()}. {_AGAIN}*",
        HONESTLY,
        table(
            ("protocol version", "digest of its content"), ((f"`{name}`", f"`{digest}`") for name, digest in versions)
        ),
        "The cases are not part of this repository: this page names them by their ids only.",
    ]
    for section in report.sections:
        blocks.extend(_section(report, section))
    return "\n\n".join(blocks) + "\n"


def _section(report: Report, section: Section) -> Iterable[str]:
    found = [column.measures for column in section.columns]
    yield f"## {section.name}"
    yield from section.remarks
    rows = [
        ("cases", *(f"{measures.cases}" for measures in found)),
        ("of these labelled, and not ambiguous", *(f"{measures.counted}" for measures in found)),
        ("decided", *(verdict_words(measures) for measures in found)),
        *(_rate(name, found) for name in rates_of(found)),
    ]
    yield table(("", *(f"`{column.version}`" for column in section.columns)), rows)
    for column in section.columns:
        yield from _column(report, column, alone=len(section.columns) == 1)


def _rate(name: str, found: Iterable[Measures]) -> tuple[str, ...]:
    label, target, bounded = RATES[name]
    wanted = "" if target is None else " (0)" if bounded else f" (≥ {target:.0%})"
    cells = []
    for measures in found:
        rate = getattr(measures, name)
        cells.append(" ".join(filter(None, (rate.words(bound=bounded), _MET[met(name, rate)]))))
    return (label + wanted, *cells)


def _column(report: Report, column: Column, *, alone: bool) -> Iterable[str]:
    if not alone:
        yield f"### Version `{column.version}`"
    if column.digest is not None:
        yield f"Digest of all decisions: `{column.decisions_digest()}`. Processor time of a decision: {seconds(column.decision_time)}."
        yield "\n".join(f"- {line}" for line in (*delay_words(report.delay(column)), DELAY_MEANS))
    for title, of in (("verdict", by_verdict), ("disposition", by_disposition), ("discipline", by_discipline)):
        yield from _confusion(title, confusion(column.outcomes, of))
    yield from _groups("language", groups(column.outcomes, lambda case: case.language))
    if column.measures.counted:  # a tag of unlabelled cases is somebody's wording
        yield from _groups("note", groups(column.outcomes, lambda case: case.tag))
    rules = deciding_rules(column.outcomes)
    yield table(
        ("rule that decided", "times", "of calls labelled"),
        (
            (f"`{rule}`", f"{sum(cells.values())}", ", ".join(f"{label} {n}" for label, n in sorted(cells.items())))
            for rule, cells in rules.items()
        ),
    )
    yield from _cases(column)


def _confusion(title: str, found: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    if found:
        heads = sorted({decided for cells in found.values() for decided in cells})
        yield table(
            (f"{title} expected, and decided:", *heads),
            ((expected, *(f"{cells.get(head, 0)}" for head in heads)) for expected, cells in found.items()),
        )


def _groups(title: str, found: Mapping[str, Measures]) -> Iterable[str]:
    if len(found) < 2:
        return
    rows = [(name.replace("|", "/"), *group_cells(measures)) for name, measures in list(found.items())[:_MOST_GROUPS]]
    more = f" (the largest {_MOST_GROUPS} of {len(found)})" if len(found) > _MOST_GROUPS else ""
    yield table((f"by {title}{more}", "cases", "false-safe", "review-as-safe", "capture", "review share"), rows)


def _cases(column: Column) -> Iterable[str]:
    found = column.disagreements()
    if found:
        yield f"Disagreements with the labels: {len(found)}."
        yield table(
            ("case", "how it differs", "decided", "rules that spoke"),
            ((outcome.case.id, kind.value, _decided(outcome), _rules(outcome)) for kind, outcome in found),
        )
    if apart := column.ambiguous():
        yield "Ambiguous, in no rate: " + ", ".join(f"{o.case.id} ({o.decision.verdict})" for o in apart) + "."
    if column.would_be_safe is not None:
        ids = ", ".join(outcome.case.id for outcome in column.would_be_safe)
        yield (
            f"Had each of the core four been answered no, {len(column.would_be_safe)} more of {len(column.outcomes)} would be "
            f"safe{': ' + ids if ids else ''}."
        )


def _decided(outcome: Outcome) -> str:
    decision = outcome.decision
    return f"{decision.verdict}, {decision.disposition}" + (f", {decision.discipline}" if decision.discipline else "")


def _rules(outcome: Outcome) -> str:
    spoke = (r.rule for r in outcome.decision.reasons if r.effect is not Effect.NOTE)
    return ", ".join(f"`{rule}`" for rule in dict.fromkeys(spoke))
