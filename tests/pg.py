"""A throw-away PostgreSQL for one test session, and clones of one migrated database in it.

Fixtures (in conftest.py) hand these out; a test asks for `database_dsns`, `intake_db`, `dispatch_db`, `teams_db` or, to
look at rows with every right, `database`.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg

from services.embedded_postgres import THROW_AWAY, EmbeddedPostgres
from services.migrate import migrate
from services.servers import SERVICES, login_role, one_server, owner_role

SECRET: Final = "only-for-tests-and-long-enough-for-anything"
OWNER_PASSWORD: Final = "owner-password-of-tests"
TEMPLATE: Final = "commonground_template"
_TEMPLATE_LOCK: Final = 0x54455354


def start_server() -> EmbeddedPostgres:
    """Start a server that cares for nothing but speed; call `destroy()` on it at the end."""
    home = Path(tempfile.mkdtemp(prefix="commonground-test-"))
    home.chmod(0o755)  # as root the server runs as `nobody`, who must get in
    server = EmbeddedPostgres(home, profile=THROW_AWAY)
    server.start()
    return server


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield one plain connection."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True)
class Clone:
    """One database with the three schemas as the migrations leave them."""

    name: str
    admin: str
    """The superuser's DSN: sees and changes everything."""
    login: Mapping[str, str]
    """Per service, what its settings would hold."""
    owner: Mapping[str, str]
    """Per service, the owner of its schema."""
    born_with: Mapping[str, str]
    """Rows that the migrations themselves put in, by table, as JSON."""

    async def reset(self) -> None:
        """Put every table back to what the migrations left. Raises when a test still has a transaction open."""
        async with connected(self.admin) as admin:
            await admin.execute("SET lock_timeout = '5s'; SET session_replication_role = replica")
            tables = await _tables(admin)
            if filled := await _filled(admin, tables):
                # the lock of a TRUNCATE without its files: of the few rows of a test each is sooner deleted
                emptied = "; ".join(f"DELETE FROM {table}" for table in filled)
                await admin.execute(f"BEGIN; LOCK {', '.join(filled)} IN ACCESS EXCLUSIVE MODE; {emptied}; COMMIT")
            for table, rows in self.born_with.items():
                await _refill(admin, table, rows)


async def clone(server_dsn: str) -> Clone:
    """Create a database from the migrated template, which the first caller makes. `server_dsn` names any database."""
    name = f"clone_{uuid4().hex}"
    async with connected(server_dsn) as admin:
        await admin.execute("SELECT pg_advisory_lock($1)", _TEMPLATE_LOCK)
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate", TEMPLATE):
            await _make_template(admin, server_dsn)
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        await admin.execute("SELECT pg_advisory_unlock($1)", _TEMPLATE_LOCK)
    dsn = _on(server_dsn, name)
    here = one_server(dsn)
    async with connected(dsn) as admin:
        born_with = {
            table: await admin.fetchval(f"SELECT jsonb_agg(to_jsonb(t)) FROM {table} t")
            for table in await _filled(admin, await _tables(admin))
        }
    return Clone(
        name=name,
        admin=dsn,
        login={service: server.login_dsn(SECRET, with_roles=True) for service, server in here.items()},
        owner={service: _on(server_dsn, name, owner_role(service), OWNER_PASSWORD) for service in SERVICES},
        born_with=born_with,
    )


async def drop(database: Clone) -> None:
    """Remove the database, ending whatever is still connected to it."""
    async with connected(_on(database.admin, "postgres")) as admin:
        await admin.execute(f"DROP DATABASE {database.name} WITH (FORCE)")


async def _make_template(admin: asyncpg.Connection, server_dsn: str) -> None:
    await admin.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
    await migrate(one_server(_on(server_dsn, TEMPLATE)), SECRET)
    for service in SERVICES:
        await admin.execute(f"ALTER ROLE {owner_role(service)} LOGIN PASSWORD '{OWNER_PASSWORD}'")
    await admin.execute(f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true")


def _on(dsn: str, database: str, user: str | None = None, password: str | None = None) -> str:
    url = one_server(dsn)["intake"].migrating.set(database=database)
    url = url if user is None else url.set(username=user, password=password)
    return url.render_as_string(hide_password=False)


async def _tables(admin: asyncpg.Connection) -> list[str]:
    query = """
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname = ANY($1::text[]) AND tablename <> 'alembic_version'
    """
    return [row[0] for row in await admin.fetch(query, list(SERVICES))]


async def _filled(admin: asyncpg.Connection, tables: list[str]) -> list[str]:
    parts = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables]
    return [row[0] for row in await admin.fetch(" UNION ALL ".join(parts))] if parts else []


async def _refill(admin: asyncpg.Connection, table: str, rows: str) -> None:
    given: list[dict[str, Any]] = json.loads(rows)
    generated = await admin.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attgenerated <> ''", table
    )
    columns = ", ".join(f'"{name}"' for name in given[0] if name not in {row[0] for row in generated})
    await admin.execute(
        f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE "
        f"SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1::jsonb)",
        rows,
    )


__all__ = ["SECRET", "Clone", "clone", "connected", "drop", "login_role", "start_server"]
