"""The report as one HTML file: tables, charts and every disagreement with its words marked; nothing is loaded from anywhere."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from services.evaluate.charts import Bar, bars, stacked
from services.evaluate.highlight import marked_texts
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

_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1a202c;background:#fff}
table{border-collapse:collapse;margin:.6rem 0}td,th{border:1px solid #cbd5e0;padding:.2rem .5rem;text-align:left;vertical-align:top}
th{background:#edf2f7}.met{color:#276749}.missed{color:#c53030;font-weight:bold}.dim{color:#4a5568}
mark.unsafe{background:#feb2b2}mark.return{background:#e9d8fd}mark.review{background:#faf089}mark.safe{background:#c6f6d5}
mark.note{background:#e2e8f0}.case{border-left:4px solid #cbd5e0;padding-left:.7rem;margin:.8rem 0}
.case p{margin:.15rem 0;white-space:pre-wrap;overflow-wrap:anywhere}svg{max-width:100%;height:auto}
.key{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .8em}h4{margin:.8rem 0 .2rem}
"""
_VERDICTS: Final = ("safe", "review", "unsafe", "not labelled")
_SHOWN: Final = 25


def html_page(report: Report) -> str:
    """Return the page."""
    said = "".join(_section(report, section) for section in report.sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Triage report</title>'
        f"<style>{_STYLE}</style></head><body><h1>Triage report</h1>"
        f'<p class="dim">Made {escape(report.made_at.isoformat(timespec="seconds"))} by <code>commonground evaluate</code>. '
        f"{escape(HONESTLY)}</p>{said}</body></html>\n"
    )


def _section(report: Report, section: Section) -> str:
    found = [column.measures for column in section.columns]
    remarks = "".join(f"<p>{escape(remark)}</p>" for remark in section.remarks)
    columns = "".join(_column(report, column) for column in section.columns)
    return f"<h2>{escape(section.name)}</h2>{remarks}{_rates(section, found)}{columns}{_differences(section)}"


def _rates(section: Section, found: Sequence[Measures]) -> str:
    rows = [
        ["cases", *(str(measures.cases) for measures in found)],
        ["labelled, and not ambiguous", *(str(measures.counted) for measures in found)],
        ["decided", *(verdict_words(measures) for measures in found)],
    ]
    body = "".join(_row(map(escape, row)) for row in rows)
    chart: list[Bar] = []
    for name in rates_of(found):
        label, target, bounded = RATES[name]
        cells = [escape(label)]
        for series, measures in enumerate(found):
            rate = getattr(measures, name)
            verdict = {True: ' <span class="met">met</span>', False: ' <span class="missed">missed</span>', None: ""}
            cells.append(escape(rate.words(bound=bounded)) + verdict[met(name, rate)])
            if rate.share is not None:
                who = f" ({section.columns[series].version})" if len(found) > 1 else ""
                chart.append(Bar(label + who, rate.share, f"{rate.share:.1%}", series, target))
        body += _row(cells)
    head = "".join(f"<th>{escape(column.version)}</th>" for column in section.columns)
    return f"<table><tr><th></th>{head}</tr>{body}</table>{bars('Rates; the red line is the target', chart)}"


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _column(report: Report, column: Column) -> str:
    parts = [f"<h3>Version {escape(column.version)}</h3>"]
    if column.digest is not None:
        late = report.delay(column)
        parts.append(f'<p class="dim">Protocol digest <code>{column.digest}</code>, digest of all decisions '
                     f"<code>{column.decisions_digest()}</code></p>")  # fmt: skip
        parts.append(f"<p>Processor time of a decision: {escape(seconds(column.decision_time))}</p>")
        parts.extend(f"<p>{escape(line)}</p>" for line in (*delay_words(late), DELAY_MEANS))
    for title, of in (("Verdict", by_verdict), ("Disposition", by_disposition), ("Discipline", by_discipline)):
        parts.append(_confusion(title, confusion(column.outcomes, of)))
    for title, found in (
        ("By language", groups(column.outcomes, lambda case: case.language)),
        ("By note or call type", groups(column.outcomes, lambda case: case.tag)),
    ):
        parts.append(_groups(title, dict(list(found.items())[:_SHOWN])))
    rules = dict(list(deciding_rules(column.outcomes).items())[:_SHOWN])
    parts.append(stacked("Rule that decided, by what was expected", rules, _VERDICTS))
    parts.append(_ambiguous(column))
    found_otherwise = column.disagreements()
    parts.append(f"<h4>Disagreements with the labels: {len(found_otherwise)}</h4>")
    parts.extend(_outcome(kind.value, outcome) for kind, outcome in found_otherwise)
    if column.would_be_safe is not None:
        parts.append(f"<h4>Would become safe if all four were answered no: {len(column.would_be_safe)}</h4>")
        parts.extend(_outcome("would be safe", outcome) for outcome in column.would_be_safe)
    return "".join(parts)


