"""A simulated tablet: polls its assignments, sends its position, and does with its work what its crew intends.

Without a crew it is idle: it is seen to be there and answers nothing, as `make run` keeps one for each team that is present.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from services.replay.api import API, Answer, pause
from services.replay.clock import SystemClock, parse_time
from services.replay.crew import Crew, Intent, point_of

POLL_WAIT_S: Final = 25.0
_FIX_EVERY_IDLE: Final = timedelta(seconds=120)
_FIX_EVERY_MOVING: Final = timedelta(seconds=30)
_ASK_AGAIN: Final = timedelta(seconds=20)
"""How soon a crew presses a button again that the system refused."""

Point = tuple[float, float]
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Leg:
    """A drive: from a point to a point, from a time to a time."""

    start: Point
    end: Point
    from_: datetime
    to: datetime

    def at(self, now: datetime) -> Point:
        """Return where the team is at `now`."""
        whole = (self.to - self.from_).total_seconds()
        part = 1.0 if whole <= 0 else min(1.0, max(0.0, (now - self.from_).total_seconds() / whole))
        return (
            self.start[0] + (self.end[0] - self.start[0]) * part,
            self.start[1] + (self.end[1] - self.start[1]) * part,
        )


@dataclass(slots=True, eq=False)
class Tablet:
    """One team's tablet. `run` it as a task, and cancel the task to switch it off."""

    api: API
    clock: SystemClock
    team_id: str
    token: str
    base: Point
    team: str = ""
    crew: Crew | None = None
    where: Callable[[str], Point | None] = lambda _incident_id: None
    """Where an incident is, when the briefing does not say it."""
    did: Counter[str] = field(default_factory=Counter)
    """What this tablet did and what the system refused."""
    _items: dict[str, Item] = field(default_factory=dict)
    _driving: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _leg: Leg | None = None
    _sent_at: datetime | None = None
    _silent_until: datetime | None = None
    _was_silent: set[str] = field(default_factory=set)
    _since: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """Poll, send positions and work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_positions())
                group.create_task(self._poll())
        finally:
            for task in self._driving.values():
                task.cancel()

    @property
    def statuses(self) -> list[str]:
        """The statuses of what is on the tablet, for the live table."""
        return [item["status"] for item in self._items.values()]

    def position(self) -> Point:
        """Return where the team is now."""
        return self._leg.at(self.clock.now()) if self._leg else self.base

    async def _awake(self) -> None:
        while self._silent_until is not None and (left := self._silent_until - self.clock.now()) > timedelta(0):
            await self.clock.sleep(left)
        self._silent_until = None

    async def _poll(self) -> None:
        etag, failures = None, 0
        while True:
            await self._awake()
            path = f"/v1/teams/{self.team_id}/assignments"
            answer = await self.api.poll("dispatch", path, token=self.token, wait_s=POLL_WAIT_S, etag=etag)
            if self._silent_until is not None:
                etag = None  # it saw nothing
            elif answer.status == 200:
                etag, failures = answer.etag, 0
                self._show(answer.body["items"])
            elif answer.status != 304:
                etag, failures = None, failures + 1
                await pause(answer, failures)

    def _show(self, items: list[Item]) -> None:
        known = self._items
        self._items = {
            item["id"]: known[item["id"]]
            if item["id"] in known and known[item["id"]]["version"] > item["version"]
            else item
            for item in items
        }
        self._tell()
        if self.crew is None:
            return
        self._driving = {key: task for key, task in self._driving.items() if not task.done()}
        for key in self._items.keys() - self._driving.keys():
            self._driving[key] = asyncio.create_task(self._drive(key))

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _send_positions(self) -> None:
        while True:
            await self._awake()
            if self.crew is not None or not await self._somebody_else_sends():
                await self._send_position()
            moving = self._leg is not None and self.clock.now() < self._leg.to
            await self.clock.sleep(_FIX_EVERY_MOVING if moving else _FIX_EVERY_IDLE)

    async def _send_position(self) -> None:
        self._sent_at = self.clock.now()
        lat_deg, lon_deg = self.position()
        fix = {
            "lat_deg": round(lat_deg, 5),
            "lon_deg": round(lon_deg, 5),
            "accuracy_m": 15,
            "at": self._sent_at.isoformat(),
        }
        path = f"/v1/teams/{self.team_id}/positions"
        await self.api.request("teams", "POST", path, token=self.token, json={"fixes": [fix]})

    async def _somebody_else_sends(self) -> bool:
        """Say whether another tablet of this team (a replay's, a person's) reports where it is: then an idle one does not."""
        answer = await self.api.request("teams", "GET", f"/v1/teams/{self.team_id}", token=self.token)
        seen = parse_time((answer.body.get("position") or {}).get("at")) if answer.ok else None
        if seen is None or (self._sent_at is not None and seen <= self._sent_at):
            return False
        return self.clock.now() - seen < 2 * _FIX_EVERY_IDLE

    # What a crew does with one assignment.

    async def _drive(self, key: str) -> None:
        """Act on one assignment, whatever status it is shown in, until it has left the tablet."""
        if self.crew is None:
            return
        intent = self.crew.intent(self._items[key]["incident_id"], self.team)
        steps: Mapping[str, Callable[[str, Intent], Any]] = {
            "offered": self._answer,
            "accepted": self._leave,
            "en_route": self._arrive,
            "on_scene": self._serve,
            "withdrawing": self._withdraw,
        }
        while (item := self._items.get(key)) is not None:
            step = steps.get(item["status"])
            if step is None:
                await self._wait(key, item["status"], None)
            else:
                await step(key, intent)

    async def _answer(self, key: str, intent: Intent) -> None:
        offered_at = self._seen_first(key, "offered")
        if intent.answer == "ignore":
            self.did["ignored"] += 1
            await self._wait(key, "offered", None)
        elif await self._wait(key, "offered", offered_at + intent.answers_after):
            if intent.answer == "decline":
                await self._act(key, "offered", {"action": "decline", "reason": intent.decline_reason})
            else:
                minutes = round((intent.on_scene.total_seconds() + 900) / 60)
                await self._act(key, "offered", {"action": "accept", "expected_clear_min": minutes})

    async def _leave(self, key: str, intent: Intent) -> None:
        if await self._falls_silent(key, "accepted", intent):
            return
        if intent.departs_after is None:
            self.did["never_departed"] += 1
            await self._wait(key, "accepted", None)
            return
        ready_at = self.clock.now() + intent.departs_after
        if await self._wait(key, "accepted", ready_at) and await self._wait(key, "accepted", None, permitted=True):
            await self._act(key, "accepted", {"action": "depart"})

    async def _arrive(self, key: str, intent: Intent) -> None:
        assert self.crew is not None
        item = self._items[key]
        start, now = self.position(), self.clock.now()
        end = point_of(item["briefing"].get("location")) or self.where(item["incident_id"]) or start
        if self._leg is None or self._leg.end != end:
            self._leg = Leg(start, end, now, now + self.crew.drive(start, end))
        leg = self._leg
        if intent.escalates == "en_route" and await self._wait(key, "en_route", leg.from_ + (leg.to - leg.from_) / 2):
            await self._escalate(key, "en_route", intent)
        elif await self._falls_silent(key, "en_route", intent):
            return
        elif await self._wait(key, "en_route", leg.to) and await self._wait(key, "en_route", None, permitted=True):
            await self._act(key, "en_route", {"action": "arrive"})

    async def _serve(self, key: str, intent: Intent) -> None:
        assert self.crew is not None
        arrived_at = self._seen_first(key, "on_scene")
        every = timedelta(seconds=self.crew.script.checks_in_every_s)
        checks = int((self.clock.now() - arrived_at) / every)
        ends_at = arrived_at + intent.on_scene
        trouble_at = arrived_at + intent.on_scene / 3
        if intent.escalates == "on_scene" and await self._wait(key, "on_scene", trouble_at):
            await self._escalate(key, "on_scene", intent)
            return
        if await self._falls_silent(key, "on_scene", intent):
            return
        while (next_at := arrived_at + every * (checks + 1)) < ends_at:
            if not await self._wait(key, "on_scene", next_at):
                return
            checks += 1
            await self._act(key, "on_scene", {"action": "check_in"}, attempt=checks)
        if await self._wait(key, "on_scene", ends_at):
            await self._act(key, "on_scene", {"action": "clear", "outcome": intent.outcome})

    async def _withdraw(self, key: str, intent: Intent) -> None:
        seen_at = self.clock.now()
        self._leg = Leg(self.position(), self.position(), seen_at, seen_at)
        recall = self._items[key].get("recall") or {}
        if parse_time(recall.get("acknowledged_at")) is None:
            if not await self._wait(key, "withdrawing", seen_at + intent.reads_after):
                return
            await self._act(key, "withdrawing", {"action": "acknowledge_recall"})
        if await self._wait(key, "withdrawing", self.clock.now() + intent.away_after):
            await self._act(key, "withdrawing", {"action": "clear"})

    async def _escalate(self, key: str, status: str, intent: Intent) -> None:
        if intent.panics:
            lat_deg, lon_deg = self.position()
            answer = await self.api.insist(
                "dispatch",
                "POST",
                f"/v1/teams/{self.team_id}/emergency",
                token=self.token,
                json={"lat_deg": lat_deg, "lon_deg": lon_deg, "at": self.clock.now().isoformat()},
            )
            self.did["emergency" if answer.ok else f"emergency refused {answer.status}"] += 1
        await self._act(key, status, {"action": "escalate", "needs": intent.needs, "note": "Simulated by the replay."})

    async def _falls_silent(self, key: str, status: str, intent: Intent) -> bool:
        """Be silent if that is what will happen now; True: the time is over, and what is shown now decides."""
        if intent.falls_silent != status or key in self._was_silent:
            return False
        self.did["fell_silent"] += 1
        self._was_silent.add(key)
        self._silent_until = self.clock.now() + intent.silent_for
        await self._awake()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), 2 * POLL_WAIT_S)
        return True

    def _seen_first(self, key: str, status: str) -> datetime:
        return self._since.setdefault((key, status), self.clock.now())

    async def _wait(self, key: str, status: str, at: datetime | None, *, permitted: bool = False) -> bool:
        """Wait until the time, or with `permitted` until the crew may go on. False: the assignment has moved meanwhile."""
        while True:
            news = self._news
            item = self._items.get(key)
            if item is None or item["status"] != status:
                return False
            if permitted and item.get("may_depart", True) and not item.get("awaiting"):
                return True
            left = None if at is None else self.clock.wall_s(at - self.clock.now())
            if left is not None and left <= 0:
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), left)

    async def _act(self, key: str, status: str, body: dict[str, Any], attempt: int = 0) -> None:
        """Send an action until the system has answered it; when it is refused, wait for what is shown next."""
        action = body["action"]
        answer = await self.api.insist(
            "dispatch",
            "POST",
            f"/v1/assignments/{key}/actions",
            token=self.token,
            json={**body, "at": self.clock.now().isoformat()},
            headers={"Idempotency-Key": f"{key}-{action}-{attempt}"},
        )
        self.did[action if answer.ok else f"{action} refused {answer.status}"] += 1
        if answer.ok and self._take_over(key, answer):
            return
        await self._wait(key, status, self.clock.now() + _ASK_AGAIN)

    def _take_over(self, key: str, answer: Answer) -> bool:
        """Believe the answer to an action. False: it says less than what is shown, so the next poll decides."""
        shown, said = self._items.get(key), answer.body
        if shown is None or not isinstance(said, dict) or said.get("version", 0) < shown["version"]:
            return False
        self._items[key] = {**shown, **{name: said[name] for name in ("status", "version", "recall") if name in said}}
        self._tell()
        return True
