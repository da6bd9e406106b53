"""The options of `commonground evaluate`; apart, because the command line reads them before it knows what it will do."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[CASES]...",
        help="Case files: .jsonl (one case a line: narrative, answers, expected ...) or .csv (with a column narrative or "
        "summary), also packed as .gz.",
        show_default=False,
    ),
]
Protocols = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        "-p",
        help="A protocol file, or the version of a shipped one. Repeat to compare; the first is the measure.",
        show_default="the shipped one in force",
    ),
]
Stored = Annotated[
    bool,
    typer.Option(
        "--stored", help="Decide again what the database of this installation (or INTAKE_DATABASE_DSN) holds, too."
    ),
]
Jurisdiction = Annotated[str, typer.Option(help="With --stored: whose calls.")]
Limit = Annotated[int, typer.Option(min=1, help="With --stored: at most so many decisions, the newest.")]
AnswerAllNo = Annotated[
    bool,
    typer.Option(
        "--answer-all-no",
        help="List also what would become safe, had each of the core four not asked been answered no.",
    ),
]
ReviewSeconds = Annotated[float, typer.Option(min=0, help="How long a reviewer has; counts in the added delay.")]
Brief = Annotated[bool, typer.Option("--brief", help="Print figures only, not the cases one by one.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write everything to this JSON file.", show_default=False)
]
HtmlFile = Annotated[
    Path | None,
    typer.Option("--html", help="Write one HTML file with charts; it loads nothing from anywhere.", show_default=False),
]
PageFile = Annotated[
    Path | None,
    typer.Option(
        "--report", help="Write a page of figures, ids and rule names, without anybody's words.", show_default=False
    ),
]
