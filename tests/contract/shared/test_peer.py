"""Talking to a peer at several addresses: who is asked next, and after what nobody is."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.auth import Role, verify
from shared.peer import Peer, PeerSilentError, Reply

SECRET = "only-for-tests-and-long-enough-for-anything"
SILENCE_S = 1.5
"""After so long without an answer it is silence; a busy machine connects and answers sooner."""


class Server:
    """Answers every request with one raw answer, and remembers what was asked."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head)
                if self.answer is None:
                    await asyncio.sleep(30)
                writer.write(self.answer or b"")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(status: str, body: bytes = b"", extra: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode() + extra + b"\r\n" + body


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@asynccontextmanager
async def peer(*urls: str, timeout_s: float = 2) -> AsyncIterator[Peer]:
    """One that is closed however the test ends: what it leaves open, later tests would be blamed for."""
    asked = Peer(",".join(urls), token_secret=SECRET, service="dispatch", timeout_s=timeout_s)
    try:
        yield asked
    finally:
        await asked.close()


async def test_the_answer_is_given_whatever_its_status() -> None:
    async with (
        answering(http("409 Conflict", b'{"a": 1}', b'ETag: "t"\r\n')) as server,
        peer(server.url + "/") as asked,
    ):
        reply = await asked.request("PUT", "/v1/holds/1", json={"b": 2})
        assert (reply.status, reply.body, reply.etag, reply.ok) == (409, {"a": 1}, '"t"', False)
    head = server.asked[0].decode()
    assert head.startswith("PUT /v1/holds/1 HTTP/1.1")
    token = next(line for line in head.splitlines() if line.lower().startswith("authorization")).split()[-1]
    assert (verify(SECRET, token).role, verify(SECRET, token).name) == (Role.SERVICE, "dispatch")


async def test_where_nobody_listens_the_next_is_asked_and_remembered() -> None:
    async with answering(http("200 OK", b"{}")) as server, peer(nobody(), server.url) as asked:
        assert (await asked.request("GET", "/")).ok
        assert (await asked.request("GET", "/")).ok
        assert asked._urls[0] == server.url
        assert len(server.asked) == 2


@pytest.mark.parametrize("at_once", [2, 3, 16])
async def test_where_nobody_listens_each_of_many_requests_at_once_asks_the_next(at_once: int) -> None:
    async with answering(http("200 OK", b"{}")) as server, peer(nobody(), server.url) as asked:
        replies = await asyncio.gather(*(asked.request("GET", "/") for _ in range(at_once)), return_exceptions=True)
        assert [isinstance(reply, Reply) and reply.ok for reply in replies] == [True] * at_once
        assert len(server.asked) == at_once
        assert asked._urls[0] == server.url


async def test_many_requests_at_once_that_meet_silence_ask_nobody_else_and_leave_the_other_its_turn() -> None:
    async with (
        answering(None) as mute,
        answering(http("200 OK", b"{}")) as other,
        peer(mute.url, other.url, timeout_s=SILENCE_S) as asked,
    ):
        replies = await asyncio.gather(*(asked.request("POST", "/") for _ in range(4)), return_exceptions=True)
        assert [type(reply) for reply in replies] == [PeerSilentError] * 4
        assert other.asked == []
        assert asked._urls[0] == other.url
        assert (await asked.request("GET", "/")).ok


async def test_after_something_was_sent_nobody_else_is_asked() -> None:
    """The first may have acted; asking the second would be asking twice."""
    async with (
        answering(None) as mute,
        answering(http("200 OK", b"{}")) as other,
        peer(mute.url, other.url, timeout_s=SILENCE_S) as asked,
    ):
        with pytest.raises(PeerSilentError):
            await asked.request("POST", "/")
        assert other.asked == []
        assert (await asked.request("GET", "/")).ok  # but next time it is the other's turn


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", http("200 OK", b"not json")])
async def test_an_answer_that_is_none_is_silence(answer: bytes) -> None:
    async with answering(answer) as server, peer(server.url, timeout_s=SILENCE_S) as asked:
        with pytest.raises(PeerSilentError):
            await asked.request("GET", "/")
        assert len(server.asked) == 1


async def test_where_nobody_listens_anywhere_it_is_silence() -> None:
    async with peer(nobody(), nobody()) as asked:
        with pytest.raises(PeerSilentError, match="ConnectError"):
            await asked.request("GET", "/")
        assert not await asked.ready()
