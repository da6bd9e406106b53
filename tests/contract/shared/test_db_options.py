"""The options of a DSN reach PostgreSQL, whoever opens the connection."""

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from shared.db import Database, migration_engine
from tests import pg


def asking(dsn: str, mode: str) -> str:
    return make_url(dsn).update_query_dict({"sslmode": mode}).render_as_string(hide_password=False)


def refused_encryption(error: BaseException | None) -> bool:
    while error is not None:
        if "SSL" in str(error):
            return True
        error = error.__cause__
    return False


@pytest.mark.parametrize("mode", ["disable", "prefer"])
async def test_a_server_without_tls_is_reached_where_tls_is_not_asked_for(database: pg.Clone, mode: str) -> None:
    db = Database(asking(database.login["intake"], mode), application="test", pool_size=1)
    assert await db.scalar(text("SELECT current_user")) == "commonground_intake"
    await db.close()
    engine = migration_engine(asking(database.admin, mode))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT current_database()")) == database.name
    await engine.dispose()


async def test_where_tls_is_asked_for_nothing_is_sent_without_it(database: pg.Clone) -> None:
    """The embedded PostgreSQL has no TLS, so a DSN that requires it must fail rather than be read as less."""
    db = Database(asking(database.login["intake"], "require"), application="test", pool_size=1)
    with pytest.raises((DBAPIError, OSError, asyncpg.PostgresError)) as failed:
        await db.scalar(text("SELECT 1"))
    assert refused_encryption(failed.value)
    await db.close()
    engine = migration_engine(asking(database.admin, "require"))
    with pytest.raises((DBAPIError, OSError, asyncpg.PostgresError)) as failed:
        async with engine.connect():
            pass
    assert refused_encryption(failed.value)
    await engine.dispose()
