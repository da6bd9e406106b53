"""`commonground up` as a newcomer runs it: from nothing to a system that has proved itself, and nothing left after it."""

import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy.engine import make_url

from services.processes import port_is_free
from tests.patience import Patience
from tests.pg import SECRET

READY_WITHIN_S = 90.0
"""Generous: the machine may be busy. The figures that we promise are measured by hand and stand in docs/operations.md."""


class Up:
    """A running `commonground up`, and every process below it that was ever seen."""

    def __init__(self, home: Path, port_base: int, *options: str, **environment: str) -> None:
        command = [
            sys.executable,
            "-m",
            "services.cli",
            "up",
            "--home",
            str(home),
            "--port-base",
            str(port_base),
            *options,
        ]
        kept = {
            name: value for name, value in os.environ.items() if "DATABASE" not in name and "COMMONGROUND" not in name
        }
        self.home = home
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=kept | environment
        )
        self.lines: list[str] = []
        self.family: set[int] = set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, within_s: float = READY_WITHIN_S) -> None:
        patience = Patience(within_s)
        while text not in self.said:
            assert not patience.is_over(), f"never said {text!r}:\n{self.said}"
            assert self.process.poll() is None or text in self.said, f"ended before it said {text!r}:\n{self.said}"
            self.family |= descendants(self.process.pid)
            time.sleep(0.05)
        self.family |= descendants(self.process.pid)

    def ends(self, within_s: float = READY_WITHIN_S) -> int:
        patience = Patience(within_s)
        while self.process.poll() is None:
            assert not patience.is_over(), f"does not end:\n{self.said}"
            self.family |= descendants(self.process.pid)
            time.sleep(0.02)
        self._reader.join(5)
        return self.process.wait()

    def close(self) -> None:
        self.process.wait()
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def leftovers(self) -> list[int]:
        return sorted(pid for pid in self.family if is_running(pid))

    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "endpoints.json").read_text())
        return found


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    open_ = [pid]
    while open_:
        with suppress(OSError):  # one that ends while we look has no children any more
            for children in Path(f"/proc/{open_.pop()}/task").glob("*/children"):
                below = {int(child) for child in children.read_text().split()}
                open_ += below - found
                found |= below
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(holds: Callable[[], bool], within_s: float = READY_WITHIN_S) -> bool:
    patience = Patience(within_s)
    while not patience.is_over():
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def port_base() -> int:
    """Free ports in a row, for two replicas of each service: where no other system of a test looks for its own."""
    bases = random.sample(range(12000, 19900, 10), 200)
    return next(base for base in bases if all(port_is_free(base + place) for place in range(1, 7)))


@pytest.fixture
def start(tmp_path: Path, port_base: int) -> Iterator[Callable[..., Up]]:
    """Starts `up` in a folder that pytest closes to other accounts; as root that is the case of a closed clone."""
    started: list[Up] = []

    def one(*options: str, **environment: str) -> Up:
        started.append(Up(tmp_path / ".commonground", port_base, *options, **environment))
        return started[-1]

    yield one
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.close()
    record = tmp_path / ".commonground" / "postgres" / "server.json"
    if record.exists():
        place = Path(json.loads(record.read_text())["data"]).parent
        if not place.is_relative_to(tmp_path):
            shutil.rmtree(place)


PROVED = ("✓ Neighbors argue", "✓ Two groups of young people", "✓ A painted garage", "✓ An argument with a knife")


def test_from_nothing_to_a_proof_and_then_again_with_the_same_data_in_a_faster_time(start: Callable[..., Up]) -> None:
    first = start("--once")
    assert first.ends() == 0, first.said
    for line in PROVED:
        assert line in first.said
    assert first.family, "no child was ever seen"
    assert eventually(lambda: first.leftovers() == [], 5)

    fast = start("--once", "--time-rate", "10")  # an offer then lives for 9 s: long enough on a busy machine
    assert fast.ends() == 0, fast.said
    assert "all there before" in fast.said
    assert "time runs 10 times as fast" in fast.said
    assert fast.endpoints()["time_rate"] == 10.0
    for line in PROVED:
        assert line in fast.said
    assert eventually(lambda: fast.leftovers() == [], 5)

    real = start("--once")
    assert real.ends() == 0, real.said
    assert "it is real again" in real.said


