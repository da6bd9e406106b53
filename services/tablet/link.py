"""The tablet's side of the protocol (docs/tablet.md), without a screen: the list it shows, the presses it sends, the alarm."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from services.replay.api import API, Answer
from services.replay.clock import SystemClock
from services.tablet.presses import Item, Press, Presses

LINK_LOST_AFTER: Final = timedelta(seconds=30)
UNDER_WAY: Final = frozenset({"accepted", "en_route", "on_scene", "withdrawing"})
REFUSED_FOR_NOW: Final = frozenset({"safety-link-down"})
"""A 503 that is a decision: the crew is told and presses again. Kept, it would hold up an `escalate` behind it."""
_KEPT_WORDS: Final = 50
_NO_ANSWER: Final = Answer(0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a tablet waits for news, and how soon it asks again when nothing answered."""

    wait_s: float = 50.0
    wait_under_way_s: float = 20.0
    """A crew under way must hear of a recall, or know that it cannot."""
    pauses_s: tuple[float, ...] = (1.0, 2.0, 5.0)


class Link:
    """One tablet's link to dispatch. `run` it as a task; `press` and `panic` at any time, with a network or without."""

    def __init__(
        self,
        api: API,
        clock: SystemClock,
        team_id: str,
        token: str,
        *,
        file: Path | None = None,
        changed: Callable[[], None] = lambda: None,
        pace: Pace = Pace(),
    ) -> None:
        self._api = api
        self._clock = clock
        self._team_id = team_id
        self._token = token
        self._changed = changed
        self._pace = pace
        self.presses = Presses(file)
        self.items: list[Item] = []
        """The list, as it was read last. Replaced whole."""
        self.heard_at: datetime | None = None
        self.connected = False
        self.stopped: str | None = None
        """Why this tablet can do nothing any more: its token is not valid."""
        self.alarms_unsent = 0
        self.log: list[tuple[datetime, str]] = []
        """What was applied and what was refused, newest last, for the crew."""
        self.settled: list[tuple[Press, str]] = []
        """Every press with what became of it: `applied`, `recalled`, or the refusal's type."""
        self._sending: Press | None = None
        self._etag: str | None = None
        self._news = asyncio.Event()
        self._alarms: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Follow the list and send presses until cancelled, or until the token turns out not to be valid. May be run again."""
        self._etag = None  # whoever was away asks once and has the truth
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._send_all())

    def press(self, item: Item, action: str, **fields: Any) -> Press:
        """Queue what the crew has pressed; it is sent as soon as there is a network."""
        press = Press(item["id"], action, self._clock.now().isoformat(), fields)
        self.presses.add(press)
        self._news.set()
        self._changed()
        return press

    def panic(self, **body: Any) -> None:
        """Sound the alarm: outside the queue, ahead of everything, again and again until it is answered."""
        self.alarms_unsent += 1
        task = asyncio.create_task(self._alarm(body))
        self._alarms.add(task)
        task.add_done_callback(self._alarms.discard)
        self._changed()

    @property
    def link_lost(self) -> bool:
        """Say whether a crew must stop short: under way, and nothing heard for 30 s, or dispatch itself hears nothing."""
        if any("safety_link" in item["awaiting"] for item in self.items):
            return True
        under_way = any(item["status"] in UNDER_WAY for item in self.items)
        return under_way and (self.heard_at is None or self._clock.now() - self.heard_at > LINK_LOST_AFTER)

    def unsent(self, item: Item) -> list[Press]:
        """Return the presses about an assignment that have not been answered."""
        return [press for press in self.presses if press.assignment_id == item["id"]]

    # Reading.

    async def _follow(self) -> None:
        failures = 0
        while self.stopped is None:
            answer = await self._read(self._etag)
            if answer.status in (200, 304):
                failures = 0
                continue
            await asyncio.sleep(self._pause_s(failures, answer))
            failures += 1

    async def _read(self, etag: str | None) -> Answer:
        """Ask for the list once; whatever answers is taken over. With `etag`: wait for another one than that."""
        path = f"/v1/teams/{self._team_id}/assignments"
        under_way = any(item["status"] in UNDER_WAY for item in self.items)
        wait_s = self._pace.wait_under_way_s if under_way else self._pace.wait_s
        if etag is None:
            answer = await self._api.request("dispatch", "GET", path, token=self._token)
        else:
            answer = await self._api.poll("dispatch", path, token=self._token, wait_s=wait_s, etag=etag)
        self._heard(answer)
        if answer.status == 200 and etag is not None and self._is_behind(answer.body["items"]):
            self._etag = None
            return _NO_ANSWER
        if answer.status == 200:
            self._etag = answer.etag
            self._take(answer.body["items"])
        elif answer.status == 0:
            self._etag = None  # it missed something, perhaps: ask once and have the truth
        return answer

    def _is_behind(self, items: list[Item]) -> bool:
        """Say whether a list that was waited for is older than an action's answer: then the database is asked, in a moment."""
        known = {item["id"]: item["version"] for item in self.items}
        return any(item["version"] < known.get(item["id"], 0) for item in items)

    def _take(self, items: list[Item]) -> None:
        self.items = items
        self._say_void(self.presses.overtaken(items, sending=self._sending))
        self._news.set()
        self._changed()

    def _heard(self, answer: Answer) -> None:
        was, self.connected = self.connected, answer.status != 0
        if self.connected:
            self.heard_at = self._clock.now()
        if answer.status in (401, 403):
            self.stopped = "This tablet's token is not valid. Phone your supervisor."
        if was != self.connected or self.stopped:
            self._changed()

    # Sending.

    async def _send_all(self) -> None:
        failures = 0
        while self.stopped is None:
            self._news.clear()
            press = next(iter(self.presses), None)
            if press is None:
                await self._news.wait()
            elif await self._send(press):
                failures = 0
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s(failures, None)):
                        await self._news.wait()
                failures += 1

    async def _send(self, press: Press) -> bool:
        """Send the oldest press. False: it stays, and is tried again with the same key."""
        if not self.connected and (await self._read(None)).status != 200:
            return False  # after an outage the list comes first: a recall in it makes old presses void
        self._say_void(self.presses.overtaken(self.items))
        if press not in self.presses:
            return True
        path = f"/v1/assignments/{press.assignment_id}/actions"
        headers = {"Idempotency-Key": press.key}
        self._sending = press  # a list that comes meanwhile does not make it void: it may have been applied
        answer = await self._api.request("dispatch", "POST", path, token=self._token, json=press.body, headers=headers)
        self._sending = None
        self._heard(answer)
        kind = str((answer.body or {}).get("type", answer.status)).rpartition(":")[2]
        if (answer.worth_trying_again and kind not in REFUSED_FOR_NOW) or answer.status in (401, 403):
            return False
        self.presses.answered(press)
        if answer.ok:
            self.settled.append((press, "applied"))
            self._take_over(press, answer.body)
        else:
            self.settled.append((press, kind))
            self._tell(f"{press.action} was not possible: {(answer.body or {}).get('detail', kind)}")
            await self._read(None)
        self._changed()
        return True

    def _take_over(self, press: Press, said: Any) -> None:
        """Show the answer to an action until the list comes; the list decides."""
        self._tell(f"{press.action}: done")
        for item in self.items:
            if item["id"] == press.assignment_id and said.get("version", 0) >= item["version"]:
                names = ("status", "version", "act_by", "may_depart", "awaiting", "actions")
                item.update({name: said[name] for name in names if name in said})

    async def _alarm(self, body: dict[str, Any]) -> None:
        path, failures = f"/v1/teams/{self._team_id}/emergency", 0
        while True:
            answer = await self._api.request("dispatch", "POST", path, token=self._token, json=body)
            if not answer.worth_trying_again:
                break
            await asyncio.sleep(self._pause_s(failures, answer))
            failures += 1
        self.alarms_unsent -= 1
        heard = "The alarm has been received: the call center and the supervisors know."
        self._tell(heard if answer.ok else f"THE ALARM WAS REFUSED ({answer.status}): phone 911.")
        self._changed()

    def _pause_s(self, failures: int, answer: Answer | None) -> float:
        asked_for = None if answer is None else answer.retry_after_s
        pauses_s = self._pace.pauses_s
        return min(asked_for or 0.0, pauses_s[-1]) or pauses_s[min(failures, len(pauses_s) - 1)]

    def _say_void(self, void: Iterable[tuple[Press, str]]) -> None:
        for press, why in void:
            self.settled.append((press, why))
            self._tell(f"{press.action} was not sent: the work was recalled")

    def _tell(self, words: str) -> None:
        self.log = [*self.log[1 - _KEPT_WORDS :], (self._clock.now(), words)]
