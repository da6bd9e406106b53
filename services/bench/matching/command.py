"""`commonground bench matching`: play the city, print the table and the verdicts, draw the chart."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from services.bench.matching import city, measure
from services.bench.matching.chart import chart
from services.bench.matching.measure import Difference, Figures, Seen
from services.bench.matching.rules import RULES, WORDS
from services.bench.matching.world import World

OURS: Final = "look-ahead"
STUDY: Final = {
    (0.4, "closest"): (15.8, 33.0), (0.4, "myopic"): (15.9, 33.0),
    (0.6, "closest"): (37.2, 89.1), (0.6, "myopic"): (30.2, 68.0),
}  # fmt: skip
"""Mean and 90th percentile of the study that this repeats; its city is not published, so ours is another one like it."""
_SHOWN: Final = (
    ("mean", "mean", "{:.1f}"), ("p90", "p90", "{:.1f}"), ("<=20 min", "soon", "{:.3f}"),
    ("worst area p90", "worst_area_p90", "{:.0f}"), ("95% of areas p90", "area_p90_95th", "{:.0f}"),
    ("P1 mean", "urgent_mean", "{:.1f}"), ("P1 p90", "urgent_p90", "{:.1f}"), ("drive", "drive", "{:.1f}"),
    ("busy", "busy", "{:.3f}"), ("longest", "longest", "{:.0f}"), ("returned P1", "returned_1", "{:.3f}"),
    ("returned P2", "returned_2", "{:.3f}"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What is played."""

    seeds: Sequence[int]
    loads: Sequence[float]
    days: int
    deadlines: bool


class Bar(NamedTuple):
    """One thing that must hold, and what was seen."""

    words: str
    seen: str
    holds: bool


Played = Mapping[tuple[float, str], list[Seen]]


def play(asked: Asked, console: Console) -> Played:
    """Play every seed of every load under every rule, on the same calls."""
    town = city.build()
    policy = city.POLICY if asked.deadlines else city.AS_STUDIED
    played: dict[tuple[float, str], list[Seen]] = {(load, rule): [] for load in asked.loads for rule in RULES}
    for seed in asked.seeds:
        for load in asked.loads:
            calls = city.calls(town, load=load, days=asked.days, seed=seed)
            for name, rule in RULES.items():
                run = World(town, calls, rule, deadlines=asked.deadlines, policy=policy).play()
                played[load, name].append(measure.look(run, teams=len(town.teams), days=asked.days))
        console.print(f"[dim]seed {seed} played[/dim]")
    return played


def bars(played: Played, loads: Sequence[float], *, deadlines: bool) -> Iterator[Bar]:
    """Yield each thing that must hold."""
    if deadlines:
        yield from (bar for load in loads if load < 0.8 for bar in _returned(played, load))
        return
    if 0.6 in loads:
        yield from _lower(
            played, 0.6, "closest", {"mean": 0.35, "p90": 0.40, "worst_area_p90": 0.35, "urgent_mean": 0.30}
        )
        yield from _lower(played, 0.6, "myopic", {"mean": 0.20, "p90": 0.25})
    if 0.4 in loads:
        yield from _lower(played, 0.4, "closest", {"mean": 0.04, "p90": 0.06})
        listed = ("mean", "p90", "soon", "area_p90_95th", "urgent_mean")
        yield from (_not_worse(played, 0.4, other, figure) for other in ("closest", "myopic") for figure in listed)
    if 0.8 in loads:
        grows = measure.slope(played[0.8, OURS])
        seen = f"{grows.lower:+.3f} calls a day [{grows.low:+.3f}, {grows.high:+.3f}]"
        yield Bar("load 0.8: the queue does not grow from day to day", seen, bool(grows.low <= 0))
    yield from _like_the_study(played)


def _lower(played: Played, load: float, other: str, wanted: Mapping[str, float]) -> Iterator[Bar]:
    for figure, least in wanted.items():
        found = measure.lower(played[load, OURS], played[load, other], figure)
        yield Bar(f"load {load:g}: {figure} at least {least:.0%} below {other}", _share(found), found.lower >= least)


def _not_worse(played: Played, load: float, other: str, figure: str) -> Bar:
    found = measure.lower(played[load, OURS], played[load, other], figure)
    worse = found.lower if figure == "soon" else -found.lower
    return Bar(f"load {load:g}: {figure} not over 2% worse than {other}", f"{worse:+.1%}", worse <= 0.02)


def _returned(played: Played, load: float) -> Iterator[Bar]:
    seen = {rule: measure.figures(played[load, rule]) for rule in RULES}
    for figure in ("returned_1", "returned_2"):
        better = min(getattr(found, figure) for rule, found in seen.items() if rule != OURS)
        ours = getattr(seen[OURS], figure)
        words = f"load {load:g}, deadlines on: {figure} at most 1 point above the better simple rule"
        yield Bar(words, f"{ours:.1%} against {better:.1%}", ours <= better + 0.01)


def _like_the_study(played: Played) -> Iterator[Bar]:
    for (load, rule), wanted in STUDY.items():
        if (load, rule) in played:
            found = measure.figures(played[load, rule])
            off = max(abs(found.mean / wanted[0] - 1), abs(found.p90 / wanted[1] - 1))
            seen = f"{found.mean:.1f} / {found.p90:.1f} against {wanted[0]} / {wanted[1]}"
            yield Bar(f"load {load:g}: {rule} within 15% of the study's mean and p90", seen, off <= 0.15)


def _share(found: Difference) -> str:
    return f"{found.lower:.1%} [{found.low:.1%}, {found.high:.1%}]"


def table_of(figures: Mapping[tuple[float, str], Figures]) -> Table:
    """Return the table as it is printed."""
    table = Table(title="Minutes from call to arrival; shares")
    for title in ("load", "rule", *(title for title, _, _ in _SHOWN)):
        table.add_column(title)
    for (load, rule), found in sorted(figures.items(), key=lambda one: one[0][0]):
        table.add_row(f"{load:g}", rule, *(form.format(getattr(found, name)) for _, name, form in _SHOWN))
    return table


def run(asked: Asked, console: Console, out: Path | None) -> int:
    """Play, print, and write `matching.svg` and `matching.json` into `out`; 0 if everything holds that must."""
    played = play(asked, console)
    figures = {key: measure.figures(runs) for key, runs in played.items()}
    console.print(table_of(figures))
    found = list(bars(played, asked.loads, deadlines=asked.deadlines))
    for bar in found:
        mark = "[green]holds[/green]" if bar.holds else "[red]does not hold[/red]"
        console.print(f"{mark}  {bar.words}: {bar.seen}", highlight=False)
    if out is not None:
        _write(out, asked, figures, found)
    return 0 if all(bar.holds for bar in found) else 1


def _write(out: Path, asked: Asked, figures: Mapping[tuple[float, str], Figures], found: Sequence[Bar]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    seeds = f"seeds {min(asked.seeds)} to {max(asked.seeds)}, {asked.days} days"
    (out / "matching.svg").write_text(chart(figures, WORDS, f"From call to arrival in a synthetic city ({seeds})"))
    rows = [{"load": load, "rule": rule, **one._asdict()} for (load, rule), one in figures.items()]
    said = {"seeds": [*asked.seeds], "days": asked.days, "deadlines": asked.deadlines, "rows": rows,
            "bars": [bar._asdict() for bar in found]}  # fmt: skip
    (out / "matching.json").write_text(json.dumps(said, indent=1) + "\n")
