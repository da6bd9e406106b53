"""Brings a server to the schemas, roles and rights that this code needs. Safe to repeat, and to run twice at once."""

import ast
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credentials import checked, scram_verifier
from services.servers import Server, as_text, login_role, owner_role, servers
from shared.db import migration_engine

if TYPE_CHECKING:  # every service asks for `head`, and none needs Alembic for it: that is a third of its start
    from alembic.config import Config

ROOT: Final = Path(__file__).resolve().parent.parent
_SET_UP_LOCK: Final = 0x434F4D48
_ROLE_RACES: Final = ("XX000", "23505", "42710")
"""How a race for the same role shows. Roles belong to the whole server and our lock to one of its databases."""
_CLOCK_SETTINGS: Final = ("commonground.clock_rate", "commonground.clock_anchor", "commonground.clock_offset")


@dataclass(frozen=True)
class Migrated:
    """What `migrate` left behind for one service."""

    service: str
    login_dsn: str
    revision: str | None
    """None while the service has no revision."""
    lost: tuple[str, ...]
    """What this server does not give, in words for the operator; empty on a server where we may create roles."""


async def migrate(where: Mapping[str, Server], secret: str) -> dict[str, Migrated]:
    """Create databases, roles and schemas where missing, run every revision, and return how each service logs in.

    Other processes may do the same meanwhile; within one process Alembic can do one thing at a time. `secret` is not
    needed (may be empty) where the operator gives every password himself.
    """
    if not all(server.login or server.login_password for server in where.values()):
        checked(secret)
    done: dict[str, Migrated] = {}
    for service, server in where.items():
        await ensure_database(as_text(server.migrating))
        engine = migration_engine(as_text(server.migrating))
        try:
            async with engine.connect() as connection:
                lost = await _set_up(connection, server, secret)
                await _take_on_owner(connection, service)
                revision = await connection.run_sync(_upgrade, service)
                await _let_read_version(connection, service)
        finally:
            await engine.dispose()
        done[service] = Migrated(service, server.login_dsn(secret, with_roles=not lost), revision, lost)
    return done


async def ensure_database(dsn: str) -> None:
    """Create the database that `dsn` names, if the server does not have it."""
    try:
        connection = await asyncpg.connect(dsn)
    except asyncpg.InvalidCatalogNameError:
        url = servers({"DATABASE_URL": dsn})["intake"].migrating
        connection = await asyncpg.connect(as_text(url.set(database="postgres")))
        name = str(url.database).replace('"', '""')
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            pass  # another migration was quicker
        finally:
            await connection.close()
    else:
        await connection.close()


@asynccontextmanager
async def as_owner(service: str) -> AsyncIterator[AsyncConnection]:
    """Yield a connection to the service's server, in the environment's words, as the owner of its schema."""
    named = servers(environ)
    if service not in named:
        raise RuntimeError(f"Set DATABASE_URL or {service.upper()}_DATABASE_URL to the server to migrate.")
    engine = migration_engine(as_text(named[service].migrating))
    try:
        async with engine.connect() as connection:
            await _take_on_owner(connection, service)
            yield connection
    finally:
        await engine.dispose()


async def _set_up(connection: AsyncConnection, server: Server, secret: str) -> tuple[str, ...]:
    """Create roles and schema and set their rights, in one transaction; what could not be had, in words."""
    verifier = scram_verifier(server.password(secret)) if server.login is None else None
    for last_try in (False, False, False, True):
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SET_UP_LOCK})
        try:
            await _roles(connection, server, verifier)
        except DBAPIError as refused:
            await connection.rollback()
            state = getattr(refused.orig, "sqlstate", None)
            if state == asyncpg.InsufficientPrivilegeError.sqlstate:
                lost = await _without_roles(connection, server)
                await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {server.service}"))
                await connection.commit()
                return lost
            if last_try or state not in _ROLE_RACES:
                raise
        else:
            await connection.commit()
            break
    return ()


