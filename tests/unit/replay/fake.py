"""A system in a few lines: answers HTTP requests by a function and remembers them."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2

from services.replay.api import API
from services.replay.calls import ReplayCall

URLS = {"intake": "http://intake.test", "dispatch": "http://dispatch.test", "teams": "http://teams.test"}
Responder = Callable[[str, str, Any], tuple[int, Any]]


class FakeSystem:
    """`respond(method, path, body)` gives status and body; a GET that it answers with None waits as a long-poll does."""

    def __init__(self, respond: Responder) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self._respond = respond
        self.api = API(URLS, transport=httpx2.MockTransport(self._handle))

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.raw_path.decode()
        status, answer = self._respond(request.method, path, body)
        if status == 304:
            await asyncio.sleep(0.01)
        self.asked.append((request.method, path, body))
        return httpx2.Response(status, json=answer) if status != 304 else httpx2.Response(304)

    def bodies(self, method: str, ending: str) -> list[Any]:
        """The bodies of what was asked of paths that end so."""
        return [body for asked, path, body in self.asked if asked == method and path.split("?")[0].endswith(ending)]


def call(key: str = "E1", **more: Any) -> ReplayCall:
    """A call with a place."""
    report = {"location": {"lat_deg": 34.04, "lon_deg": -118.21}, "language": "en"}
    return ReplayCall(**{"key": key, "at": datetime(2026, 1, 1, tzinfo=UTC), "report": report, **more})


def view(call_id: str, status: str, *, version: int = 1, **more: Any) -> dict[str, Any]:
    """An answer about a call, as intake gives it."""
    decision: dict[str, Any] = {"verdict": "safe", "disposition": "civilian", "missing": [], "decided_at": None}
    plain = {
        "id": call_id,
        "status": status,
        "version": version,
        "decision": decision,
        "notices": [],
        "hand_back_by": None,
    }
    return {**plain, "review_by": None, "return_reason": None, "outcome": None, **more}
