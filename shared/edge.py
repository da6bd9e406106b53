"""The HTTP edge that the three services share: strict bodies, size limits, pages, long-polls and the application itself."""

import asyncio
import base64
import binascii
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

from fastapi import FastAPI, Header, Query
from fastapi.responses import Response
from fastapi_offline import FastAPIOffline
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import bodies, docs_pages, problems
from shared.errors import Invalid
from shared.wake import RECHECK_S, Hub

T = TypeVar("T")
BODY_LIMIT: Final = 64 * 1024
SERVICE_BODY_LIMIT: Final = 1024 * 1024
"""Between services: a wish carries every word that a call was ever told, which came in many bodies of 64 KiB."""
LONGEST_WAIT_S: Final = 55
_TAG: Final = re.compile(r'"[^"]*"')
_DATE_AND_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}"
)  # Pydantic takes text of digits for a Unix time


def _text_only(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE_AND_TIME.match(value)):
        return value
    raise ValueError("Write times as RFC 3339 text with an offset, such as 2026-11-23T18:04:11-08:00")


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("The time is out of range") from error


Time = Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_to_utc)]
"""A time with an offset, RFC 3339 text on the wire; UTC inside. Numbers and naive times are refused."""
Latitude = Annotated[
    float,
    Field(ge=-90, le=90, strict=True, allow_inf_nan=False, description="Degrees north, WGS 84.", examples=[34.0443]),
]
Longitude = Annotated[
    float,
    Field(ge=-180, le=180, strict=True, allow_inf_nan=False, description="Degrees east, WGS 84.", examples=[-118.2106]),
]
Language = Annotated[
    str,
    Field(
        min_length=2,
        max_length=35,
        pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        description="BCP 47.",
        examples=["es"],
    ),
]
Slug = Annotated[
    str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["boyle-heights"])
]


class Strict(BaseModel):
    """A request body: unknown fields are refused, numbers are finite, and text has no surrounding magic."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


class Page(BaseModel, Generic[T]):
    """A page of a list; `next` is the cursor of the page after it, or null."""

    items: list[T]
    next: str | None = None


Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
CursorText = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Prefer = Annotated[
    str | None,
    Header(
        max_length=200,
        description="`wait=<seconds>`, at most 55: answer when something changes, or then.",
        examples=["wait=30"],
    ),
]
IfNoneMatch = Annotated[str | None, Header(max_length=200, description="The `ETag` of the answer you have.")]


def cursor(*parts: Any) -> str:
    """Return an opaque cursor that holds `parts`."""
    return base64.urlsafe_b64encode(json.dumps(parts, default=str, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str, *, length: int) -> list[Any]:
    """Return the parts of a cursor that we made. Raises Invalid for any other text."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error) as error:
        raise Invalid("The cursor is not one that this service gave.", pointer="cursor") from error
    if not isinstance(parts, list) or len(parts) != length:
        raise Invalid("The cursor is not one that this service gave.", pointer="cursor")
    return parts


def wait_s(prefer: str | None) -> float:
    """Return how long the caller is willing to wait: 0 without the preference, 55 s at most."""
    match = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", prefer or "")
    return float(min(int(match[1]), LONGEST_WAIT_S)) if match else 0.0


def etag(body: bytes) -> str:
    """Return a strong entity tag of `body`."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def knows(if_none_match: str | None, tag: str) -> bool:
    """Say whether `If-None-Match` names `tag`, compared weakly (RFC 9110, 13.1.2): a proxy that compresses weakens our tags."""
    if if_none_match is None:
        return False
    return tag.removeprefix("W/") in _TAG.findall(if_none_match)


class Tagged(NamedTuple):
    """A body with a tag of its own, where not every difference between two bodies is news (then it is a weak one, `W/"…"`)."""

    body: Callable[[], bytes]
    """Renders the body; not called when the caller knows the tag already."""
    tag: str


async def long_poll(
    read: Callable[[], Awaitable[bytes | Tagged]],
    *,
    hub: Hub,
    keys: tuple[str, ...],
    prefer: str | None,
    known: str | None,
) -> Response:
    """Answer with what `read` gives as JSON and its ETag; while that is the `known` one, wait for news of `keys` first.

    304 when nothing changed in time. Without `If-None-Match` but with a wait, the state at the start is what is known.
    """
    patience = wait_s(prefer)
    deadline = asyncio.get_running_loop().time() + patience
    first: str | None = None
    while True:
        async with hub.listening(*keys) as news:
            answer = await read()
            tag = answer.tag if isinstance(answer, Tagged) else etag(answer)
            if known is None and first is None:
                first = tag
            unchanged = tag == first if known is None else knows(known, tag)
            left = deadline - asyncio.get_running_loop().time()
            if not unchanged or left <= 0 or hub.leaving:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, RECHECK_S)):
                    await news.wait()
    headers = {"ETag": tag, "Cache-Control": "no-store"}
    if knows(known, tag):
        return Response(status_code=304, headers=headers)
    body = answer.body() if isinstance(answer, Tagged) else answer
    return Response(body, media_type="application/json", headers=headers)


class BodyLimit:
    """ASGI middleware: reads a body of at most 64 KiB (else 413) and refuses what cannot be kept as it was said (422).

    `from_services` matches the "METHOD /path" of messages between services, which may be larger; `never_refused` that of requests
    whose body is passed on whatever it is, and as no body at all when it is over the limit.
    """

    def __init__(self, app: ASGIApp, from_services: str | None = None, never_refused: str | None = None) -> None:
        self._app = app
        self._from_services = re.compile(from_services) if from_services else None
        self._never_refused = re.compile(never_refused) if never_refused else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or answer it here."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        operation = f"{scope['method']} {scope['path']}"
        limit = SERVICE_BODY_LIMIT if _matches(self._from_services, operation) else BODY_LIMIT
        body = await _read(receive, limit)
        if _matches(self._never_refused, operation):
            body = body or b""
        elif (refusal := _refusal(body, limit)) is not None:
            await refusal(scope, receive, send)
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


def _matches(pattern: re.Pattern[str] | None, operation: str) -> bool:
    return pattern is not None and pattern.fullmatch(operation) is not None


def _refusal(body: bytes | None, limit: int) -> Response | None:
    if body is None:
        return problems.problem(
            "body-too-large", 413, "Body too large", f"The body is over {limit} bytes.", limit_bytes=limit
        )
    fault = bodies.fault(body)
    if fault is None:
        return None
    return problems.problem("invalid-request", 422, "Invalid request", fault.detail, errors=[fault._asdict()])


async def _read(receive: Receive, limit: int) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks) if size <= limit else None


def application(
    *, title: str, description: str, version: str, table: problems.ProblemTable,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]], from_services: str | None = None,
    never_refused: str | None = None,
) -> FastAPI:  # fmt: skip
    """Return a FastAPI application with offline docs, problem documents and the body limit, ready for routers."""
    app = FastAPIOffline(
        title=title, description=description, version=version, lifespan=lifespan, separate_input_output_schemas=False
    )
    problems.install(app, table)
    app.add_middleware(BodyLimit, from_services=from_services, never_refused=never_refused)
    app.add_middleware(docs_pages.SelfContained)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            docs_pages.finish(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents for extending the schema
    return app