async def _roles(connection: AsyncConnection, server: Server, verifier: str | None) -> None:
    service = server.service
    owner, login = owner_role(service), login_role(service)
    limits = "NOSUPERUSER NOCREATEDB NOCREATEROLE"
    for role in (owner, login):
        if not await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
            await connection.exec_driver_sql(f"CREATE ROLE {role} {limits}")
    if verifier is not None:
        await connection.exec_driver_sql(f"ALTER ROLE {login} LOGIN PASSWORD '{verifier}'")
    if server.login is not None and server.login.username != login:
        user = await connection.scalar(text("SELECT quote_ident(:user)"), {"user": server.login.username})
        await connection.exec_driver_sql(f"GRANT {login} TO {user}")  # the operator's own user has the role's rights
    quoted = await connection.scalar(text("SELECT quote_ident(current_database())"))
    for statement in (
        f"GRANT {owner} TO CURRENT_USER",  # to take it on for the revisions
        f"GRANT CONNECT ON DATABASE {quoted} TO {login}",
        f"REVOKE CREATE, TEMPORARY ON DATABASE {quoted} FROM PUBLIC",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",  # a database that comes from before PostgreSQL 15 still allows it
        f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {owner}",
        f"GRANT USAGE ON SCHEMA {service} TO {login}",
    ):
        await connection.execute(text(statement))


async def _without_roles(connection: AsyncConnection, server: Server) -> tuple[str, ...]:
    if server.login is not None:
        return ()  # the operator made the roles himself and says so
    user, service = await connection.scalar(text("SELECT current_user")), server.service
    return (
        f"{user} may not create roles here, so {service} logs in as {user} itself:",
        "history can then be changed or deleted by whoever holds that password (promise 4 rests on the code alone);",
        "and each service that logs in so can read the schemas of the others.",
    )


async def _take_on_owner(connection: AsyncConnection, service: str) -> None:
    """Act as the owner role from here on, where there is one that this user may be."""
    owner = owner_role(service)
    query = "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = :owner"
    if await connection.scalar(text(query), {"owner": owner}):
        await connection.execute(text(f"SET ROLE {owner}"))
    await connection.commit()


async def _let_read_version(connection: AsyncConnection, service: str) -> None:
    """Let the login role read which revision is in force: its `/readyz` says so."""
    wanted = "SELECT to_regclass(:table) IS NOT NULL AND EXISTS (SELECT FROM pg_roles WHERE rolname = :role)"
    names = {"table": f"{service}.alembic_version", "role": login_role(service)}
    if await connection.scalar(text(wanted), names):
        await connection.execute(text(f"GRANT SELECT ON {service}.alembic_version TO {login_role(service)}"))
    await connection.commit()


def alembic_config(service: str, connection: Connection | None = None) -> "Config":
    """Return the Alembic configuration of one service's revisions."""
    from alembic.config import Config

    config = Config(ROOT / "alembic.ini", ini_section=service)
    config.attributes["connection"] = connection
    return config


def head(service: str) -> str | None:
    """Return the newest revision that the code has for a service; None while it has none."""
    revisions: set[str] = set()
    followed: set[object] = set()
    for path in (ROOT / "migrations" / service).glob("*.py"):
        named = _literals(path)
        if "revision" in named:
            revisions.add(str(named["revision"]))
            down = named.get("down_revision")
            followed.update(down if isinstance(down, tuple | list) else [down])
    heads = sorted(revisions - followed)
    if len(heads) > 1:
        raise RuntimeError(f"{service} has several newest revisions: {', '.join(heads)}")
    return heads[0] if heads else None


def _literals(path: Path) -> dict[str, object]:
    """Return what a revision file says of itself, without running it."""
    found: dict[str, object] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant | ast.Tuple | ast.List):
                found[target.id] = ast.literal_eval(node.value)
    return found


def _upgrade(connection: Connection, service: str) -> str | None:
    from alembic import command

    newest = head(service)
    if newest is not None:
        command.upgrade(alembic_config(service, connection), "head")
    return newest


async def set_clock(
    admin: asyncpg.Connection,
    service: str,
    *,
    rate: float = 1.0,
    offset: timedelta = timedelta(0),
    anchor: str | None = None,
) -> str:
    """Bend the service's clock in the database of `admin`, for every session that begins later.

    For tests and the embedded launcher only. Time runs `rate` times as fast from the anchor on, `offset` ahead. Returns
    the anchor (now, unless given): services that are to keep one time need the same.
    """
    role = login_role(service)
    name = await admin.fetchval("SELECT quote_ident(current_database())")
    since = anchor or str(await admin.fetchval("SELECT clock_timestamp() AT TIME ZONE 'UTC' || '+00'"))
    bent = rate != 1.0
    values = (f"{rate}" if bent else "", since if bent else "", f"{offset.total_seconds()} s" if offset else "")
    for setting, value in zip(_CLOCK_SETTINGS, values, strict=True):
        scope = f"ALTER ROLE {role} IN DATABASE {name}"
        await admin.execute(f"{scope} SET {setting} = '{value}'" if value else f"{scope} RESET {setting}")
    return since
