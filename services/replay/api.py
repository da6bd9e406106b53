"""The system's public HTTP API as the simulated people use it: one small client, and silence is an answer."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

USUAL_TIMEOUT_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the system answered. Status 0: nothing came in time, and whether it acted is unknown."""

    status: int
    body: Any = None
    etag: str | None = None
    retry_after_s: float | None = None
    asked_at: float = 0.0
    """`time.monotonic()` when it was asked, and when the answer was there."""
    answered_at: float = 0.0

    @property
    def ok(self) -> bool:
        """Say whether the answer is 2xx."""
        return 200 <= self.status < 300

    @property
    def worth_trying_again(self) -> bool:
        """Say whether the same request may succeed a moment later: silence, too many, or a fault."""
        return self.status in (0, 429) or self.status >= 500

    @property
    def took_ms(self) -> float:
        """Wall-clock milliseconds from question to answer."""
        return (self.answered_at - self.asked_at) * 1000


class API:
    """A client of the three services. It never raises for what the network or the system does."""

    def __init__(self, urls: Mapping[str, str], *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._urls = {
            service: [url.strip().rstrip("/") for url in text.split(",") if url.strip()]
            for service, text in urls.items()
        }
        self._client = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
            transport=transport,
            trust_env=False,
        )

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        token: str,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = USUAL_TIMEOUT_S,
    ) -> Answer:
        """Return the answer, or one with status 0. A replica that refuses the connection gives way to the next."""
        addresses = self._urls[service]
        asked_at = time.monotonic()
        for _ in range(len(addresses)):
            try:
                response = await self._client.request(
                    method,
                    addresses[0] + path,
                    json=json,
                    headers={"Authorization": f"Bearer {token}", **(headers or {})},
                    timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, 2.0)),
                )
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                addresses.append(addresses.pop(0))
                continue
            except httpx2.HTTPError:
                addresses.append(addresses.pop(0))
                break
            return Answer(
                response.status_code,
                _body(response),
                response.headers.get("etag"),
                _seconds(response.headers.get("retry-after")),
                asked_at,
                time.monotonic(),
            )
        return Answer(0, asked_at=asked_at, answered_at=time.monotonic())

    async def poll(self, service: str, path: str, *, token: str, wait_s: float, etag: str | None = None) -> Answer:
        """Long-poll once: the answer when something changed, 304 when nothing did in time, or status 0."""
        whole = max(1, round(wait_s))
        headers = {"Prefer": f"wait={whole}"} | ({"If-None-Match": etag} if etag else {})
        return await self.request(service, "GET", path, token=token, headers=headers, timeout_s=whole + USUAL_TIMEOUT_S)

    async def insist(
        self, service: str, method: str, path: str, *, token: str, tries: int = 8, **kwargs: Any
    ) -> Answer:
        """Ask again while the system is silent, busy or at fault: at most `tries` times, with a growing pause."""
        answer = Answer(0)
        for attempt in range(tries):
            answer = await self.request(service, method, path, token=token, **kwargs)
            if not answer.worth_trying_again:
                break
            await pause(answer, attempt)
        return answer

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


async def pause(answer: Answer, attempt: int = 0) -> None:
    """Wait before asking again: as long as the system asked for, else a little longer each time."""
    asked_for = answer.retry_after_s
    await asyncio.sleep(min(0.2 * 2**attempt if asked_for is None else asked_for, _LONGEST_PAUSE_S))


def _body(response: httpx2.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        return None


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
