"""The chart of a comparison, as SVG written by hand: a drawing library would be the largest dependency for the smallest picture."""

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

from services.bench.matching.measure import Figures

COLORS: Final = {"closest": "#9aa0a6", "myopic": "#5b8db8", "look-ahead": "#1b7f5c"}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _BAR = 900, 420, 60, 60, 70, 34


def chart(table: Mapping[tuple[float, str], Figures], words: Mapping[str, str], title: str) -> str:
    """Return bars of the mean response and of its 90th percentile, by load and rule. A rule off the scale is cut and says so."""
    loads = sorted({load for load, _ in table})
    ceiling = max(_ceiling(table, loads), 10.0)
    parts = [_text(_WIDTH / 2, 24, title, size=17, anchor="middle"), *_grid(ceiling), *_legend(words)]
    group = (_WIDTH - _LEFT) / len(loads)
    for number, load in enumerate(loads):
        left = _LEFT + number * group
        parts.append(_text(left + group / 2, _HEIGHT - _BOTTOM + 22, f"load {load:g}", anchor="middle"))
        shown = [(rule, table[load, rule]) for rule in COLORS if (load, rule) in table]
        for place, (rule, found) in enumerate(shown):
            x = left + group / 2 + (place - len(shown) / 2) * (_BAR + 14)
            parts += _bar(x, found, rule, ceiling)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" role="img">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _ceiling(table: Mapping[tuple[float, str], Figures], loads: Sequence[float]) -> float:
    """Return the top of the scale: the largest 90th percentile, but an overloaded rule does not make the others invisible."""
    ours = max((table[load, "look-ahead"].p90 for load in loads if (load, "look-ahead") in table), default=100.0)
    return min(max(found.p90 for found in table.values()), 2.2 * ours) * 1.08


def _y(minutes: float, ceiling: float) -> float:
    return _HEIGHT - _BOTTOM - min(minutes / ceiling, 1.0) * (_HEIGHT - _TOP - _BOTTOM)


def _bar(x: float, found: Figures, rule: str, ceiling: float) -> list[str]:
    floor, top, mark = _HEIGHT - _BOTTOM, _y(found.mean, ceiling), _y(found.p90, ceiling)
    color = COLORS[rule]
    cut = " (cut)" if found.p90 > ceiling else ""
    return [
        f'<rect x="{x:.1f}" y="{mark:.1f}" width="{_BAR}" height="{floor - mark:.1f}" fill="{color}" opacity="0.35"/>',
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{_BAR}" height="{floor - top:.1f}" fill="{color}"/>',
        _text(x + _BAR / 2, mark - 5, f"{found.p90:.0f}{cut}", size=11, anchor="middle"),
        _text(x + _BAR / 2, min(top + 14, floor - 4), f"{found.mean:.0f}", size=11, anchor="middle", fill="white"),
    ]


def _grid(ceiling: float) -> list[str]:
    step = next(size for size in (5, 10, 20, 50, 100, 200, 500, 1000) if ceiling / size <= 8)
    lines = []
    for minutes in range(0, int(ceiling) + 1, step):
        y = _y(minutes, ceiling)
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(_text(_LEFT - 8, y + 4, str(minutes), size=11, anchor="end"))
    return lines


def _legend(words: Mapping[str, str]) -> list[str]:
    parts = []
    for place, (rule, color) in enumerate(COLORS.items()):
        x = _LEFT + place * 270
        parts.append(f'<rect x="{x}" y="{_HEIGHT - 32}" width="12" height="12" fill="{color}"/>')
        parts.append(_text(x + 18, _HEIGHT - 22, words[rule], size=12))
    parts.append(
        _text(_LEFT, 46, "minutes from call to arrival: full bar the mean, pale bar the 90th percentile", size=12)
    )
    return parts


def _text(x: float, y: float, words: str, *, size: int = 13, anchor: str = "start", fill: str = "#222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>'
    )
