"""The report in a terminal."""

from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.evaluate.highlight import marked_texts
from services.evaluate.measures import (
    RATES,
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
from services.evaluate.words import HONESTLY, delay_words, group_cells, rates_of, seconds, verdict_words
from services.intake.domain.triage.model import Effect

_STYLE: Final[Mapping[Effect, str]] = {
    Effect.UNSAFE: "bold white on red",
    Effect.RETURN: "bold black on magenta",
    Effect.REVIEW: "black on yellow",
    Effect.SAFE: "black on green",
    Effect.NOTE: "underline",
}
_MARK: Final = {True: ("met", "green"), False: ("MISSED", "bold red"), None: ("", "")}
_RULES: Final = 25


def show(report: Report, console: Console, *, brief: bool) -> None:
    """Print the whole report; `brief`: without the cases one by one."""
    for section in report.sections:
        console.rule(Text(section.name, "bold"))
        for remark in section.remarks:
            console.print(remark, highlight=False)
        console.print(_rates(section))
        for column in section.columns:
            _show_column(report, column, console, brief=brief)
        _show_differences(section, console, brief=brief)
    console.print(HONESTLY, style="dim", highlight=False)


def _rates(section: Section) -> Table:
    table = Table(title="Rates", title_justify="left")
    table.add_column("")
    for column in section.columns:
        table.add_column(column.version)
        table.add_column("")
    found = [column.measures for column in section.columns]
    table.add_row("cases", *_beside(str(m.cases) for m in found))
    table.add_row("of these labelled, and not ambiguous", *_beside(str(m.counted) for m in found))
    table.add_row("decided", *_beside(verdict_words(m) for m in found))
    for name in rates_of(found):
        cells = []
        for measures in found:
            word, style = _MARK[met(name, getattr(measures, name))]
            cells += [getattr(measures, name).words(bound=RATES[name][2]), Text(word, style)]
        table.add_row(RATES[name][0], *cells)
    return table


def _beside(words: Iterable[str]) -> list[str]:
    return [cell for word in words for cell in (word, "")]


def _show_column(report: Report, column: Column, console: Console, *, brief: bool) -> None:
    console.print(
        Text(f"\nVersion {column.version}", "bold"), Text(column.digest or "decisions as they were made", "dim")
    )
    if column.decision_time.count:
        console.print(f"Processor time of a decision: {seconds(column.decision_time)}", highlight=False)
        for line in delay_words(report.delay(column)):
            console.print(line, highlight=False)
    _show_groups(column, console)
    for title, of in (("Verdict", by_verdict), ("Disposition", by_disposition), ("Discipline", by_discipline)):
        _show_confusion(title, confusion(column.outcomes, of), console)
    _show_rules(column, console)
    if column.ambiguous():
        apart = ", ".join(f"{o.case.id} {o.decision.verdict}" for o in column.ambiguous())
        console.print(f"Ambiguous, in no rate: {apart}", highlight=False)
    found = column.disagreements()
    console.print(f"Disagreements with the labels: {len(found)}", highlight=False)
    if not brief:
        for kind, outcome in found:
            _show_outcome(kind.value, outcome, console)
    if column.would_be_safe is not None:
        console.print(f"\nWould become safe if all four were answered no: {len(column.would_be_safe)}", highlight=False)
        if not brief:
            for outcome in column.would_be_safe:
                _show_outcome("would be safe", outcome, console)


def _show_groups(column: Column, console: Console) -> None:
    for title, found in (
        ("By language", groups(column.outcomes, lambda case: case.language)),
        ("By note or call type", groups(column.outcomes, lambda case: case.tag)),
    ):
        table = Table(
            "", "cases", "false-safe", "review-as-safe", "capture", "review share", title=title, title_justify="left"
        )
        for name, measures in list(found.items())[:_RULES]:
            table.add_row(name, *group_cells(measures))
        console.print(table)


def _show_confusion(title: str, found: Mapping[str, Mapping[str, int]], console: Console) -> None:
    if not found:
        return
    heads = sorted({decided for cells in found.values() for decided in cells})
    table = Table(f"{title} expected, and decided:", *heads, title_justify="left")
    for expected, cells in found.items():
        table.add_row(expected, *(str(cells.get(head, 0)) for head in heads))
    console.print(table)


def _show_rules(column: Column, console: Console) -> None:
    table = Table("Rule that decided", "times", "of calls labelled", title_justify="left")
    for rule, cells in list(deciding_rules(column.outcomes).items())[:_RULES]:
        table.add_row(rule, str(sum(cells.values())), ", ".join(f"{label} {n}" for label, n in sorted(cells.items())))
    console.print(table)


def _show_outcome(kind: str, outcome: Outcome, console: Console) -> None:
    case, decision = outcome.case, outcome.decision
    expected = f"expected {case.expected.verdict}, " if case.expected else ""
    head = Text(f"\n{case.id}  {kind}: {expected}decided {decision.verdict} ({decision.disposition})", "bold")
    console.print(head)
    for source, pieces in marked_texts(outcome):
        line = Text(f"  {source}: ", "dim")
        for piece in pieces:
            line.append(_printable(piece.text), _STYLE[piece.effect] if piece.effect else "not dim")
        console.print(line)
    rules = [reason.rule for reason in decision.reasons if reason.effect is not Effect.NOTE]
    console.print(Text(f"  rules: {', '.join(dict.fromkeys(rules)) or 'none'}", "dim"))


def _printable(text: str) -> str:
    """Return the text without what would steer the terminal."""
    return "".join(sign if sign.isprintable() else "·" for sign in text)


def _show_differences(section: Section, console: Console, *, brief: bool) -> None:
    if len(section.columns) < 2:
        return
    found = list(section.differences())
    safer = sum(two.decision.verdict.caution < one.decision.verdict.caution for one, two in found)
    console.print(f"\nDecided otherwise than by {section.columns[0].version}: {len(found)}, of these safer: {safer}")
    for one, two in [] if brief else found:
        _show_outcome(
            f"{one.decision.verdict} by {one.decision.protocol_version}, by {two.decision.protocol_version}",
            two,
            console,
        )
