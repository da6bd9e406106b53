"""PostgreSQL engines, and the unit of work: a connection plus what to do once its work is committed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import Executable, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

Effect = Callable[[], object]

_SESSION: Final = {
    "timezone": "UTC",
    "statement_timeout": "5000",  # ms
    "lock_timeout": "3000",
    "idle_in_transaction_session_timeout": "10000",
    "jit": "off",  # our statements are short; compiling them costs more than running them
}


class Unit:
    """A connection inside one transaction (or one that commits each statement) and the effects that wait for the commit.

    Commands take a unit, never an engine, so that an idempotency key can be stored in the effect's own transaction.
    """

    def __init__(self, conn: AsyncConnection) -> None:
        self.conn = conn
        self._effects: list[Effect] = []

    def then(self, effect: Effect) -> None:
        """Run `effect` after the commit, and never if there is none; it must not block and must not raise."""
        self._effects.append(effect)

    def committed(self) -> None:
        """Run the effects. For `Database` only."""
        effects, self._effects = self._effects, []
        for effect in effects:
            effect()


class Database:
    """The service's PostgreSQL: a pool for transactions and one for single statements.

    A single statement is atomic by itself; sent without BEGIN and COMMIT, and its connection returned without a reset, it costs half
    (stack study, section 6). A transaction block is for where several statements must stand together.
    """

    def __init__(self, dsn: str, *, application: str, pool_size: int = 10) -> None:
        url, self.dsn = _both_forms(dsn)
        options: dict[str, Any] = {
            "connect_args": {
                "dsn": self.dsn,
                "server_settings": {**_SESSION, "application_name": application},
                "timeout": 5,
                "command_timeout": 10,
            },
            "pool_timeout": 5,
            "pool_pre_ping": False,
            "pool_recycle": 1800,
            "max_overflow": pool_size,
            "hide_parameters": True,  # errors are logged, and parameters hold what callers said
        }
        self.transactions: AsyncEngine = create_async_engine(url, pool_size=pool_size, **options)
        self.statements: AsyncEngine = create_async_engine(
            url, pool_size=pool_size, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **options
        )
        for engine in (self.transactions, self.statements):
            event.listen(engine.sync_engine, "handle_error", _let_go_of_unfinished)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Unit]:
        """Yield a unit in one READ COMMITTED transaction; commits at the end, then runs its effects."""
        async with self.transactions.begin() as conn:
            unit = Unit(conn)
            yield unit
        unit.committed()

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Unit]:
        """Yield a unit whose every statement commits by itself; its effects run at the end, also after a refusal.

        Only for reads and for commands whose whole write is one statement.
        """
        async with self.statements.connect() as conn:
            unit = Unit(conn)
            try:
                yield unit
            finally:
                unit.committed()

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """Return the first column of the first row of one statement, committed by itself."""
        async with self.statements.connect() as conn:
            return await conn.scalar(statement, parameters)

    async def close(self) -> None:
        """Close both pools."""
        await self.transactions.dispose()
        await self.statements.dispose()


def _let_go_of_unfinished(context: ExceptionContext) -> None:
    """Close a connection whose statement asyncpg began and could not end, because it cannot encode a value.

    Otherwise the server keeps the locks of that statement for as long as the connection lies in its pool: no timeout counts, as the
    server believes it busy.
    """
    cause = getattr(context.original_exception, "__cause__", None)
    if isinstance(cause, asyncpg.DataError) and getattr(cause, "severity", None) is None:  # the server's own have one
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False


def migration_engine(dsn: str) -> AsyncEngine:
    """Return an engine without a pool and without our short timeouts, for migrations and set-up."""
    url, plain = _both_forms(dsn)
    return create_async_engine(url, poolclass=NullPool, connect_args={"dsn": plain})


def _both_forms(dsn: str) -> tuple[URL, str]:
    """Return the DSN for SQLAlchemy and for asyncpg. Its options (`?sslmode=verify-full`) are asyncpg's to read."""
    url = make_url(dsn)
    return (
        url.set(drivername="postgresql+asyncpg", query={}),
        url.set(drivername="postgresql").render_as_string(hide_password=False),
    )
