"""The relay: brings another service to our current state, row by row, until it has confirmed it.

A row is marked "to be sent" by the transaction that changes it. The process that committed sends it at once (`soon`); a sweep sends
what was left behind by a crash or a silent peer. What is sent is always the row's current state, so order, duplicates and several
relays cannot matter, and many changes melt into one message.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import structlog
from prometheus_client import Counter

from shared.loops import Loop

K = TypeVar("K", bound=Hashable)
log = structlog.get_logger(__name__)
SENT = Counter("commonground_relay_sent_total", "Rows sent to a peer", ["relay", "result"])


class Relay(Generic[K]):
    """Sends rows by key: `send(key)` reads the row's current state, delivers it and stores the confirmation, or raises.

    `claim()` returns the keys that are due, most urgent first, and pushes their next try into the future in the same statement
    (FOR UPDATE SKIP LOCKED), so that two replicas seldom send the same row; if they do, nothing breaks.
    """

    def __init__(
        self,
        name: str,
        *,
        claim: Callable[[], Awaitable[Sequence[K]]],
        send: Callable[[K], Awaitable[None]],
        period_s: float,
    ) -> None:
        self._name = name
        self._claim = claim
        self._send = send
        self._gate = asyncio.Semaphore(16)
        self._running: dict[K, asyncio.Task[None]] = {}
        self._again: set[K] = set()
        self._stopped = False
        self._loop = Loop(f"relay.{name}", self._sweep, period_s)

    def soon(self, key: K) -> None:
        """Send this row now; if it is being sent, once more right after, with the state that it then has."""
        if self._stopped:
            return
        if key in self._running:
            self._again.add(key)
            return
        self._running[key] = asyncio.create_task(self._deliver(key))

    def start(self) -> None:
        """Begin the sweep in the running event loop."""
        self._loop.start()

    async def stop(self) -> None:
        """End the sweep and whatever is under way; unconfirmed rows stay due."""
        self._stopped = True
        await self._loop.stop()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _sweep(self) -> None:
        for key in await self._claim():
            if key not in self._running:
                self.soon(key)

    async def _deliver(self, key: K) -> None:
        try:
            while True:
                self._again.discard(key)
                async with self._gate:
                    await self._send(key)
                SENT.labels(self._name, "ok").inc()
                if key not in self._again:
                    return
        except Exception as error:  # noqa: BLE001 - the row stays due; the sweep tries again
            SENT.labels(self._name, "failed").inc()
            log.info(
                "relay.not_delivered",
                relay=self._name,
                key=str(key),
                error=type(error).__name__,
                detail=str(error)[:200],
            )
        finally:
            del self._running[key]
            if key in self._again:
                self._again.discard(key)
                self.soon(key)
