"""A dispatch of one team in memory, with a network that can be cut: what a tablet's tests run against."""

import asyncio
import json
from typing import Any

import httpx2

from services.replay.api import API

URLS = {"intake": "http://intake.test", "dispatch": "http://dispatch.test", "teams": "http://teams.test"}
NEXT = {
    "accept": ("accepted", ["depart", "arrive", "escalate"]),
    "depart": ("en_route", ["arrive", "check_in", "escalate"]),
    "arrive": ("on_scene", ["check_in", "clear", "escalate"]),
    "check_in": (None, None),
    "escalate": ("withdrawing", ["acknowledge_recall", "clear", "escalate"]),
    "acknowledge_recall": (None, None),
}


class FakeDispatch:
    """Keeps assignments, refuses what is not legal, and remembers every request that reached it."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.got: list[dict[str, Any]] = []
        self.alarms = 0
        self.online = True
        self.loses_answers = False
        self.waits: list[bool] = []
        """Of each list asked for, whether the tablet was willing to wait."""
        self.lists: asyncio.Event | None = None
        """Lists are answered only once it is set."""
        self.safety_link = True
        self.duty = "available"
        self.remembers: list[dict[str, Any]] | None = None
        """What a replica that lost a notification answers to whoever waits."""
        self._answers: dict[str, tuple[int, Any]] = {}
        self._version = 0
        self._moved = asyncio.Event()
        self.api = API(URLS, transport=httpx2.MockTransport(self._handle))

    def offer(self, name: str = "a1", **more: Any) -> dict[str, Any]:
        item = {
            "id": name, "incident_id": f"i-{name}", "status": "offered", "version": 1, "respond_by": None, "act_by": None,
            "alarm": None, "eta": None, "depart_by": None, "may_depart": True, "awaiting": [], "recall": None,
            "call_cancelled_at": None, "misfit": None, "actions": ["accept", "decline"],
            "briefing": {
                "priority": 2, "cautions": ["dog in the yard"], "unknown": ["intoxication"], "notes": ["Ask for the mediator."],
                "words": [{"source": "narrative", "text": "Verbal only."}], "location": {"address": "E 1st St"},
            },
            **more,
        }  # fmt: skip
        self.items[name] = item
        self.changed()
        return item

    def recall(self, name: str = "a1") -> None:
        item = self.items[name]
        if item["status"] == "offered":
            del self.items[name]
        else:
            words = {"reason": "risk_rose", "words": "A knife was seen.", "acknowledged_at": None}
            item |= {"status": "withdrawing", "recall": words, "actions": ["acknowledge_recall", "clear", "escalate"]}
            item["version"] += 1
        self.changed()

    def changed(self) -> None:
        self._version += 1
        self._moved.set()
        self._moved = asyncio.Event()

    def cut(self) -> None:
        self.online = False
        self._moved.set()
        self._moved = asyncio.Event()

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        if not self.online:
            raise httpx2.ConnectError("cut")
        answer = await self._answer(request)
        if not self.online or (self.loses_answers and request.method == "POST"):
            raise httpx2.ReadError("cut")
        return answer

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path, body = request.url.path, json.loads(request.content) if request.content else {}
        if request.url.host == "teams.test":
            return self._teams(request.method, body)
        if path.endswith("/emergency"):
            self.alarms += 1
            return httpx2.Response(202, json={})
        if request.method == "GET":
            return await self._list(request)
        if not self.safety_link and body["action"] in {"accept", "depart", "arrive"}:
            return httpx2.Response(
                503, json={"type": "urn:commonground:problem:safety-link-down", "detail": "Stop short."}
            )
        key = request.headers["Idempotency-Key"]
        if key not in self._answers:
            self._answers[key] = self._act(path.split("/")[3], body)
        status, said = self._answers[key]
        return httpx2.Response(status, json=said)

    def _teams(self, method: str, body: Any) -> httpx2.Response:
        if method == "PUT":
            self.duty = body["status"]
        duty = {"status": self.duty, "until": None, "reasons": [], "crew": ["a", "b"]}
        return httpx2.Response(200, json={"name": "Eastside Mediation", "members": [{"id": "a"}], "duty": duty})

    async def _list(self, request: httpx2.Request) -> httpx2.Response:
        self.waits.append("Prefer" in request.headers)
        if self.lists is not None:
            await self.lists.wait()
        if (remembers := self.remembers) is not None and "Prefer" in request.headers:
            await asyncio.sleep(0)
            return httpx2.Response(200, json={"items": remembers}, headers={"ETag": '"old"'})
        if request.headers.get("If-None-Match") == f'"{self._version}"' and "Prefer" in request.headers:
            moved = self._moved
            try:
                async with asyncio.timeout(5):
                    await moved.wait()
            except TimeoutError:
                return httpx2.Response(304)
        items = sorted(self.items.values(), key=lambda item: item["status"] != "withdrawing")
        return httpx2.Response(200, json={"items": items}, headers={"ETag": f'"{self._version}"'})

    def _act(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        item = self.items.get(name)
        if item is None or body["action"] not in item["actions"]:
            return 409, {"type": "urn:commonground:problem:illegal-transition", "detail": "It is too late for that."}
        self.got.append({"id": name, **body})
        if body["action"] in {"clear", "decline"}:
            del self.items[name]
            self.changed()
            return 200, {"status": "ended", "version": 99, "actions": []}
        status, actions = NEXT[body["action"]]
        if status is not None:
            item |= {"status": status, "actions": actions, "version": item["version"] + 1}
        if body["action"] == "acknowledge_recall":
            item["recall"] = {**item["recall"], "acknowledged_at": "2026-11-23T18:00:00Z"}
        self.changed()
        return 200, {name: item[name] for name in ("status", "version", "act_by", "may_depart", "awaiting", "actions")}


async def until(true: Any) -> None:
    """Let the tablet work until `true()` is."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for is the work of other tasks
            await asyncio.sleep(0.002)
