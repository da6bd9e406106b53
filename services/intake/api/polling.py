"""Long-polls of answers that carry the time of answering: the `ETag` counts what they say, not when they say it."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi.responses import Response
from pydantic import BaseModel

from services.intake.commands.evidence import canonical
from shared.edge import long_poll
from shared.wake import Hub

T = TypeVar("T")


async def poll(  # noqa: PLR0913 - the parts of one long-poll
    hub: Hub,
    read: Callable[[], Awaitable[T]],
    *,
    state: Callable[[T], Any],
    answer: Callable[[T], BaseModel],
    keys: tuple[str, ...],
    prefer: str | None,
    known: str | None,
    headers: Callable[[T], Mapping[str, str]] = lambda _: {},
) -> Response:
    """Answer with `answer` of what `read` gives, at once or when its `state` is no longer the `known` one; else 304.

    `headers` go with either.
    """
    latest: list[T] = []

    async def body() -> bytes:
        latest[:] = [await read()]
        return canonical(state(latest[0]))

    response = await long_poll(body, hub=hub, keys=keys, prefer=prefer, known=known)
    if response.status_code != HTTPStatus.NOT_MODIFIED:
        kept = {name: response.headers[name] for name in ("etag", "cache-control")}
        response = Response(answer(latest[0]).model_dump_json(), media_type="application/json", headers=kept)
    response.headers.update(headers(latest[0]))
    return response
