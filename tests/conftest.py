"""What every test may ask for: real PostgreSQL databases, made for the session and thrown away after it."""

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

from services.embedded_postgres import EmbeddedPostgres
from services.system import System
from shared.db import Database
from tests import pg
from tests.systems import running_system

_SERVER: Final = pytest.StashKey[EmbeddedPostgres]()
_DSN_VARIABLE: Final = "COMMONGROUND_TEST_SERVER"
_LOOPBACK: Final = ("127.", "::1", "localhost", "0.0.0.0")

hypothesis.settings.register_profile("here", deadline=None, print_blob=True)
hypothesis.settings.load_profile("here")

if not os.access(os.environ.get("HOME", "/nonexistent"), os.X_OK):
    os.environ["HOME"] = tempfile.gettempdir()  # asyncpg looks for key files there and fails when it cannot look


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse any connection that leaves this machine: tests need nothing but what they start."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if not host.startswith(_LOOPBACK):
            raise AssertionError(f"a test tried to reach {host}")


sys.addaudithook(_only_loopback)


def pytest_configure(config: pytest.Config) -> None:
    """With several workers, start the one server before they start; alone, it waits until a test asks for it."""
    if config.pluginmanager.hasplugin("dsession") and not hasattr(config, "workerinput"):
        config.stash[_SERVER] = server = pg.start_server()
        os.environ[_DSN_VARIABLE] = server.dsn("postgres")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Throw the server away."""
    if (server := config.stash.get(_SERVER, None)) is not None:
        server.destroy()


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The superuser's DSN on this session's PostgreSQL, shared by all workers."""
    if (given := os.environ.get(_DSN_VARIABLE)) is not None:
        yield given
        return
    server = pg.start_server()
    yield server.dsn("postgres")
    server.destroy()


@pytest.fixture(scope="module")
async def database(postgres_dsn: str) -> AsyncIterator[pg.Clone]:
    """A migrated database of this test module's own."""
    made = await pg.clone(postgres_dsn)
    yield made
    await pg.drop(made)


@pytest.fixture
async def fresh_database(database: pg.Clone) -> pg.Clone:
    """The module's database as the migrations left it."""
    await database.reset()
    return database


@pytest.fixture
def database_dsns(fresh_database: pg.Clone) -> Mapping[str, str]:
    """For each service the DSN that its settings would hold, on a database as the migrations left it."""
    return fresh_database.login


async def _opened(dsns: Mapping[str, str], service: str) -> AsyncIterator[Database]:
    db = Database(dsns[service], application=f"test-{service}", pool_size=20)
    yield db
    await db.close()


@pytest.fixture
async def intake_db(database_dsns: Mapping[str, str]) -> AsyncIterator[Database]:
    """Intake's database as intake itself opens it, empty."""
    async for db in _opened(database_dsns, "intake"):
        yield db


@pytest.fixture
async def dispatch_db(database_dsns: Mapping[str, str]) -> AsyncIterator[Database]:
    """Dispatch's database as dispatch itself opens it, empty."""
    async for db in _opened(database_dsns, "dispatch"):
        yield db


@pytest.fixture
async def teams_db(database_dsns: Mapping[str, str]) -> AsyncIterator[Database]:
    """The teams service's database as that service itself opens it, empty."""
    async for db in _opened(database_dsns, "teams"):
        yield db


@pytest.fixture(scope="module")
async def shared_system(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """One system for the tests of a module; ask for `system`. It ends with them: idle processes cost the others time."""
    async with running_system(postgres_dsn, tmp_path_factory.mktemp("logs")) as running:
        yield running


@pytest.fixture
async def system(shared_system: System) -> AsyncIterator[System]:
    """A running system, two replicas of each service, with the starter city; whatever a test breaks is mended after it."""
    yield shared_system
    await shared_system.make_whole()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this clone."""
    return Path(__file__).resolve().parent.parent
