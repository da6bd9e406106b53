"""Talking to another service: one client, every timeout named, and a second address when the first does not answer."""

from dataclasses import dataclass
from typing import Any

import httpx2

from shared.auth import Caller, Role, issue


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer answered."""

    status: int
    body: Any
    etag: str | None = None

    @property
    def ok(self) -> bool:
        """Say whether the peer answered 2xx."""
        return 200 <= self.status < 300


class PeerSilentError(Exception):
    """No address of the peer gave an answer in time: whether it acted is unknown."""


class Peer:
    """Another service at one or several addresses (replicas). A call that finds no listener goes to the next address.

    Only a refused connection moves on: after anything was sent the peer may have acted, and the caller must decide.
    """

    def __init__(self, urls: str, *, token_secret: str, service: str, timeout_s: float = 2.0) -> None:
        self._urls = [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]
        token = issue(token_secret, Caller(Role.SERVICE, service))
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, 1.0)),
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=32),
            trust_env=False,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Return the peer's answer, whatever its status. Raises PeerSilentError when none came."""
        extra: dict[str, Any] = (
            {} if timeout_s is None else {"timeout": httpx2.Timeout(timeout_s, connect=min(timeout_s, 1.0))}
        )
        failure: Exception | None = None
        for url in tuple(self._urls):  # as they stand now: meanwhile other requests change the order
            try:
                response = await self._client.request(method, url + path, json=json, headers=headers, **extra)
                body = response.json() if response.content else None
                return Reply(response.status_code, body, response.headers.get("etag"))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                self._put_last(url)
                failure = error
            except (httpx2.HTTPError, ValueError) as error:
                self._put_last(url)
                raise PeerSilentError(type(error).__name__) from error
        raise PeerSilentError(type(failure).__name__) from failure

    def _put_last(self, url: str) -> None:
        """Ask another address first from now on, unless a request that failed at the same time has seen to it."""
        if self._urls[0] == url:
            self._urls.append(self._urls.pop(0))

    async def ready(self) -> bool:
        """Say whether the peer's process answers at all."""
        try:
            return (await self.request("GET", "/healthz", timeout_s=1.0)).ok
        except PeerSilentError:
            return False

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
