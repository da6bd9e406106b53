"""A link that can be cut, with an echo at its end: what comes through, what waits, what is reset."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from services.links import Cut, Link
from services.processes import free_port

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(b"heard " + line)
        writer.close()

    port = free_port()
    server = await asyncio.start_server(echo, "127.0.0.1", port)
    made = Link(port, port=free_port())
    await made.start()
    yield made
    await made.stop()
    server.close()
    await server.wait_closed()


async def connect(link: Link) -> Ends:
    return await asyncio.open_connection("127.0.0.1", int(link.url.rsplit(":", 1)[1]))


async def ask(ends: Ends, words: bytes, *, within_s: float = 2.0) -> bytes:
    reader, writer = ends
    writer.write(words + b"\n")
    return await asyncio.wait_for(reader.readline(), within_s)


async def close(*all_ends: Ends) -> None:
    for _, writer in all_ends:
        writer.close()


async def test_everything_comes_through_while_it_is_whole(link: Link) -> None:
    ends = await connect(link)
    assert await ask(ends, b"one") == b"heard one\n"
    assert await ask(ends, b"x" * 60_000) == b"heard " + b"x" * 60_000 + b"\n"
    await close(ends)


async def test_a_silent_cut_holds_back_open_and_new_connections_until_it_is_mended(link: Link) -> None:
    open_before = await connect(link)
    assert await ask(open_before, b"one") == b"heard one\n"
    await link.cut(Cut.SILENT)
    opened_after = await connect(link)
    for ends in (open_before, opened_after):
        with pytest.raises(TimeoutError):
            await ask(ends, b"two", within_s=0.3)
    await link.mend()
    for ends in (open_before, opened_after):
        assert await asyncio.wait_for(ends[0].readline(), 10) == b"heard two\n"
    await close(open_before, opened_after)


async def test_a_refusing_cut_resets_open_connections_and_takes_no_new_ones(link: Link) -> None:
    ends = await connect(link)
    assert await ask(ends, b"one") == b"heard one\n"
    await link.cut(Cut.REFUSED)
    with pytest.raises((ConnectionError, AssertionError)):
        assert await ask(ends, b"two") != b"", "the connection was ended"
    with pytest.raises(ConnectionRefusedError):
        await connect(link)
    await link.mend()
    again = await connect(link)
    assert await ask(again, b"three") == b"heard three\n"
    await close(ends, again)


@pytest.mark.parametrize("steps", range(6))
async def test_a_refusing_cut_leaves_no_connection_that_was_just_coming_in(link: Link, steps: int) -> None:
    """Accepting takes the event loop a few steps; whichever of them the cut comes between, nothing is relayed after it."""
    await link.cut(Cut.SILENT)  # a relay that slipped through would wait for this to be mended, and never end
    with socket.create_connection(("127.0.0.1", int(link.url.rsplit(":", 1)[1]))) as coming:
        coming.setblocking(False)
        for _ in range(steps):
            await asyncio.sleep(0)
        await link.cut(Cut.REFUSED)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(coming, 1), 10) == b""
    assert not link._relays


async def test_a_client_that_ends_its_side_still_gets_its_answer(link: Link) -> None:
    reader, writer = await connect(link)
    writer.write(b"last\n")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 10) == b"heard last\n"
    await close((reader, writer))


async def test_a_target_that_is_gone_looks_gone() -> None:
    link = Link(free_port(), port=free_port())
    await link.start()
    reader, writer = await connect(link)
    with pytest.raises((ConnectionError, AssertionError)):
        assert await asyncio.wait_for(reader.read(), 10), "nothing was ever said"
    await close((reader, writer))
    await link.stop()
