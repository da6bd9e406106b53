"""Runs the revisions of one service, named by the section of alembic.ini, inside that service's schema.

Given a connection (by `services.migrate`, as the owner role) it uses that; else it reads the server from the environment.
"""

import asyncio
import importlib.util
from importlib import import_module
from typing import Final

from alembic import context
from sqlalchemy import Connection, MetaData, text

from services.migrate import as_owner

service: Final = context.config.config_ini_section
LOCK: Final = 0x434F4D47  # "COMG": one migration of a database at a time


def _metadata() -> MetaData | None:
    """The tables as the code knows them; None for a service that has none yet."""
    if importlib.util.find_spec(f"services.{service}.tables") is None:
        return None
    metadata: MetaData = import_module(f"services.{service}.tables").metadata
    return metadata


def _ours(name: str | None, kind: str, parents: object) -> bool:
    """Compare this service's schema and nothing else; Alembic's own table is not part of it."""
    del parents
    if kind == "schema":
        return name == service
    return not (kind == "table" and name == "alembic_version")


def _run(connection: Connection) -> None:
    connection.execute(text("SET lock_timeout = '60s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
    connection.execute(text("SET lock_timeout = '5s'"))  # a revision that waits for a lock makes every later query wait
    connection.execute(text("SET statement_timeout = '60s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=_metadata(),
        version_table_schema=service,
        include_schemas=True,
        include_name=_ours,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
    connection.commit()


async def _connect_and_run() -> None:
    async with as_owner(service) as connection:
        await connection.run_sync(_run)


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", version_table_schema=service, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    asyncio.run(_connect_and_run())
