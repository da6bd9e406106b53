"""HTTP as the field speaks it: every request goes to the next replica, and silence is an answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx2

from shared.problems import URN
from tests.patience import Patience

T = TypeVar("T")
Body = dict[str, Any]
USUAL_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.03
_PATIENCE: Final = 20


@dataclass(frozen=True)
class Reply:
    """What was answered. Status 0: nothing came, and whether it was carried out is unknown."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    took_s: float = 0.0
    asked: str = ""

    @property
    def ok(self) -> bool:
        """Say whether the answer is 2xx."""
        return 200 <= self.status < 300

    @property
    def etag(self) -> str | None:
        """The entity tag, to send back when polling."""
        return self.headers.get("etag")

    @property
    def problem(self) -> str | None:
        """The kind of problem, without its URN."""
        kind = self.body.get("type") if isinstance(self.body, dict) else None
        return kind.removeprefix(URN) if isinstance(kind, str) else None

    @property
    def pointers(self) -> list[str]:
        """The fields that an invalid request named."""
        return [error["pointer"] for error in self.body.get("errors") or ()] if isinstance(self.body, dict) else []

    def good(self) -> Body:
        """Return the body of a 2xx answer. Raises AssertionError with the whole answer for any other."""
        assert self.ok, f"{self.asked} was answered {self.status}: {self.body}"
        body: Body = self.body
        return body

    def items(self) -> list[Body]:
        """Return the items of a page. Raises AssertionError for any answer but 2xx."""
        items: list[Body] = self.good()["items"]
        return items

    def refused(self, status: int, problem: str | None = None) -> Body:
        """Return the body of a refusal. Raises AssertionError for any other answer."""
        assert self.status == status, f"{self.asked} was answered {self.status}, not {status}: {self.body}"
        assert problem is None or self.problem == problem, f"{self.asked} was refused by {self.problem}, not {problem}"
        body: Body = self.body
        return body


class Wire:
    """One HTTP client for all three services. Never raises for what the network or a service does."""

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        self._addresses = {service: list(urls) for service, urls in addresses.items()}
        self._turn = dict.fromkeys(addresses, 0)
        self._client = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64), trust_env=False
        )

    async def ask(self, service: str, method: str, path: str, **request: Any) -> Reply:
        """Return the answer of the next replica (or of the one named); one that refuses connections is passed over.

        A service that has just lost its database connections says `unavailable`, and is asked again as it asks for.
        """
        for _ in range(_PATIENCE):
            reply = await self._once(service, method, path, **request)
            if reply.problem != "unavailable":
                break
            await asyncio.sleep(_POLL_S)
        return reply

    async def _once(
        self,
        service: str,
        method: str,
        path: str,
        *,
        token: str | None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = USUAL_TIMEOUT_S,
        replica: int | None = None,
    ) -> Reply:
        asked = f"{method} {path}"
        sent = {"Content-Type": "application/json"} if content is not None else {}
        sent |= {"Authorization": f"Bearer {token}"} if token is not None else {}
        since = time.monotonic()
        for address in self._in_turn(service, replica):
            try:
                response = await self._client.request(
                    method,
                    address + path,
                    json=json,
                    content=content,
                    headers={**sent, **(headers or {})},
                    timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, 2.0)),
                )
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
            except httpx2.HTTPError:
                break
            took_s = time.monotonic() - since
            return Reply(response.status_code, _body(response), dict(response.headers), took_s, asked)
        return Reply(0, took_s=time.monotonic() - since, asked=asked)

    async def poll(
        self, service: str, path: str, *, token: str, wait_s: float, etag: str | None = None, replica: int | None = None
    ) -> Reply:
        """Long-poll once: 200 with news, 304 when there was none in time. Without an `etag`: the state now."""
        whole = max(1, min(55, round(wait_s)))
        headers = {"Prefer": f"wait={whole}", "If-None-Match": etag} if etag else {}
        return await self.ask(
            service, "GET", path, token=token, headers=headers, timeout_s=whole + USUAL_TIMEOUT_S, replica=replica
        )

    async def insist(self, service: str, method: str, path: str, *, within_s: float = 60.0, **request: Any) -> Reply:
        """Ask again while there is silence, a fault or `try again later`, for as long as `within_s`."""
        deadline = time.monotonic() + within_s
        while True:
            reply = await self.ask(service, method, path, **request)
            if reply.status not in (0, 429) and reply.status < 500:
                return reply
            if time.monotonic() > deadline:
                return reply
            await asyncio.sleep(_POLL_S)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def _in_turn(self, service: str, replica: int | None) -> list[str]:
        addresses = self._addresses[service]
        if replica is not None:
            return [addresses[replica]]
        turn = self._turn[service] = (self._turn[service] + 1) % len(addresses)
        return addresses[turn:] + addresses[:turn]


async def eventually(what: str, look: Callable[[], Awaitable[T | None]], *, within_s: float = 10.0) -> T:
    """Return the first thing that `look` finds (neither None nor False). Raises AssertionError after `within_s`."""
    patience = Patience(within_s)
    while True:
        found = await look()
        if found is not None and found is not False:
            return found
        assert not patience.is_over(), f"waited {within_s:g} s in vain: {what}"
        await asyncio.sleep(_POLL_S)


def _body(response: httpx2.Response) -> Any:
    try:
        return response.json() if response.content else None
    except ValueError:
        return response.text
