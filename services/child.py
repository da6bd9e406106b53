"""One replica of one service as a child process: start it, know when it is ready, stop, kill or freeze it."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import httpx2

from services.processes import die_with_parent

READY_WITHIN_S: Final = 90.0
STOP_WITHIN_S: Final = 2.0
"""A service is safe to kill at any instant, so nobody waits long for it."""
_POLL_S: Final = 0.03
_LAST_OF_TRACEBACK: Final = 6


class ChildFailedError(RuntimeError):
    """A service did not become ready; the message ends with the last lines of its log."""


class Process(Protocol):
    """What a child needs of its process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """The process id."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """Send SIGKILL."""

    def terminate(self) -> None:
        """Send SIGTERM."""


Begin = Callable[[Sequence[str], Mapping[str, str], Path, Path], Process]
"""Starts a command in an environment and a folder; what it says is added to a file."""


def begin(command: Sequence[str], environment: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start a program that dies with this process."""
    with log.open("ab") as said:
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=cwd,
            env=environment,
            process_group=0,  # a Ctrl-C in the terminal is for the launcher, which stops its children in order
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one prctl, nothing that could deadlock
        )


class Child:
    """One process. Start it from the main thread: it dies with that thread's process, even by kill -9."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        url: str,
        environment: Mapping[str, str],
        cwd: Path,
        log: Path,
        begin: Begin = begin,
    ) -> None:
        self.name = name
        self.url = url
        self._begin = begin
        self.log = log
        self._command = list(command)
        self._environment = dict(environment)
        self._cwd = cwd
        self._process: Process | None = None
        self._paused = False

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise ChildFailedError(f"{self.name} is not running.")
        return self._process.pid

    @property
    def is_wanted(self) -> bool:
        """Whether it was started and neither stopped nor killed by us."""
        return self._process is not None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, when it ended by itself."""
        return None if self._process is None else self._process.poll()

    def spawn(self) -> None:
        """Start the process; does not wait for it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = self._begin(self._command, self._environment, self._cwd, self.log)
        self._paused = False

    async def ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return when `/readyz` says so. Raises ChildFailedError when it ends or takes too long."""
        deadline = time.monotonic() + within_s
        said = "nothing"
        async with httpx2.AsyncClient(timeout=httpx2.Timeout(5.0, connect=1.0), trust_env=False) as client:
            while time.monotonic() < deadline:
                if not self.is_alive:
                    raise ChildFailedError(f"{self.name} ended with code {self.exit_code}:\n{self.last_words()}")
                try:
                    answer = await client.get(f"{self.url}/readyz")
                except httpx2.HTTPError:
                    await asyncio.sleep(_POLL_S)
                    continue
                if answer.status_code == httpx2.codes.OK:
                    return
                said = answer.text[:300]
                await asyncio.sleep(_POLL_S)
        raise ChildFailedError(
            f"{self.name} was not ready within {within_s:.0f} s; /readyz: {said}\n{self.last_words()}"
        )

    def last_words(self, lines: int = 12) -> str:
        """Return the end of its log for a person: of each line of JSON what happened, of a traceback how it ended."""
        text = self.log.read_bytes()[-50_000:].decode(errors="replace") if self.log.exists() else ""
        return "\n".join(_in_words(line) for line in text.splitlines()[-lines:])

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would, and return when it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self._process.terminate()

    async def stopped(self, within_s: float = STOP_WITHIN_S) -> None:
        """Return when it has ended after `ask_to_stop`; one that takes too long is killed."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, within_s)
        self.kill()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it holds its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        if self._paused:
            os.kill(self.pid, signal.SIGCONT)
            self._paused = False


def _in_words(line: str) -> str:
    try:
        entry = json.loads(line)
        said = "\n".join(str(entry[key]) for key in ("event", "detail", "exception") if key in entry)
    except (ValueError, TypeError):
        return line
    whole = said.strip().splitlines()
    return "\n".join(whole if "Traceback" not in said else whole[-_LAST_OF_TRACEBACK:])
