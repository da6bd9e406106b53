"""Charts as inline SVG: no script, no font and no request to anywhere."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

_WIDTH: Final = 800
_LABELS: Final = 270
_WORDS: Final = 240
_ROW: Final = 20
_COLORS: Final = ("#2b6cb0", "#dd6b20", "#2f855a", "#805ad5", "#b7791f", "#718096")


class Bar(NamedTuple):
    """One bar, from 0 to 1, with its words; `mark`: where its target is."""

    label: str
    share: float
    words: str
    series: int = 0
    mark: float | None = None


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Return a chart of horizontal bars; the same text is read out to those who cannot see it."""
    room = _WIDTH - _LABELS - _WORDS
    parts = [_head(title, len(rows) * _ROW + 8, "; ".join(f"{bar.label}: {bar.words}" for bar in rows))]
    for number, bar in enumerate(rows):
        top = number * _ROW + 4
        length = max(0.0, min(1.0, bar.share)) * room
        color = _COLORS[bar.series % len(_COLORS)]
        parts.append(_text(_LABELS - 8, top + 12, bar.label, end=True))
        parts.append(f'<rect x="{_LABELS}" y="{top}" width="{length:.1f}" height="14" fill="{color}"/>')
        parts.append(_text(_LABELS + room + 8, top + 12, bar.words))
        if bar.mark is not None:
            at = _LABELS + bar.mark * room
            parts.append(
                f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top - 2}" y2="{top + 16}" stroke="#c53030" stroke-width="2"/>'
            )
    return "".join([*parts, "</svg>"])


def stacked(title: str, table: Mapping[str, Mapping[str, int]], names: Sequence[str]) -> str:
    """Return one bar for each row of a table, divided by `names`; as long as the row is frequent."""
    room = _WIDTH - _LABELS - _WORDS
    most = max((sum(cells.values()) for cells in table.values()), default=1) or 1
    said = "; ".join(f"{row}: {_counts(cells, names)}" for row, cells in table.items())
    parts = [_head(title, len(table) * _ROW + 8, said)]
    for number, (row, cells) in enumerate(table.items()):
        top, left = number * _ROW + 4, float(_LABELS)
        parts.append(_text(_LABELS - 8, top + 12, row, end=True))
        for series, name in enumerate(names):
            length = cells.get(name, 0) / most * room
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{length:.1f}" height="14" fill="{_COLORS[series % len(_COLORS)]}"/>'
            )
            left += length
        parts.append(_text(_LABELS + room + 8, top + 12, _counts(cells, names)))
    return "".join([*parts, "</svg>", _legend(names)])


def _counts(cells: Mapping[str, int], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {cells[name]}" for name in names if cells.get(name))


def _legend(names: Sequence[str]) -> str:
    keys = (
        f'<span class="key" style="background:{_COLORS[number % len(_COLORS)]}"></span>{escape(name)}'
        for number, name in enumerate(names)
    )
    return f'<p class="legend">{" ".join(keys)}</p>'


def _head(title: str, height: int, said: str) -> str:
    return (
        f'<h4>{escape(title)}</h4><svg viewBox="0 0 {_WIDTH} {height}" role="img" width="{_WIDTH}" '
        f'aria-label="{escape(f"{title}. {said}", quote=True)}">'
    )


def _text(x: float, y: float, words: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x:.1f}" y="{y}" font-size="11"{anchor}>{escape(words[:44])}</text>'
