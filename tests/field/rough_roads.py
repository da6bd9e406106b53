"""Tablets on rough roads: random dead spots, lost answers, replayed and reordered presses, recalls, and dispatch killed and restarted.

What must hold afterwards: no tablet missed an offer that lived longer than its outage, none acted on a dead one, nothing was applied
twice, and every tablet agrees with the server. The bench runs it for ten minutes, a fault test for a few seconds.
"""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import httpx2

from services.replay.api import API
from services.replay.clock import SystemClock
from services.tablet.link import Link, Pace
from services.tablet.presses import Press
from tests.field.ground import Corner, Field
from tests.field.wire import Body

SLACK: Final = timedelta(seconds=6)
"""A tablet asks again within a second, a dispatch that was killed must be back, and the machine may be busy."""
_PACE: Final = Pace(wait_s=5, wait_under_way_s=5, pauses_s=(0.2, 0.5, 1.0))
_NEXT: Final = {"accepted": "depart", "en_route": "arrive", "on_scene": "clear", "withdrawing": "acknowledge_recall"}
Spell = tuple[datetime, datetime]


class Road(httpx2.AsyncBaseTransport):
    """A network with dead spots: what is under way when one begins gets no answer, even if it arrived."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self._dead = asyncio.Event()
        self.loses: Counter[str] = Counter()
        self.spells: list[Spell] = []
        self._since: datetime | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass a request on, unless the van is in a dead spot."""
        if self._dead.is_set():
            raise httpx2.ConnectError("dead spot")
        passing = asyncio.ensure_future(self._whole(request))
        passing.add_done_callback(
            lambda task: task.cancelled() or task.exception()
        )  # whatever becomes of it is no surprise
        dying = asyncio.ensure_future(self._dead.wait())
        try:
            await asyncio.wait({passing, dying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            dying.cancel()
        if not passing.done():  # it may well arrive all the same
            self.loses["cut"] += 1
            raise httpx2.ReadError("dead spot")
        response = passing.result()
        if request.method == "POST" and random.random() < 0.15:
            self.loses["answer"] += 1
            raise httpx2.ReadError("the answer was lost")
        return response

    async def _whole(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        await response.aclose()
        return httpx2.Response(response.status_code, headers=response.headers, content=body)

    def die(self) -> None:
        """Enter a dead spot."""
        self._dead.set()
        self._since = datetime.now(UTC)

    def live(self) -> None:
        """Leave it."""
        self._dead.clear()
        if self._since is not None:
            self.spells.append((self._since, datetime.now(UTC)))
            self._since = None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


@dataclass
class Van:
    """One team: its tablet on its road, and a crew that presses what it is shown."""

    corner: Corner
    road: Road
    api: API
    rng: random.Random
    link: Link = field(init=False)
    shown: set[str] = field(default_factory=set)
    """The assignments whose offer was on the screen."""
    sent: list[Press] = field(default_factory=list)
    mischief: Counter[str] = field(default_factory=Counter)

    async def crew(self, until: float) -> None:
        """Press buttons with human pauses, also without a network, until the loop's time says so."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await asyncio.sleep(self.rng.uniform(0.05, 0.6))
            for item in self.link.items:
                if not self.link.unsent(item):
                    self._press(item)
            if self.sent and self.rng.random() < 0.1:
                await self._play_a_trick()

    def _press(self, item: Body) -> None:
        action = _NEXT.get(item["status"], "accept" if self.rng.random() < 0.8 else "decline")
        if action == "acknowledge_recall" and (item["recall"] or {}).get("acknowledged_at"):
            action = "clear"
        fields: dict[str, Any] = {"reason": "other"} if action == "decline" else {}
        if action == "clear" and item["status"] == "on_scene":
            fields = {"outcome": "calmed"}
        self.sent.append(self.link.press(item, action, **fields))
        if action in {"accept", "depart"} and self.rng.random() < 0.2:  # a crew that is ahead of its network
            self.sent.append(self.link.press(item, _NEXT[{"accept": "accepted", "depart": "en_route"}[action]]))

    async def _play_a_trick(self) -> None:
        """Send an old press again, with its own key or as a new one: late, twice, and out of order."""
        press = self.rng.choice(self.sent)
        key = press.key if self.rng.random() < 0.5 else f"again-{self.rng.random()}"
        path = f"/v1/assignments/{press.assignment_id}/actions"
        token = self.corner.tablet.token
        answer = await self.api.request(
            "dispatch", "POST", path, token=token, json=press.body, headers={"Idempotency-Key": key}, timeout_s=5
        )
        self.mischief[f"{'same key' if key == press.key else 'new key'} {answer.status}"] += 1

    async def dead_spots(self, until: float) -> None:
        """Drive in and out of dead spots."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await asyncio.sleep(self.rng.uniform(1, 8))
            self.road.die()
            await asyncio.sleep(self.rng.uniform(0.2, 5))
            self.road.live()

    def look(self) -> None:
        """Note what is on the screen."""
        self.shown |= {item["id"] for item in self.link.items if item["status"] == "offered"}


@dataclass
class Findings:
    """What the run did, and everything that must not be."""

    did: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def drive(made: Field, corners: list[Corner], *, seconds: float, seed: int = 7) -> Findings:
    """Run, let the roads mend, and look at what is left."""
    rng, found = random.Random(seed), Findings()
    vans = [_van(made, corner, random.Random(rng.random())) for corner in corners]
    links = [asyncio.create_task(van.link.run()) for van in vans]
    until = asyncio.get_running_loop().time() + seconds
    downs: list[Spell] = []
    async with asyncio.TaskGroup() as group:
        for van in vans:
            group.create_task(van.crew(until))
            group.create_task(van.dead_spots(until))
            group.create_task(_calls(van.corner, until, rng, found))
        group.create_task(_restarts(made, until, rng, downs))
    for van in vans:
        van.road.live()
    await _agree(vans, found)
    for van in vans:
        await _check(made, van, downs, found)
    for task in links:
        if task.done() and not task.cancelled():
            found.wrong.append(f"a tablet ended by itself: {task.exception()!r}")
        task.cancel()
    await asyncio.gather(*links, return_exceptions=True)
    for van in vans:
        await van.api.close()
    return found


def _van(made: Field, corner: Corner, rng: random.Random) -> Van:
    road = Road()
    urls = {service: made.system.addresses(service) for service in ("intake", "dispatch", "teams")}
    api = API(urls, transport=road)
    tablet = corner.tablet
    van = Van(corner, road, api, rng)
    van.link = Link(api, SystemClock(), tablet.team_id, tablet.token, changed=van.look, pace=_PACE)
    return van


async def _calls(corner: Corner, until: float, rng: random.Random, found: Findings) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        reply = await corner.cad.send(corner.cad.a_report(location=corner.location))
        found.did[f"report {reply.status}"] += 1
        await asyncio.sleep(rng.uniform(1, 4))
        if reply.ok and rng.random() < 0.3:
            recalled = await corner.field.office.recall(reply.body)
            found.did[f"recall {recalled.status}"] += 1


async def _restarts(made: Field, until: float, rng: random.Random, downs: list[Spell]) -> None:
    loop, replicas = asyncio.get_running_loop(), len(made.system.children["dispatch"])
    while (left := until - loop.time()) > 0:
        await asyncio.sleep(min(left, rng.uniform(8, 40)))
        since, whole = datetime.now(UTC), rng.random() < 0.3
        replica = None if whole else rng.randrange(replicas)
        made.system.kill("dispatch", replica)
        await asyncio.sleep(rng.uniform(0, 2))
        await made.system.start("dispatch", replica)
        downs.append((since, datetime.now(UTC)))


async def _agree(vans: list[Van], found: Findings) -> None:
    """Wait until nobody has a press unsent; then every tablet must show what the server says."""
    try:
        async with asyncio.timeout(60):
            while any(len(van.link.presses) for van in vans):  # noqa: ASYNC110 - other tasks work
                await asyncio.sleep(0.1)
    except TimeoutError:
        for van in vans:
            if len(van.link.presses):
                unsent = [(press.assignment_id, press.action) for press in van.link.presses]
                how = f"connected {van.link.connected}, stopped {van.link.stopped}, shows {_states(van.link.items)}"
                found.wrong.append(f"{van.corner.place.slug}: still unsent {unsent}; {how}; {van.link.log[-3:]}")
    for van in vans:
        for _ in range(100):
            truth = await van.corner.tablet.list()
            if _states(truth) == _states(van.link.items):
                break
            await asyncio.sleep(0.1)
        else:
            found.wrong.append(f"{van.corner.place.slug}: shows {_states(van.link.items)}, the server {_states(truth)}")


def _states(items: list[Body]) -> list[tuple[str, str, int]]:
    return [(item["id"], item["status"], item["version"]) for item in items]


_EVENTS: Final = """
    SELECT a.id, e.at, e.action, e.before, e.after, e.data FROM dispatch.assignment a
    JOIN dispatch.incident_event e ON e.assignment_id = a.id AND e.machine = 'assignment'
    WHERE a.team_id = $1 ORDER BY a.id, e.seq
"""


async def _check(made: Field, van: Van, downs: list[Spell], found: Findings) -> None:
    rows: dict[str, list[Any]] = {}
    for row in await made.rows(_EVENTS, UUID(van.corner.tablet.team_id)):
        rows.setdefault(str(row["id"]), []).append(row)
    spells = sorted([*van.road.spells, *downs])
    for assignment_id, events in rows.items():
        _check_offer(van, assignment_id, events, spells, found)
        moves = Counter(event["action"] for event in events if event["before"] != event["after"])
        if twice := [action for action, times in moves.items() if times > 1]:
            found.wrong.append(f"{assignment_id}: {twice} applied twice")
    for press, what in van.link.settled:
        found.did[f"{press.action} {what}"] += 1
        events = rows.get(press.assignment_id, [])
        if what == "applied" and not any(event["action"] == press.action for event in events):
            found.wrong.append(f"{press.assignment_id}: {press.action} was said to be applied, history has none")
    keys = Counter(press.key for press, _ in van.link.settled)
    if many := [key for key, times in keys.items() if times > 1]:
        found.wrong.append(f"{len(many)} presses were settled twice")
    if len(van.link.settled) != len(van.sent):
        found.wrong.append(f"{len(van.sent)} presses, {len(van.link.settled)} settled")
    found.did.update(van.mischief)
    found.did.update(van.road.loses)
    found.did["dead spots"] += len(van.road.spells)


def _check_offer(van: Van, assignment_id: str, events: list[Any], spells: list[Spell], found: Findings) -> None:
    """An offer that lived for longer than the outages in its life left over must have been on the screen."""
    for event, following in pairwise([*events, None]):
        if event["after"] != "offered" or event["before"] == "offered":
            continue
        lived: Spell = (event["at"], following["at"] if following else datetime.now(UTC))
        found.did["offers"] += 1
        if assignment_id in van.shown:
            found.did["offers shown"] += 1
        elif _longest_online(lived, spells) > SLACK:
            found.wrong.append(f"{assignment_id}: an offer that lived {lived[1] - lived[0]} was never shown")


def _longest_online(lived: Spell, spells: list[Spell]) -> timedelta:
    start, longest = lived[0], timedelta(0)
    for since, to in [*spells, (lived[1], lived[1])]:
        if to < lived[0] or since > lived[1]:
            continue
        longest = max(longest, min(since, lived[1]) - start)
        start = max(start, to)
    return longest


def said(found: Findings) -> str:
    """Return the counts, as JSON, and what was wrong."""
    return json.dumps(dict(sorted(found.did.items()))) + "".join(f"\nWRONG {line}" for line in found.wrong)