def _ambiguous(column: Column) -> str:
    apart = ", ".join(f"{o.case.id}: {o.decision.verdict}" for o in column.ambiguous())
    return f"<p>Ambiguous, in no rate: {escape(apart)}</p>" if apart else ""


def _confusion(title: str, found: Mapping[str, Mapping[str, int]]) -> str:
    if not found:
        return ""
    heads = sorted({decided for cells in found.values() for decided in cells})
    head = "".join(f"<th>{escape(word)}</th>" for word in (f"{title} expected, and decided:", *heads))
    most = max(max(cells.values()) for cells in found.values())
    rows = ""
    for expected, cells in found.items():
        shades = (f"background:rgba(43,108,176,{0.6 * cells.get(decided, 0) / most:.2f})" for decided in heads)
        rows += f"<tr><th>{escape(expected)}</th>" + "".join(
            f'<td style="{shade}">{cells.get(decided, 0)}</td>' for decided, shade in zip(heads, shades, strict=True)
        )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _groups(title: str, found: Mapping[str, Measures]) -> str:
    head = "".join(
        f"<th>{word}</th>" for word in ("", "cases", "false-safe", "review-as-safe", "capture", "review share")
    )
    rows = "".join(_row(map(escape, (name, *group_cells(measures)))) for name, measures in found.items())
    chart = [
        Bar(f"{name}: {word}", rate.share, f"{rate.share:.0%} of {rate.of}", series)
        for name, measures in found.items()
        for series, (word, rate) in enumerate((("capture", measures.capture), ("review", measures.review_share)))
        if rate.share is not None
    ]
    return f"<h4>{title}</h4><table><tr>{head}</tr>{rows}</table>{bars(f'{title}: capture and review share', chart)}"


def _outcome(kind: str, outcome: Outcome) -> str:
    case, decision = outcome.case, outcome.decision
    expected = f"expected {case.expected.verdict}, " if case.expected else ""
    head = f"{case.id} · {kind}: {expected}decided {decision.verdict} ({decision.disposition})"
    texts = ""
    for source, pieces in marked_texts(outcome):
        said = "".join(
            f'<mark class="{piece.effect}">{escape(piece.text)}</mark>' if piece.effect else escape(piece.text)
            for piece in pieces
        )
        texts += f'<p><span class="dim">{escape(source)}:</span> {said}</p>'
    rules = ", ".join(dict.fromkeys(r.rule for r in decision.reasons if r.effect is not Effect.NOTE))
    return f'<div class="case"><b>{escape(head)}</b>{texts}<p class="dim">rules: {escape(rules or "none")}</p></div>'


def _differences(section: Section) -> str:
    if len(section.columns) < 2:
        return ""
    found = list(section.differences())
    safer = sum(two.decision.verdict.caution < one.decision.verdict.caution for one, two in found)
    shown = "".join(
        _outcome(
            f"{one.decision.verdict} by {section.columns[0].version}, otherwise by {two.decision.protocol_version}", two
        )
        for one, two in found
    )
    first = escape(section.columns[0].version)
    return f"<h3>Decided otherwise than by {first}: {len(found)}, of these safer: {safer}</h3>{shown}"
