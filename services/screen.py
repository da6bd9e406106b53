"""What `commonground up` shows: what became of each call of the proof, and how to go on from there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from services.proof import Course
from services.servers import SERVICES
from services.tokens import Tokens

ROLES: Final = ("cad", "reviewer", "supervisor", "admin", "auditor", "service")


def seeded(report: Any) -> str:
    """Return one line about what the starter city added."""
    return escape(str(report))


def course(course: Course) -> str:
    """Return one line of markup about a call of the proof."""
    mark = "[green]✓[/]" if course.ok else "[red]✗[/]"
    steps = " → ".join(escape(what) for _, what in course.steps)
    sought = course.case.discipline or "no civilian"
    took = f" [dim]({course.steps[-1][0]:.1f} s)[/]" if course.steps else ""
    return f"{mark} {escape(course.case.name)} [dim]({sought})[/]: {steps} → [bold]{escape(course.ended)}[/]{took}"


def invitation(
    console: Console, *, urls: Mapping[str, str], tokens: Tokens, team: tuple[str, str] | None, file: Path
) -> None:
    """Print where the three APIs are, a token for each role (a team's where there is one) and a line to paste."""
    _plain(console, "")
    for service in SERVICES:
        _plain(console, f"  {service:10} {urls[service]}/docs")
    _plain(console, f"\n  Tokens, also in {file}:")
    for role in ROLES:
        _plain(console, f"  {role:10} {getattr(tokens, role)}")
    if team is not None:
        team_id, team_name = team
        _plain(console, f"  {'team':10} {tokens.team(team_id)}   ({team_name}, {team_id})")
    _plain(console, "\n  Report a call:\n")
    _plain(console, curl(urls["intake"], tokens.cad))
    _plain(console, "\n  Ctrl-C stops everything; what was stored stays.")


def curl(intake_url: str, token: str) -> str:
    """Return a line for any POSIX shell that reports a new call each time it is pasted."""
    report: dict[str, Any] = {
        "cad_system": "demo-cad",
        "cad_event_id": "$EVENT",
        "received_at": "$NOW",
        "call_type_code": "415N",
        "call_type_text": "NEIGHBOR DISPUTE",
        "narrative": "RP and downstairs neighbor arguing over parking. Verbal only. NWS, no threats, nobody hurt.",
        "language": "en",
        "answers": {
            "weapons": "no", "violence": "no", "injuries": "no", "threats": "no",
            "suspect_on_scene": "yes", "relationship": "neighbor", "parties": 2, "caller_safe": "yes", "consent": "yes",
        },
        "location": {"lat_deg": 34.0443, "lon_deg": -118.2106, "accuracy_m": 30, "address": "E 1st St / S Boyle Ave"},
    }  # fmt: skip
    body = json.dumps(report).replace("$EVENT", "'TRY-$(date +%s)'").replace("$NOW", "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'")
    return (
        f"curl -s -X POST {intake_url}/v1/calls -H 'Authorization: Bearer {token}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _plain(console: Console, line: str) -> None:
    """Print a line as it is: never wrapped, so that it can be copied."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)
