"""Child processes that never outlive the process that started them."""

import atexit
import ctypes
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_SERVER_PORTS: Final = range(20000, 32000)
_PROMISED: Final[deque[socket.socket]] = deque()
_PROMISED_AT_MOST: Final = 128
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class AlreadyRunningError(RuntimeError):
    """Another process holds the lock that this one needs."""


def die_with_parent(signum: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` after which the child gets `signum` when its parent dies, however it dies; None off Linux.

    The kernel ties this to the parent *thread*, so such a child must be started from the main thread.
    """
    if _LIBC is None:
        return None
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("A child that dies with its parent must be started from the main thread.")
    return partial(die_with, os.getpid(), signum)


def die_with(parent: int, signum: signal.Signals) -> None:
    """Have this process get `signum` when its `parent` dies (on Linux; elsewhere nothing happens)."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:  # it died before the prctl: no signal will ever come
        os._exit(1)


def end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> int:
    """Signal `process` step by step, waiting so many seconds after each, until it has ended; its exit code."""
    for signum, patience in steps:
        if process.poll() is not None:
            break
        process.send_signal(signum)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
    return process.wait()


@contextmanager
def only_one(lock: Path, what: str) -> Iterator[None]:
    """Hold `lock` for the block; raises AlreadyRunningError when another live process has it.

    The kernel drops the lock with its holder, so a lock file left by a crash never locks anybody out.
    """
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyRunningError(f"{what} is already running here (process {holder}).") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


@atexit.register
def _keep_no_promise() -> None:
    for promised in _PROMISED:
        promised.close()


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host:port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now, below those that outgoing connections use.

    A server that is stopped for a while can so have the same port again: no connection's own end has taken it.
    The port stays promised: until this process ends or has promised 128 more, no other caller of this function is given it.
    """
    for _ in range(200):
        promised = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            port = secrets.choice(_SERVER_PORTS)
            promised.bind((host, port))  # without SO_REUSEADDR this fails also where another process only promised it
        except OSError:
            promised.close()
            continue
        promised.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # and with it a server may listen there all the same
        _PROMISED.append(promised)
        if len(_PROMISED) > _PROMISED_AT_MOST:
            _PROMISED.popleft().close()
        return port
    raise OSError(f"No free port found between {_SERVER_PORTS.start} and {_SERVER_PORTS.stop}.")
