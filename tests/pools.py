"""Connections that outlive the service of one test: opening them anew for each took a quarter of the contract tests' time."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import shared.db
from shared.db import Database


class _Pools:
    """Engines by what they were asked with. One that is in use is given to nobody else: two services share no pool."""

    def __init__(self) -> None:
        self._idle: dict[str, list[AsyncEngine]] = defaultdict(list)
        self._asked: dict[AsyncEngine, str] = {}

    def take(self, url: URL, **options: Any) -> AsyncEngine:
        """Stand for `create_async_engine`."""
        asked = f"{url.render_as_string(hide_password=False)} {sorted(options.items())}"
        engine = self._idle[asked].pop() if self._idle[asked] else create_async_engine(url, **options)
        self._asked[engine] = asked
        return engine

    async def put_back(self, database: Database) -> None:
        """Stand for `Database.close`."""
        for engine in (database.transactions, database.statements):
            asked = self._asked.pop(engine, None)
            if asked is not None:  # a second time there is nothing to do
                self._idle[asked].append(engine)

    async def close(self) -> None:
        """Close every connection that nobody uses."""
        for engines in self._idle.values():
            for engine in engines:
                await engine.dispose()


@asynccontextmanager
async def kept_open() -> AsyncIterator[None]:
    """Keep what a `Database` opens meanwhile for the next that asks for the same."""
    pools = _Pools()

    async def put_back(database: Database) -> None:
        await pools.put_back(database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.db, "create_async_engine", pools.take)
        patch.setattr(Database, "close", put_back)
        yield
    await pools.close()
