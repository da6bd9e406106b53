"""Timed loops that outlive their own failures: each pass is logged and counted when it fails, and the next one comes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

log = structlog.get_logger(__name__)
PASSES = Counter("commonground_loop_passes_total", "Passes of a timed loop", ["loop", "result"])


@dataclass(slots=True)
class Loop:
    """Runs `work` every `period_s` seconds and at once when poked; a pass that raises is counted, never fatal.

    `work` returns True when it left something undone and wants to run again at once.
    """

    name: str
    work: Callable[[], Awaitable[bool | None]]
    period_s: float
    _poked: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def poke(self) -> None:
        """Ask for a pass now, or for one more right after the pass that runs."""
        self._poked.set()

    def start(self) -> None:
        """Begin in the running event loop."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Cancel the loop and wait until it has ended."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            self._poked.clear()
            again: bool | None = False
            try:
                again = await self.work()
                PASSES.labels(self.name, "ok").inc()
            except Exception as error:  # noqa: BLE001 - a loop that dies silently loses calls; this one counts and goes on
                PASSES.labels(self.name, "failed").inc()
                log.warning("loop.failed", loop=self.name, error=type(error).__name__, detail=str(error)[:300])
            if again:
                continue
            with suppress(TimeoutError):
                # not wait_for: before Python 3.12 it swallows a cancellation that comes with the poke, and `stop` hangs
                async with asyncio.timeout(self.period_s):
                    await self._poked.wait()
