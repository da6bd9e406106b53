"""`commonground evaluate`: what is asked, in the order in which it is done."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track
from sqlalchemy import make_url

from services.evaluate.case_file import CaseFileInvalid, read_cases
from services.evaluate.cases import Case
from services.evaluate.html_page import html_page
from services.evaluate.markdown_page import markdown_page
from services.evaluate.report import Report, Section, Watch, decide_all, plain
from services.evaluate.screen import show
from services.evaluate.stored import read_stored, sections
from services.evaluate.versions import Version, VersionUnknownError, load_versions
from services.intake.commands.protocol_files import ProtocolFileInvalid
from services.replay.endpoints import nobody_there
from shared import loading

DANGEROUS: Final = 1
BAD_INPUT: Final = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    files: Sequence[Path] = ()
    protocols: Sequence[str] = ()
    stored_dsn: str | None = None
    jurisdiction: str = "los-angeles"
    limit: int = 5000
    what_if: bool = False
    review_within: timedelta = timedelta(seconds=60)
    brief: bool = False
    json_file: Path | None = None
    html_file: Path | None = None
    page_file: Path | None = None


def run_evaluation(wanted: Wanted, console: Console, notes: Console) -> int:
    """Evaluate and print; return 0, 1 if anybody would be sent where a label forbids it, 2 for input that cannot be read.

    Progress and faults go to `notes`.
    """
    if not wanted.files and wanted.stored_dsn is None:
        notes.print("commonground evaluate: name a case file, or ask for --stored.", style="red", markup=False)
        return BAD_INPUT
    try:
        versions = load_versions(wanted.protocols)
        sets = [(path.name, read_cases(path)) for path in wanted.files]
    except (CaseFileInvalid, ProtocolFileInvalid, VersionUnknownError) as fault:
        notes.print(f"commonground evaluate: {fault}", style="red", markup=False, soft_wrap=True)
        return BAD_INPUT
    loading.end()  # decisions are timed as a service makes them
    watch = _watch(notes)
    found = [_section(name, cases, versions, watch, what_if=wanted.what_if) for name, cases in sets]
    if wanted.stored_dsn is not None:
        try:
            stored = asyncio.run(read_stored(wanted.stored_dsn, wanted.jurisdiction, limit=wanted.limit))
        except OSError:  # refused, no such host, no answer in time
            server = make_url(wanted.stored_dsn)
            silence = nobody_there("the database", f"{server.host}:{server.port or 5432}")
            notes.print(f"commonground evaluate: {silence}", style="red", markup=False, soft_wrap=True)
            return BAD_INPUT
        found.extend(sections(stored, versions, watch, what_if=wanted.what_if))
        if not stored.decisions:
            notes.print("There is no stored decision of triage.", markup=False)
    report = Report(tuple(found), wanted.review_within, datetime.now(UTC))
    show(report, console, brief=wanted.brief)
    _write(report, wanted, notes)
    return DANGEROUS if report.dangerous else 0


def _section(name: str, cases: Sequence[Case], versions: Sequence[Version], watch: Watch, *, what_if: bool) -> Section:
    return Section(name, tuple(decide_all(name, cases, version, watch, what_if=what_if) for version in versions))


def _watch(notes: Console) -> Watch:
    def watch(cases: Sequence[Case], what: str) -> Iterable[Case]:
        return track(cases, description=what, console=notes, transient=True, disable=not notes.is_terminal)

    return watch


def _write(report: Report, wanted: Wanted, notes: Console) -> None:
    if wanted.json_file is not None:
        _save(wanted.json_file, json.dumps(plain(report), ensure_ascii=False, indent=1) + "\n", notes)
    if wanted.html_file is not None:
        _save(wanted.html_file, html_page(report), notes)
    if wanted.page_file is not None:
        _save(wanted.page_file, markdown_page(report, _command(wanted)), notes)


def _save(path: Path, text: str, notes: Console) -> None:
    path.write_text(text, encoding="utf-8")
    notes.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)


def _command(wanted: Wanted) -> str:
    """Return how the page is made again: the files by their names alone."""
    parts = ["commonground evaluate", *(path.name for path in wanted.files)]
    parts += [f"--protocol {Path(name).name}" for name in wanted.protocols]
    parts += ["--stored"] if wanted.stored_dsn is not None else []
    parts += ["--answer-all-no"] if wanted.what_if else []
    return " ".join([*parts, "--report docs/triage-report.md"])
