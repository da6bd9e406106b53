"""A TCP relay that stands between two services, so that exactly one link of the system can be cut and mended."""

import asyncio
import socket
from contextlib import suppress
from enum import StrEnum
from typing import Final

_CHUNK: Final = 65536


class Cut(StrEnum):
    """How a link fails."""

    SILENT = "silent"
    """Nothing comes through and nobody says so; what was sent meanwhile arrives late, when the link is mended."""
    REFUSED = "refused"
    """Open connections are reset and new ones refused."""


class Link:
    """Relays connections from a port of its own to `target_port`, until cut."""

    def __init__(self, target_port: int, *, port: int, host: str = "127.0.0.1") -> None:
        self.url = f"http://{host}:{port}"
        self._host = host
        self._port = port
        self._target_port = target_port
        self._listener: socket.socket | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._relays: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._listener = socket.create_server((self._host, self._port))
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        relays = list(self._relays)
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)

    async def cut(self, how: Cut = Cut.SILENT) -> None:
        """Let nothing through from now on."""
        if how is Cut.SILENT:
            self._open.clear()
        else:
            await self.stop()

    async def mend(self) -> None:
        """Let everything through again, what is held back first."""
        self._open.set()
        if self._listener is None:
            await self.start()

    def _accept(self, listener: socket.socket) -> None:
        """Take one connection and note it in the same step: `asyncio.start_server` has steps between, for `stop` to miss it in."""
        try:
            came, _ = listener.accept()
        except OSError:
            return  # it went away again
        came.setblocking(False)
        relay = asyncio.create_task(self._relay(came))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)
        relay.add_done_callback(lambda _: came.close())  # also when it was cancelled before its first step

    async def _relay(self, came: socket.socket) -> None:
        writers: list[asyncio.StreamWriter] = []
        try:
            reader, writer = await asyncio.open_connection(sock=came)
            writers.append(writer)
            await self._open.wait()
            there_reader, there_writer = await asyncio.open_connection(self._host, self._target_port)
            writers.append(there_writer)
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(self._pump(reader, there_writer))
                both_ways.create_task(self._pump(there_reader, writer))
            for each in writers:
                each.close()
            for each in writers:
                await each.wait_closed()
        except* OSError:
            pass  # the target refused, or one end went away in the middle: the other learns it by the reset
        finally:
            for each in writers:
                each.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while True:
            chunk = await source.read(_CHUNK)
            await self._open.wait()
            if not chunk:
                with suppress(OSError):
                    target.write_eof()
                return
            target.write(chunk)
            await target.drain()
