"""The folder of an installation: its secret, its lock, its endpoints file; and which servers an environment names."""

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from services.credentials import WeakSecretError, derive, token_secret
from services.home import Home
from services.processes import AlreadyRunningError
from services.servers import SERVICES, as_text, servers


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "new")
    first = home.secret({})
    assert len(first) >= 32
    assert Home(tmp_path / "new").secret({}) == first
    assert stat.S_IMODE((home.path / "secret").stat().st_mode) == 0o600


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    assert Home(tmp_path / "a").secret({}) != Home(tmp_path / "b").secret({})


def test_a_secret_in_the_environment_wins_and_is_not_stored(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.secret({"COMMONGROUND_SECRET": "e" * 32}) == "e" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("secret", ["", "x" * 31])
def test_a_short_secret_is_refused_wherever_it_comes_from(tmp_path: Path, secret: str) -> None:
    (tmp_path / "secret").write_text(secret)
    with pytest.raises(WeakSecretError):
        Home(tmp_path).secret({"COMMONGROUND_SECRET": secret})
    with pytest.raises(WeakSecretError):
        derive(secret, "anything")


def test_no_derived_key_tells_another() -> None:
    keys = {token_secret("s" * 32), *(derive("s" * 32, f"commonground_{service}") for service in SERVICES)}
    assert len(keys) == 4
    assert all(len(key) == 64 for key in keys)
    assert token_secret("s" * 32) == token_secret("s" * 32) != token_secret("t" * 32)


def test_the_endpoints_file_is_replaced_as_a_whole_and_private(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write_endpoints({"intake": "old"})
    home.endpoints.chmod(0o644)
    home.write_endpoints({"intake": "new"})
    assert json.loads(home.endpoints.read_text()) == {"intake": "new"}
    assert stat.S_IMODE(home.endpoints.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["endpoints.json"]


def hold(folder: str, held: "multiprocessing.synchronize.Event", done: "multiprocessing.synchronize.Event") -> None:
    with Home(Path(folder)).only_one_up():
        held.set()
        done.wait(30)


def test_a_second_one_in_the_same_folder_is_refused_and_told_how_to_go_on(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    held, done = spawn.Event(), spawn.Event()
    first = spawn.Process(target=hold, args=(str(tmp_path), held, done))
    first.start()
    try:
        assert held.wait(30)
        with (
            pytest.raises(AlreadyRunningError, match=rf"process {first.pid}.*--home DIR --port-base"),
            Home(tmp_path).only_one_up(),
        ):
            pass
        with Home(tmp_path / "another").only_one_up():
            pass
    finally:
        done.set()
        first.join()
    with Home(tmp_path).only_one_up():
        pass


def test_a_lock_left_by_a_crash_locks_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1")
    with Home(tmp_path).only_one_up():
        pass


def test_no_server_is_named_by_an_empty_environment() -> None:
    assert servers({"HOME": "/"}) == {}


def test_one_url_serves_all() -> None:
    found = servers({"DATABASE_URL": "postgres://a:b@h:5/d"})
    assert {service: as_text(server.migrating) for service, server in found.items()} == dict.fromkeys(
        SERVICES, "postgresql://a:b@h:5/d"
    )


def test_a_service_can_have_a_server_of_its_own() -> None:
    found = servers({"DATABASE_URL": "postgresql://a@h/d", "TEAMS_DATABASE_URL": "postgresql+asyncpg://a@other/d"})
    assert as_text(found["intake"].migrating) == "postgresql://a@h/d"
    assert as_text(found["teams"].migrating) == "postgresql://a@other/d"


def test_the_operators_own_login_is_used_as_it_is() -> None:
    found = servers({"DATABASE_URL": "postgresql://a:b@h/d", "INTAKE_DATABASE_DSN": "postgresql://own:pw@h/d"})
    assert found["intake"].login_dsn("s" * 32, with_roles=True) == "postgresql://own:pw@h/d"
    assert "commonground_teams" in found["teams"].login_dsn("s" * 32, with_roles=True)


def test_one_dsn_per_service_alone_migrates_and_gets_a_login_role_of_its_own() -> None:
    found = servers({f"{service.upper()}_DATABASE_DSN": f"postgresql://a:b@{service}/d" for service in SERVICES})
    assert as_text(found["dispatch"].migrating) == "postgresql://a:b@dispatch/d"
    assert found["dispatch"].login_dsn("s" * 32, with_roles=True).startswith("postgresql://commonground_dispatch:")
    assert found["dispatch"].login_dsn("s" * 32, with_roles=False) == "postgresql://a:b@dispatch/d"


def test_naming_some_servers_only_is_refused() -> None:
    with pytest.raises(ValueError, match="INTAKE_DATABASE_URL, TEAMS_DATABASE_URL"):
        servers({"DISPATCH_DATABASE_URL": "postgresql://a@h/d"})


@pytest.mark.parametrize("url", ["mysql://a@h/d", "postgresql://a@h"])
def test_what_is_no_postgresql_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="DATABASE must"):
        servers({"DATABASE_URL": url})