def test_while_it_is_up_it_can_be_used_as_it_says_and_ends_on_ctrl_c(start: Callable[..., Up], tmp_path: Path) -> None:
    up = start()
    up.wait_for("Ctrl-C stops everything")
    endpoints = up.endpoints()
    assert stat.S_IMODE((up.home / "endpoints.json").stat().st_mode) == 0o600
    assert set(endpoints) == {"intake", "dispatch", "teams", "tokens", "time_rate"}
    assert set(endpoints["tokens"]) == {"cad", "reviewer", "supervisor", "admin", "auditor", "service", "team"}
    assert len(endpoints["tokens"]["team"]) >= 12

    for service in ("intake", "dispatch", "teams"):
        assert f"{endpoints[service]}/docs" in up.said
        assert httpx2.get(f"{endpoints[service]}/docs", trust_env=False).status_code == 200
    for role in ("cad", "reviewer", "supervisor", "admin", "auditor", "service"):
        assert endpoints["tokens"][role] in up.said

    line = next(line for line in up.lines if line.lstrip().startswith("curl "))
    call = paste(line)
    assert call["decision"]["verdict"] == "safe"
    assert paste(line)["id"] != call["id"] or call["id"], "the same line reports a call each second"
    assert offered_to_a_team(endpoints, call["id"])

    second = start()
    assert second.ends() == 1
    assert re.search(rf"already running here \(process {up.process.pid}\)", second.said)

    up.process.send_signal(signal.SIGINT)
    assert up.ends(30) == 0, up.said
    assert up.lines[-1].endswith("Stopped.")
    assert eventually(lambda: up.leftovers() == [], 5)


def paste(line: str) -> dict[str, Any]:
    """What the line gives when it is pasted into a shell; without curl, its words are sent by hand."""
    if shutil.which("curl"):
        said = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
        answer: dict[str, Any] = json.loads(said)
        return answer
    words = subprocess.run(
        ["sh", "-c", line.replace("curl -s", "printf '%s\\n'", 1)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    headers = dict(word.split(": ", 1) for word in words if re.match(r"[A-Z][\w-]+: ", word))
    url = next(word for word in words if word.startswith("http"))
    sent: dict[str, Any] = httpx2.post(url, content=words[-1], headers=headers, trust_env=False).json()
    return sent


def offered_to_a_team(endpoints: dict[str, Any], call_id: str) -> bool:
    """Whether a simulated team that is present gets the call; it answers nothing, so the offer stands."""
    headers = {"Authorization": f"Bearer {endpoints['tokens']['cad']}"}

    def has_team() -> bool:
        call = httpx2.get(f"{endpoints['intake']}/v1/calls/{call_id}", headers=headers, trust_env=False).json()
        return call["status"] == "offered" and call["assignment"]["team_id"] in endpoints["tokens"]["team"]

    return eventually(has_team)


def test_what_is_killed_is_started_again_and_nothing_outlives_a_killed_launcher(start: Callable[..., Up]) -> None:
    up = start()
    up.wait_for("Ctrl-C stops everything")
    urls = up.endpoints()

    def answers(service: str) -> bool:
        try:
            return httpx2.get(f"{urls[service]}/readyz", trust_env=False, timeout=10).status_code == 200
        except httpx2.HTTPError:
            return False

    os.kill(next(pid for pid in up.family if "services.dispatch" in command_of(pid)), signal.SIGKILL)
    up.wait_for("dispatch ended with code -9; starting it again")
    os.kill(next(pid for pid in up.family if re.search(r"bin/postgres -D", command_of(pid))), signal.SIGKILL)
    up.wait_for("PostgreSQL had ended; it runs again")
    assert eventually(lambda: all(answers(service) for service in ("intake", "dispatch", "teams")))

    assert len(up.family) > 4
    up.process.kill()
    assert eventually(lambda: up.leftovers() == []) or sys.platform != "linux", "elsewhere no child is told"


def test_stopped_while_it_starts_it_leaves_nothing(start: Callable[..., Up]) -> None:
    up = start()
    up.wait_for("schemas are at")
    up.process.send_signal(signal.SIGINT)
    assert up.ends(30) == 130, up.said
    assert "Stopped before it was up." in up.said
    assert eventually(lambda: up.leftovers() == [], 5)


def test_it_runs_on_a_server_of_the_users_own(start: Callable[..., Up], postgres_dsn: str) -> None:
    """The database does not exist yet, and the embedded PostgreSQL is not touched."""
    url = make_url(postgres_dsn).set(database=f"own_{uuid4().hex}").render_as_string(hide_password=False)
    up = start("--replicas", "2", DATABASE_URL=url, COMMONGROUND_SECRET=SECRET)
    up.wait_for("Ctrl-C stops everything")
    assert "(2 of each)" in up.said
    up.process.terminate()
    assert up.ends(30) == 0, up.said
    assert eventually(lambda: up.leftovers() == [], 5)
    assert not (up.home / "postgres").exists()
    assert not (up.home / "secret").exists()


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
