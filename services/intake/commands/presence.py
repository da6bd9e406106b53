"""Whether a reviewer is there: the queue has been read lately, or is being read now by a long-poll that waits."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from services.intake.store import presence
from shared.db import Database

_EVERY_S: Final = 2.0


class Presence:
    """The readers of the reviewers' queue in this process; writes at most every few seconds."""

    def __init__(self, db: Database, *, time_rate: float) -> None:
        self._db = db
        self._every_s = _EVERY_S / time_rate
        self._reading = 0
        self._written_at = float("-inf")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Count a reviewer as there while he reads the queue."""
        self._reading += 1
        try:
            await self._touch()
            yield
        finally:
            self._reading -= 1

    async def keep(self) -> None:
        """Write that somebody is still reading, if so; for the sweep."""
        if self._reading:
            await self._touch()

    async def _touch(self) -> None:
        now = time.monotonic()
        if now - self._written_at < self._every_s:
            return
        self._written_at = now
        async with self._db.autocommit() as unit:
            await presence.touch(unit.conn)
