"""The HTTP edge: what a body, a time, a cursor and a header may be, and what is refused before any route sees it."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from pydantic import TypeAdapter, ValidationError

from shared import edge
from shared.errors import Invalid
from shared.wake import Hub


class Body(edge.Strict):
    text: str = ""
    number: float = 0
    at: edge.Time | None = None
    more: dict[str, Any] | list[Any] = {}


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


def small_app() -> FastAPI:
    app = edge.application(
        title="t", description="d", version="1", table={}, lifespan=no_lifespan, from_services=r"PUT /big/[^/]+",
        never_refused=r"POST /any/[^/]+",
    )  # fmt: skip

    @app.post("/echo")
    async def echo(body: Body) -> Body:
        return body

    @app.put("/big/{name}")
    async def big(name: str, body: Body) -> int:
        return len(body.text) + len(name)

    @app.post("/any/{name}")
    async def anything(request: Request) -> int:
        return len(await request.body())

    return app


async def send(content: bytes | AsyncIterator[bytes], path: str = "/echo", method: str = "POST") -> httpx2.Response:
    transport = httpx2.ASGITransport(app=small_app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://t") as client:
        return await client.request(method, path, content=content, headers={"Content-Type": "application/json"})


@pytest.fixture
def no_garbage_of_others() -> Iterator[None]:
    """Hold back the collector: at the bottom of a deep recursion the finalizers of other tests' garbage fail, and the test with them."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_of_others")
@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (rb'{"text": "a\u0000b"}', "/text"),
        (b'{"text": "a\x00b"}', None),
        (rb'{"text": "a\ud800b"}', "/text"),
        (rb'{"text": "a\udfffb"}', "/text"),
        (rb'{"text": "\udc00\ud800"}', "/text"),
        (rb'{"more": {"a": ["x", "\u0000"]}}', "/more/a/1"),
        (rb'{"more": {"a/b~c": {"d": "\u0000"}}}', "/more/a~1b~0c/d"),
        (rb'{"more": {"\u0000": 1}}', "/more"),
        (b'{"number": NaN}', ""),
        (b'{"number": -Infinity}', ""),
        (b'{"more": {"n": Infinity}}', ""),
        (b'{"number": 1e999}', "/number"),
        (b'{"more": ' + b"[" * 40 + b"]" * 40 + b"}", None),
        (b'{"more": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", None),
        (b'{"text": "\xff\xfe"}', ""),
        (b'{"text": "\xed\xa0\x80"}', "/text"),
        (b'{"text": ', None),
        (b"", ""),
        (b"[]", ""),
        (b"null", ""),
        (b'"NaN"', ""),
        (b'{"number": ' + b"9" * 5000 + b"}", None),
        (b'{"unknown": 1}', "/unknown"),
        (b'{"text": ["array"]}', "/text"),
        (b'{"at": "2026-11-23T10:00:00"}', "/at"),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_the_place_named(content: bytes, pointer: str | None) -> None:
    answer = await send(content)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:commonground:problem:invalid-request"
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "text",
    ["NaN is not a number; Infinity War", r"a backslash and u0000: \u0000", "😀 \U0001f600", "a\nb\tc", "\\ud800"],
)
async def test_words_that_only_look_suspicious_are_kept(text: str) -> None:
    for content in (json.dumps({"text": text}), json.dumps({"text": text}, ensure_ascii=False)):
        answer = await send(content.encode())
        assert (answer.status_code, answer.json()["text"]) == (200, text)


async def test_a_body_may_have_64_kib_and_not_one_byte_more() -> None:
    frame = len(b'{"text": ""}')
    whole = b'{"text": "' + b"x" * (edge.BODY_LIMIT - frame) + b'"}'
    assert len(whole) == edge.BODY_LIMIT
    assert (await send(whole)).status_code == 200
    over = await send(whole + b" ")
    assert over.status_code == 413
    assert over.json()["limit_bytes"] == edge.BODY_LIMIT


async def test_the_limit_counts_what_came_not_what_was_announced() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"text": "'
        for _ in range(70):
            yield b"x" * 1000
        yield b'"}'

    assert (await send(pieces())).status_code == 413


async def test_messages_between_services_may_be_larger_and_only_those() -> None:
    large = json.dumps({"text": "x" * 200_000}).encode()
    assert (await send(large, "/big/one", "PUT")).json() == 200_003
    assert (await send(large, "/echo")).status_code == 413
    assert (await send(b"x" * (edge.SERVICE_BODY_LIMIT + 1), "/big/one", "PUT")).status_code == 413


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (b'{"number": NaN}', 15),
        (rb'{"text": "\ud800"}', 18),
        (b"[" * 40, 40),
        (b"", 0),
        (b"x" * edge.BODY_LIMIT, edge.BODY_LIMIT),
        (b"x" * (edge.BODY_LIMIT + 1), 0),
    ],
)
async def test_a_body_that_is_never_refused_is_passed_on_or_left_out(content: bytes, length: int) -> None:
    answer = await send(content, "/any/one")
    assert (answer.status_code, answer.json()) == (200, length)


