"""The shell blocks of the README and of the CAD page, pasted one after the other into bash, against a running system."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import httpx2
import pytest

from services.migrate import ROOT
from services.system import System

BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
MARK: Final = "=== block"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl")


async def prepare(system: System, folder: Path) -> None:
    """Write the file that `make run` leaves for its user."""
    tokens = system.tokens
    roles = ("cad", "reviewer", "supervisor", "admin", "auditor", "service")
    headers = {"Authorization": f"Bearer {tokens.supervisor}"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers) as client:
        teams = (await client.get(f"{system.urls['teams']}/v1/teams?limit=200")).json()["items"]
    found = {
        **system.urls,
        "tokens": {role: getattr(tokens, role) for role in roles}
        | {"team": {team["id"]: tokens.team(team["id"]) for team in teams}},
    }
    (folder / ".commonground").mkdir()
    (folder / ".commonground" / "endpoints.json").write_text(json.dumps(found))


def blocks_of(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text())


async def pasted(blocks: list[str], folder: Path) -> list[str]:
    """Return what each block prints, run one after the other in one shell; the loop stays free for the system's links."""
    script = "set -euo pipefail\n" + "\n".join(f"echo '{MARK}'\n{block}" for block in blocks)
    said = await asyncio.to_thread(bash, script.replace("wait=30", "wait=1"), folder)
    return [part.strip() for part in said.split(MARK)[1:]]


UNTIL: Final = """
for _ in $(seq 100); do
  curl -s "$INTAKE/v1/calls/demo-cad:$EVENT" -H "Authorization: Bearer $CAD" | field status | grep -q {} && break
  sleep 0.2
done
"""
"""A reader needs a moment for the next block; the machine that runs the tests may need a longer one for what happens between."""


def bash(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash"], input=script, cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "no_proxy": "*"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_the_readme_brings_a_call_to_a_team_and_back(system: System, tmp_path: Path) -> None:
    await prepare(system, tmp_path)
    blocks = blocks_of("README.md")
    blocks[1] += UNTIL.format("offered")
    blocks[4] += UNTIL.format("closed")
    prepared, reported, asked, tablet, worked, closed = await pasted(blocks, tmp_path)
    assert prepared == ""
    call = json.loads(reported)
    assert call["decision"]["verdict"] == "safe"
    assert asked.splitlines()[0] == "offered"
    (work,) = json.loads(tablet)["items"]
    assert work["incident_id"] == call["id"]
    assert work["briefing"]["words"]
    assert worked.splitlines() == ["accepted", "en_route", "on_scene", "cleared"]
    status, _, timeline = closed.partition("\n")
    assert status == "closed"
    assert len(json.loads(timeline)["items"]) > 5


async def test_a_knife_in_the_narrative_of_the_readme_outweighs_its_answers(system: System, tmp_path: Path) -> None:
    await prepare(system, tmp_path)
    first, report, *_ = blocks_of("README.md")
    armed = report.replace("Verbal only.", "He has a knife.")
    assert armed != report
    _, reported = await pasted([first, armed], tmp_path)
    call = json.loads(reported)
    assert (call["status"], call["return_reason"], call["recommended_response"]) == ("returned", "unsafe", "police")


async def test_the_page_for_cads_reports_follows_updates_and_takes_back(system: System, tmp_path: Path) -> None:
    await prepare(system, tmp_path)
    _, reported, followed, updated, cancelled, acknowledged = await pasted(
        blocks_of("docs/integrating-a-cad.md"), tmp_path
    )
    assert json.loads(reported)["status"] == "queued"
    assert json.loads(followed)["hand_back_by"]
    assert updated == "returned"
    assert cancelled == "returned", "what is final stays final"
    assert json.loads(acknowledged)["acknowledged_at"]
