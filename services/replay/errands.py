"""Small things that simulated people set out to do and nobody waits for. None fails unseen, all end with the replay."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Errands:
    """The errands under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None

    def start(self, errand: Coroutine[Any, Any, Any]) -> None:
        """Set out on one."""
        task = asyncio.create_task(errand)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def check(self) -> None:
        """Raise what an errand failed with, if one did: a fault of the replay itself."""
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Give up all that are under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
