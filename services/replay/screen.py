"""What a replay shows: a progress bar and a live table on a terminal, a line now and then elsewhere, and the summary."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.replay.clock import SystemClock
from services.replay.ledger import FINAL, Ledger
from services.replay.tablet import Tablet


class LiveView:
    """The progress bar and the live table."""

    def __init__(self, total: int, ledger: Ledger, clock: SystemClock, tablets: Sequence[Tablet]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._tablets = tablets
        self._phases: list[str] = []
        self.progress = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._task = self.progress.add_task("calls reported", total=total)

    def update(self, phases: Sequence[str]) -> None:
        """Take over how far it is."""
        self._phases = list(phases)
        self.progress.update(self._task, completed=self._ledger.did["reports"])

    def __rich__(self) -> Group:
        """Return the bar and the table."""
        return Group(self.progress, self._table())

    def line(self) -> str:
        """Return the same in one line, for a log."""
        statuses = Counter(case.status or "kept" for case in self._ledger.cases)
        named = ", ".join(f"{status} {count}" for status, count in statuses.most_common())
        amiss = f" | amiss: {', '.join(self._phases)}" if self._phases else ""
        return f"{self._clock.now():%H:%M:%S} | reported {self._ledger.did['reports']} | {named}{amiss}"

    def _table(self) -> Table:
        statuses = Counter(case.status or "kept by the call center" for case in self._ledger.cases)
        working = Counter(status for tablet in self._tablets for status in tablet.statuses)
        table = Table(title=f"System time {self._clock.now():%Y-%m-%d %H:%M:%S} UTC", title_justify="left")
        for heading in ("calls under way", "", "calls ended", "", "tablets", ""):
            table.add_column(heading, justify="right" if not heading else "left")
        under_way = [(status, count) for status, count in statuses.most_common() if status not in FINAL]
        ended = [(status, count) for status, count in statuses.most_common() if status in FINAL]
        teams = [*working.most_common(), ("idle", sum(not tablet.statuses for tablet in self._tablets))]
        for index in range(max(len(under_way), len(ended), len(teams))):
            cells: list[str] = []
            for column in (under_way, ended, teams):
                cells += [column[index][0], str(column[index][1])] if index < len(column) else ["", ""]
            table.add_row(*cells)
        if self._phases:
            table.caption = "amiss by the script: " + ", ".join(self._phases)
        return table


def show_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Print the summary."""
    console.rule("replay")
    _pairs(console, "", summary["replay"])
    for line in summary["simulated"]:
        console.print(f"  simulated: {line}", highlight=False)
    calls = summary["calls"]
    _pairs(console, "calls", {key: value for key, value in calls.items() if isinstance(value, int)})
    for name in ("by_first_verdict", "by_final_status", "by_return_reason", "by_outcome", "kept_because"):
        if calls[name]:
            _pairs(console, name.replace("_", " "), calls[name])
    if calls["return_reasons_that_did_not_occur"]:
        console.print("return reasons that did not occur: " + ", ".join(calls["return_reasons_that_did_not_occur"]))
    _pairs(console, "calls that reached a team", summary["reached_a_team"])
    _pairs(console, "what happened, by the system's own history", summary["events"])
    console.print(_times(summary["times"]))
    console.print(_teams(summary))
    for who, did in summary["people"].items():
        _pairs(console, f"simulated {who} did", did)
    _proof(console, summary["proof"])


def _pairs(console: Console, title: str, pairs: Mapping[str, Any]) -> None:
    if title:
        console.print(f"[bold]{title}[/]")
    table = Table(box=None, show_header=False, pad_edge=True)
    for key, value in pairs.items():
        table.add_row(f"  {key}", str(value))
    console.print(table)


def _times(times: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("time from report to", "calls", "p50", "p90", "p99", title="times", title_justify="left")
    names = {
        "decision_ms": "decision (ms, wall clock)",
        "offer_s": "first offer (s, system time)",
        "accept_s": "first acceptance (s, system time)",
        "on_scene_s": "arrival (s, system time)",
    }
    for key, name in names.items():
        row = times[key]
        table.add_row(name, *(str(row[column]) for column in ("count", "p50", "p90", "p99")))
    return table


def _teams(summary: Mapping[str, Any]) -> Table:
    table = Table("team", "busy share", "held min", "on duty min", "did", title="teams", title_justify="left")
    for team in summary["teams"]:
        did = ", ".join(f"{what} {count}" for what, count in sorted(team["did"].items()))
        cells = (team["team"], team["busy_share"], team["held_min"], team["on_duty_min"], did)
        table.add_row(*(str(cell) for cell in cells))
    table.add_row("all", str(summary["teams_busy_share"]), "", "", "")
    return table


def _proof(console: Console, proof: Mapping[str, Any]) -> None:
    console.rule("proof")
    held = proof["held_with_a_deadline_ahead"]
    console.print(
        f"{proof['final']} calls are final; {len(held)} have a holder and a deadline ahead; "
        f"{proof['with_the_call_center_and_never_stored']} stayed with the call center and were never stored."
    )
    for entry in held:
        console.print(
            f"  {entry['event']} is {entry['status']}: {entry['holder']} until {entry['deadline']}", highlight=False
        )
    if proof["ok"]:
        console.print("[green]No call is lost.[/]")
        return
    console.print(f"[red]{len(proof['neither'])} calls are neither:[/]")
    for entry in proof["neither"]:
        console.print(f"  {entry['event']} ({entry['call']}): {entry['seen']}", highlight=False)
