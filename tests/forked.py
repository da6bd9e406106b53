"""Services forked from one process that has loaded them: a start then takes a tenth of the processor time of `python -m`.

They are processes like any other, and are killed, frozen and waited for like any other. Tests of `commonground up` start theirs as it does.
"""

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from services.child import Process
from services.processes import die_with


class _Forked:
    """A forked process, with the words of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.forked_from"])
    return context


def begin(command: Sequence[str], environment: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start a service as `services.child.begin` does; of the command only the module's name is looked at, its last word."""
    process = _server().Process(target=_serve, args=(command[-1], dict(environment), cwd, log), daemon=True)
    process.start()
    return _Forked(process)


def _serve(module: str, environment: Mapping[str, str], cwd: Path, log: Path) -> None:
    die_with(os.getppid(), signal.SIGKILL)  # the server of forks, which ends with the process that asked it
    os.setpgid(0, 0)
    with log.open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    import_module(f"{module}.__main__").main()
