"""A simulated tablet: the reference client with a crew that presses what it intends, and a van whose position it sends.

Without a crew it is idle: it is seen to be there and answers nothing, as `make run` keeps one for each team that is present.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from services.replay.api import API
from services.replay.clock import SystemClock, parse_time
from services.replay.crew import Crew, Intent, point_of
from services.tablet.link import Link, Pace
from services.tablet.presses import Item, Press

_PACE: Final = Pace(wait_s=25.0, wait_under_way_s=20.0, pauses_s=(0.2, 0.5, 1.0, 2.0, 5.0))
_FIX_EVERY_IDLE: Final = timedelta(seconds=120)
_FIX_EVERY_MOVING: Final = timedelta(seconds=30)
_ASK_AGAIN: Final = timedelta(seconds=20)
"""How soon a crew presses a button again that the system refused."""

Point = tuple[float, float]


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
    link: Link = field(init=False)
    _linked: asyncio.Task[None] | None = None
    _driving: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _leg: Leg | None = None
    _sent_at: datetime | None = None
    _silent_until: datetime | None = None
    _was_silent: set[str] = field(default_factory=set)
    _since: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the link; it is used from `run` on."""
        self.link = Link(self.api, self.clock, self.team_id, self.token, changed=self._changed, pace=_PACE)

    async def run(self) -> None:
        """Follow the list, send positions and work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_positions())
                group.create_task(self._stay_linked())
        finally:
            for task in self._driving.values():
                task.cancel()

    @property
    def statuses(self) -> list[str]:
        """The statuses of what is on the tablet, for the live table."""
        return [item["status"] for item in self.link.items]

    def position(self) -> Point:
        """Return where the team is now."""
        return self._leg.at(self.clock.now()) if self._leg else self.base

    async def _awake(self) -> None:
        while self._silent_until is not None and (left := self._silent_until - self.clock.now()) > timedelta(0):
            await self.clock.sleep(left)
        self._silent_until = None

    async def _stay_linked(self) -> None:
        """Be linked but for the times of silence, which cancel the link."""
        while self.link.stopped is None:
            await self._awake()
            self._linked = asyncio.create_task(self.link.run())
            try:
                await asyncio.wait({self._linked})
            finally:
                self._linked.cancel()
            if not self._linked.cancelled():
                self._linked.result()  # raises what went wrong in it

    def _shown(self, key: str) -> Item | None:
        return next((item for item in self.link.items if item["id"] == key), None)

    def _changed(self) -> None:
        self._tell()
        if self.crew is None:
            return
        self._driving = {key: task for key, task in self._driving.items() if not task.done()}
        for key in {item["id"] for item in self.link.items} - self._driving.keys():
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
        first = self._shown(key)
        if self.crew is None or first is None:
            return
        intent = self.crew.intent(first["incident_id"], self.team)
        steps: Mapping[str, Callable[[str, Intent], Any]] = {
            "offered": self._answer,
            "accepted": self._leave,
            "en_route": self._arrive,
            "on_scene": self._serve,
            "withdrawing": self._withdraw,
        }
        while (item := self._shown(key)) is not None:
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
                await self._act(key, "offered", "decline", reason=intent.decline_reason)
            else:
                minutes = round((intent.on_scene.total_seconds() + 900) / 60)
                await self._act(key, "offered", "accept", expected_clear_min=minutes)

    async def _leave(self, key: str, intent: Intent) -> None:
        if await self._falls_silent(key, "accepted", intent):
            return
        if intent.departs_after is None:
            self.did["never_departed"] += 1
            await self._wait(key, "accepted", None)
            return
        ready_at = self.clock.now() + intent.departs_after
        if await self._wait(key, "accepted", ready_at) and await self._wait(key, "accepted", None, permitted=True):
            await self._act(key, "accepted", "depart")

    async def _arrive(self, key: str, intent: Intent) -> None:
        assert self.crew is not None
        if (item := self._shown(key)) is None:
            return
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
            await self._act(key, "en_route", "arrive")

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
            await self._act(key, "on_scene", "check_in")
        if await self._wait(key, "on_scene", ends_at):
            await self._act(key, "on_scene", "clear", outcome=intent.outcome)

    async def _withdraw(self, key: str, intent: Intent) -> None:
        seen_at = self.clock.now()
        self._leg = Leg(self.position(), self.position(), seen_at, seen_at)
        recall = (self._shown(key) or {}).get("recall") or {}
        if parse_time(recall.get("acknowledged_at")) is None:
            if not await self._wait(key, "withdrawing", seen_at + intent.reads_after):
                return
            await self._act(key, "withdrawing", "acknowledge_recall")
        if await self._wait(key, "withdrawing", self.clock.now() + intent.away_after):
            await self._act(key, "withdrawing", "clear")

    async def _escalate(self, key: str, status: str, intent: Intent) -> None:
        if intent.panics:
            lat_deg, lon_deg = self.position()
            self.link.panic(lat_deg=lat_deg, lon_deg=lon_deg, at=self.clock.now().isoformat())
            self.did["emergency"] += 1
        await self._act(key, status, "escalate", needs=intent.needs, note="Simulated by the replay.")

    async def _falls_silent(self, key: str, status: str, intent: Intent) -> bool:
        """Be silent if that is what will happen now; True: the time is over, and what is shown now decides."""
        if intent.falls_silent != status or key in self._was_silent:
            return False
        self.did["fell_silent"] += 1
        self._was_silent.add(key)
        self._silent_until = self.clock.now() + intent.silent_for
        if self._linked is not None:
            self._linked.cancel()
        await self._awake()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), 2 * _PACE.wait_s)
        return True

    def _seen_first(self, key: str, status: str) -> datetime:
        return self._since.setdefault((key, status), self.clock.now())

    async def _wait(self, key: str, status: str, at: datetime | None, *, permitted: bool = False) -> bool:
        """Wait until the time, or with `permitted` until the crew may go on. False: the assignment has moved meanwhile."""
        while True:
            news = self._news
            item = self._shown(key)
            if item is None or item["status"] != status:
                return False
            if permitted and item.get("may_depart", True) and not item.get("awaiting"):
                return True
            left = None if at is None else self.clock.wall_s(at - self.clock.now())
            if left is not None and left <= 0:
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), left)

    async def _act(self, key: str, status: str, action: str, **fields: Any) -> None:
        """Press a button and wait until it is settled; when it is refused, wait for what is shown next."""
        if (item := self._shown(key)) is None:
            return
        what = await self._settled(self.link.press(item, action, **fields))
        self.did[action if what == "applied" else f"{action}: {what}"] += 1
        if what != "applied":
            await self._wait(key, status, self.clock.now() + _ASK_AGAIN)

    async def _settled(self, press: Press) -> str:
        """Return what became of a press: the link sends it, once there is a network, until it is answered."""
        while True:
            news = self._news
            for settled, what in reversed(self.link.settled):
                if settled.key == press.key:
                    return what
            await news.wait()
