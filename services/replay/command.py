"""`commonground replay`: posts the calls of a file to a running system, with everybody around it simulated."""

import asyncio
import json
import os
import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.live import Live

from services.replay.calls import Selection, select_calls
from services.replay.endpoints import Endpoints, EndpointsInvalidError
from services.replay.mapping import Mapping_, load_mapping
from services.replay.run import NotReadyError, Options, Replay
from services.replay.screen import LiveView, show_summary
from services.replay.script import load_script
from services.replay.yaml_file import FileFaultError

_LINE_EVERY: Final = 20
"""Without a terminal a line is printed at every so many looks (ten seconds)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    file: Path
    mapping: str
    speed: float | None = None
    on: date | None = None
    limit: int | None = None
    one_day: bool = False
    seed: int = 1
    script: str | None = None
    endpoints: Path = Path(".commonground/endpoints.json")
    drain_min: float = 180.0
    json_file: Path | None = None


def run_replay(wanted: Wanted, console: Console | None = None) -> int:
    """Replay; return 0, 1 if the proof failed, 2 if the file, the mapping or the system is not as it must be."""
    console = console or Console()
    try:
        mapping, mapping_path = load_mapping(wanted.mapping)
        script = load_script(wanted.script or mapping.script)
        chosen = select_calls(
            wanted.file,
            mapping,
            mapping_path,
            seed=wanted.seed,
            on=wanted.on,
            limit=wanted.limit,
            one_day=wanted.one_day,
        )
        endpoints = Endpoints.read(wanted.endpoints)
    except (FileFaultError, EndpointsInvalidError) as fault:
        console.print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    if not chosen.calls:
        console.print(f"{wanted.file}: no call is left to replay; left out: {dict(chosen.skipped)}", style="red")
        return 2
    speed = wanted.speed or endpoints.time_rate
    options = Options(speed, wanted.seed, secrets.token_hex(3), timedelta(minutes=wanted.drain_min))
    replay = Replay(
        endpoints, mapping, script, chosen, options, about=_about(wanted, mapping, chosen, options, endpoints)
    )
    try:
        summary = asyncio.run(_run(replay, console))
    except NotReadyError as fault:
        console.print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    if wanted.json_file:
        wanted.json_file.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    show_summary(console, summary)
    return 0 if summary["proof"]["ok"] else 1


def _about(
    wanted: Wanted, mapping: Mapping_, chosen: Selection, options: Options, endpoints: Endpoints
) -> dict[str, object]:
    return {
        "file": wanted.file.name,
        "mapping": f"{mapping.name}: {mapping.says}",
        "rows": chosen.rows,
        "left_out": dict(chosen.skipped),
        "calls": len(chosen.calls),
        "span_h": round(chosen.span.total_seconds() / 3600, 2),
        "seed": options.seed,
        "run": options.run_id,
        "speed": f"{options.speed:g} times real pace, on a system whose clock runs {endpoints.time_rate:g} times as fast",
    }


async def _run(replay: Replay, console: Console) -> dict[str, Any]:
    view: LiveView | None = None
    looks = 0
    with Live(console=console, refresh_per_second=2, transient=True, auto_refresh=False) as live:

        def tell(running: Replay) -> None:
            nonlocal view, looks
            view = view or LiveView(len(running.selection.calls), running.ledger, running.clock, running.tablets)
            view.update(running.amiss)
            if console.is_terminal:
                live.update(view, refresh=True)
            elif looks % _LINE_EVERY == 0:
                console.print(view.line(), markup=False, highlight=False, soft_wrap=True)
            looks += 1

        return await replay.run(tell)


app = typer.Typer(add_completion=False)


@app.command()
def replay(  # noqa: PLR0913, PLR0917 - one for each option of the command
    file: Annotated[Path, typer.Argument(help="CSV or JSONL, plain or .gz.", exists=True, dir_okay=False)],
    mapping: Annotated[str, typer.Option(help="A mapping that we ship, or the path of a .yaml file.")] = "sample-shift",
    speed: Annotated[
        float | None, typer.Option(min=0.01, help="Times faster than real pace; default: as the system's clock.")
    ] = None,
    on: Annotated[str | None, typer.Option("--date", help="Only calls of this local day, YYYY-MM-DD.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many calls.")] = None,
    one_day: Annotated[bool, typer.Option("--one-day", help="Keep times of day, drop dates.")] = False,  # noqa: FBT002
    seed: Annotated[int, typer.Option(help="The same seed draws the same behavior.")] = 1,
    script: Annotated[
        str | None, typer.Option(help="A shift script that we ship (drill, calm), or a .yaml file.")
    ] = None,
    endpoints: Annotated[Path | None, typer.Option(help="The running system's endpoints file.")] = None,
    drain: Annotated[float, typer.Option(min=0, help="Minutes of system time to go on after the last call.")] = 180.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary here as well.")] = None,
) -> None:
    """Post a file of past calls to a running system, with tablets, reviewers and a call center simulated.

    Ends with a summary and the proof that every call is final or has a holder and a deadline ahead; exit code 1 if not.
    """
    try:
        day = date.fromisoformat(on) if on else None
    except ValueError as error:
        raise typer.BadParameter(f"{on!r} is not a date like 2023-01-01", param_hint="--date") from error
    home = Path(os.environ.get("COMMONGROUND_HOME", ".commonground"))
    wanted = Wanted(
        file, mapping, speed, day, limit, one_day, seed, script, endpoints or home / "endpoints.json", drain, json_file
    )
    raise typer.Exit(run_replay(wanted))


def main(arguments: list[str]) -> int:
    """Run `commonground replay` with these arguments; the exit code."""
    try:
        app(arguments, prog_name="commonground replay")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0
