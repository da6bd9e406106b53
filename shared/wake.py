"""Waiting for news of a thing without a query per waiter: an event in memory, woken here or by another replica.

The process that commits wakes its own waiters at once and tells the other replicas by NOTIFY afterwards, in one statement for
all that happened meanwhile, outside the committing transaction (a NOTIFY inside it would halve the commit rate). A lost
notification costs a waiter its next re-check, never more: waiters re-read at least every `RECHECK_S`.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

import asyncpg
import structlog

log = structlog.get_logger(__name__)

RECHECK_S: Final = 5.0
"""A waiter reads again at least this often, whatever was or was not notified."""
_PAYLOAD_LIMIT: Final = 7000  # bytes; PostgreSQL allows 8000


class Waiting:
    """One waiter: a future and nothing else, which is what ten thousand of them can afford."""

    __slots__ = ("_future", "_key", "_waiters")

    def __init__(self, waiters: dict[str, set[asyncio.Future[None]]], key: str) -> None:
        self._waiters = waiters
        self._key = key

    def __enter__(self) -> Self:
        self._future = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(self._key, set()).add(self._future)
        return self

    def __exit__(self, *_: object) -> None:
        waiters = self._waiters[self._key]
        waiters.discard(self._future)
        if not waiters:
            del self._waiters[self._key]

    async def within(self, timeout_s: float) -> None:
        """Return at the first news since the context was entered, or after `timeout_s`."""
        expiry = asyncio.get_running_loop().call_later(timeout_s, _settle, self._future)
        try:
            await self._future
        finally:
            expiry.cancel()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class Hub:
    """Wakes those who wait for a key, in this process at once and in every other replica through PostgreSQL."""

    def __init__(self, dsn: str, channel: str) -> None:
        self._dsn = dsn
        self._channel = channel
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._lightly: dict[str, set[asyncio.Future[None]]] = {}
        self._listeners: list[Callable[[Sequence[str] | None], None]] = []
        self._unsent: set[str] = set()
        self.leaving = False
        """True once this process is about to end: whoever would wait answers instead."""
        self._to_send = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self, *keys: str) -> None:
        """Wake all who wait for any of `keys`, here now and on other replicas within milliseconds. Call it after the commit."""
        self._wake_here(keys)
        self._unsent.update(keys)
        self._to_send.set()

    def wake_here(self, keys: Iterable[str]) -> None:
        """Wake those of this process only."""
        self._wake_here(tuple(keys))

    def on_wake(self, listener: Callable[[Sequence[str] | None], None]) -> None:
        """Call `listener` with the keys of every wake, wherever it began, before anybody wakes; None: all keys."""
        self._listeners.append(listener)

    def waiting(self, key: str) -> "Waiting":
        """Return a context in which news of one key is heard: as `listening`, for thousands at once."""
        return Waiting(self._lightly, key)

    async def wait(self, key: str, timeout_s: float) -> bool:
        """Return True when `key` was woken, False after `timeout_s`; the caller reads the rows again in both cases.

        Only news after the call counts, so a caller that must not miss any enters `listening` first and reads inside it.
        """
        async with self.listening(key) as news:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await news.wait()
            return news.is_set()

    @asynccontextmanager
    async def listening(self, *keys: str) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set by the first news of any of `keys`; read the rows after entering, then wait on it."""
        event = asyncio.Event()
        for key in keys:
            self._waiting[key].add(event)
        try:
            yield event
        finally:
            for key in keys:
                self._waiting[key].discard(event)
                if not self._waiting[key]:
                    del self._waiting[key]

    async def start(self) -> None:
        """Open the one LISTEN connection and begin to serve; both reconnect by themselves."""
        self.leaving = False
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._send())]

    async def stop(self) -> None:
        """Close the connection; waiters are woken so that their requests can end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None and not self._connection.is_closed():
            with suppress(Exception):
                await self._connection.close(timeout=1)
        self.release()

    def release(self) -> None:
        """Let everybody go who waits, and let nobody wait from now on: the process is about to end."""
        self.leaving = True
        self.wake_all()

    def wake_all(self) -> None:
        """Wake every waiter of this process: after a lost connection, and when stopping."""
        for listener in self._listeners:
            listener(None)
        self._rouse({*self._waiting, *self._lightly})

    def _wake_here(self, keys: Sequence[str]) -> None:
        for listener in self._listeners:
            listener(keys)
        self._rouse(keys)

    def _rouse(self, keys: Iterable[str]) -> None:
        for key in keys:
            for future in self._lightly.get(key, ()):
                if not future.done():
                    future.set_result(None)
            for event in self._waiting.get(key, ()):
                event.set()

    def _on_notify(self, connection: Any, pid: int, _channel: str, payload: str) -> None:
        if pid == connection.get_server_pid():
            return  # our own: those who wait here were woken at once
        with suppress(ValueError):
            self._wake_here(json.loads(payload))

    async def _listen(self) -> None:
        pause = 0.1
        while True:
            try:
                self._connection = await asyncpg.connect(self._dsn, timeout=5)
                await self._connection.add_listener(self._channel, self._on_notify)
                self.wake_all()  # whatever was notified while nobody listened
                pause = 0.1
                closed = asyncio.Event()
                self._connection.add_termination_listener(lambda _, gone=closed: gone.set())
                await closed.wait()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("wake.listen_failed", error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5)

    async def _send(self) -> None:
        while True:
            await self._to_send.wait()
            await asyncio.sleep(0.002)  # melts the wakes of one burst into one NOTIFY
            self._to_send.clear()
            connection = self._connection
            if connection is None or connection.is_closed():
                self._unsent.clear()  # the other replicas re-check by themselves
                continue
            try:
                while self._unsent:
                    await connection.execute("SELECT pg_notify($1, $2)", self._channel, self._payload(), timeout=5)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("wake.notify_failed", error=type(error).__name__)

    def _payload(self) -> str:
        keys: list[str] = []
        size = 2
        while self._unsent and size < _PAYLOAD_LIMIT - 200:
            key = self._unsent.pop()
            keys.append(key)
            size += len(key) + 4
        return json.dumps(keys, separators=(",", ":"))