async def test_an_unknown_path_and_method_are_problems_too() -> None:
    assert (await send(b"{}", "/nowhere")).json()["type"] == "urn:commonground:problem:not-found"
    wrong = await send(b"{}", "/echo", "PUT")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "urn:commonground:problem:method-not-allowed")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-23T18:04:11-08:00", datetime(2026, 11, 24, 2, 4, 11, tzinfo=UTC)),
        ("2026-11-23T18:04:11Z", datetime(2026, 11, 23, 18, 4, 11, tzinfo=UTC)),
        ("2026-11-23t18:04:11.5z", datetime(2026, 11, 23, 18, 4, 11, 500_000, tzinfo=UTC)),
    ],
)
def test_times_are_rfc_3339_and_utc_inside(text: str, utc: datetime) -> None:
    assert TypeAdapter(edge.Time).validate_python(text) == utc


@pytest.mark.parametrize(
    "value",
    ["2026-11-23T18:04:11", "2026-11-23", "1790000000", 1790000000, 1.5, True, "", "soon", "2026-13-01T00:00:00Z",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "18:04:11Z", "2026-11-23T18:04Z"],
)  # fmt: skip
def test_anything_else_is_not_a_time(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(edge.Time).validate_python(value)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0), ("", 0), ("wait=30", 30), ("wait = 5", 5), ('wait="7"', 7), ("respond-async, wait=10", 10),
        ("respond-async; wait=10", 10), ("wait=999999", 55), ("wait=99999999999999", 55), ("wait=-1", 0), ("wait=x", 0),
        ("await=9", 0), ("wait=0", 0), ("handling=lenient;wait=3", 3),
    ],
)  # fmt: skip
def test_prefer_says_how_long_to_wait(header: str | None, seconds: float) -> None:
    assert edge.wait_s(header) == seconds


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False), ("", False), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ('"b"', False), ("a", False),
        ('"ab"', False), ('W/"b",W/"a"', True),
    ],
)  # fmt: skip
def test_if_none_match_is_compared_weakly(header: str | None, known: bool) -> None:
    assert edge.knows(header, '"a"') is known
    assert edge.knows(header, 'W/"a"') is known


def test_a_cursor_comes_back_as_it_was_made() -> None:
    parts = ["näme \x00 😀", 7, None]
    assert edge.read_cursor(edge.cursor(*parts), length=3) == parts


@pytest.mark.parametrize("text", ["", "%", "!!!!", "é", "a", "bnVsbA", "e30", "WzFd", "WzEsMg", "/////w"])
def test_another_text_is_no_cursor(text: str) -> None:
    with pytest.raises(Invalid):
        edge.read_cursor(text, length=2)


class Source:
    """Something to poll, and how often it was read."""

    def __init__(self) -> None:
        self.body = b"1"
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        return self.body


async def poll(source: Source, hub: Hub, **options: str | None) -> Any:
    given: dict[str, str | None] = {"prefer": None, "known": None, **options}
    return await edge.long_poll(source.read, hub=hub, keys=("k",), prefer=given["prefer"], known=given["known"])


async def test_without_a_wait_the_state_is_answered_at_once() -> None:
    hub, source = Hub("", "c"), Source()
    answer = await poll(source, hub)
    assert (answer.status_code, answer.body, source.reads) == (200, b"1", 1)
    again = await poll(source, hub, known=answer.headers["etag"])
    assert (again.status_code, again.headers["etag"]) == (304, answer.headers["etag"])


async def test_news_between_the_reading_and_the_waiting_are_not_missed() -> None:
    """The writer commits and wakes exactly while the poll reads."""
    hub, source = Hub("", "c"), Source()
    known = edge.etag(b"1")

    async def read_slowly() -> bytes:
        body = await source.read()
        if source.reads == 1:
            source.body = b"2"
            hub.wake("k")
        return body

    started = asyncio.get_running_loop().time()
    answer = await edge.long_poll(read_slowly, hub=hub, keys=("k",), prefer="wait=30", known=known)
    assert answer.body == b"2"
    assert asyncio.get_running_loop().time() - started < 1


async def test_a_wake_that_changes_nothing_is_waited_through() -> None:
    hub, source = Hub("", "c"), Source()
    polling = asyncio.create_task(poll(source, hub, prefer="wait=30", known=edge.etag(b"1")))
    for n in range(2, 5):
        await asyncio.sleep(0.01)
        hub.wake("k")
        await asyncio.sleep(0.01)
        assert source.reads == n
    source.body = b"2"
    hub.wake("other")
    await asyncio.sleep(0.01)
    assert not polling.done()
    hub.wake("k")
    assert (await polling).body == b"2"


async def test_who_waits_is_answered_when_the_process_is_about_to_end_and_nobody_waits_after() -> None:
    hub, source = Hub("", "c"), Source()
    polling = asyncio.create_task(poll(source, hub, prefer="wait=30", known=edge.etag(b"1")))
    await asyncio.sleep(0.01)
    hub.release()
    assert (await asyncio.wait_for(polling, 10)).status_code == 304
    late = await asyncio.wait_for(poll(source, hub, prefer="wait=30"), 10)
    assert (late.status_code, late.body) == (200, b"1")


async def test_a_wait_without_a_known_tag_waits_for_the_next_change() -> None:
    hub, source = Hub("", "c"), Source()
    polling = asyncio.create_task(poll(source, hub, prefer="wait=30"))
    await asyncio.sleep(0.01)
    source.body = b"2"
    hub.wake("k")
    assert (await polling).body == b"2"
    assert hub._waiting == {}
