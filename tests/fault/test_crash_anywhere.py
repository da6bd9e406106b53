"""Processes are killed at random moments, again and again, with many calls under way; afterwards every promise holds.

Each seed is one storm: calls whose crews, reviewers and CADs do all that they can do, while replicas of a random service are killed
a few times and started again. What the people do is drawn from the seed; when it meets the kill is luck, so there are many seeds.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.field import promises
from tests.field.ground import Corner, Field, running
from tests.field.people import DENIED, DOUBT, FINAL, WORSE, Tablet
from tests.field.wire import Body, Reply, eventually

SEEDS = int(os.environ.get("COMMONGROUND_STORMS", "3"))
"""In the suite a few; `COMMONGROUND_STORMS=20 pytest tests/fault/test_crash_anywhere.py` for more."""
CALLS = 8
BLOWS = 3
PATIENCE_S = 120
"""A start takes seconds, on a busy machine many; how fast is asked elsewhere."""


@pytest.fixture(scope="module")
async def storm(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Field]:
    """A system of its own: every row of it is judged."""
    async with running(postgres_dsn, tmp_path_factory.mktemp("storm-logs"), hurried=2) as made:
        yield made


class People:
    """Everybody around one corner, doing what a seed tells them until their calls are final."""

    def __init__(self, field: Field, corner: Corner, dice: random.Random) -> None:
        self.field = field
        self.corner = corner
        self.dice = dice
        self.did: Counter[str] = Counter()
        self.has_declined = False

    async def call(self) -> str:
        """Report one call and see it to its end; its final status."""
        answers = self.dice.choice([DENIED, DENIED, DENIED, DENIED | {"weapons": "unknown"}])
        body = self.corner.cad.a_report(location=self.corner.location, answers=answers)
        await asyncio.sleep(self.dice.random() * 0.8)
        call = (await self._insist("POST", "/v1/calls", body)).good()
        crews = [asyncio.create_task(self._crew(tablet, call)) for tablet in self.corner.tablets]
        surprise = asyncio.create_task(self._surprise(call))
        try:
            end = await self._until_final(call)
        except BaseException:
            for crew in crews:
                crew.cancel()
            raise
        finally:
            surprise.cancel()
            await asyncio.gather(surprise, return_exceptions=True)
        await asyncio.gather(*crews)
        return end

    async def _insist(self, method: str, path: str, body: Body | None = None) -> Reply:
        return await self.corner.cad.wire.insist(
            "intake",
            method,
            path,
            within_s=PATIENCE_S,
            token=self.corner.cad.token,
            **({"json": body} if body is not None else {}),
        )

    async def _until_final(self, call: Body) -> str:
        async def look() -> str | None:
            reply = await self._insist("GET", f"/v1/calls/{call['id']}")
            now = reply.good()
            if now["status"] == "in_review":
                await self.field.reviewer.wire.insist(
                    "intake", "GET", "/v1/calls?review=open", token=self.field.tokens.reviewer
                )
                await self.field.reviewer.say(now, self.dice.choice(["send_civilian", "send_civilian", "return"]))
            await asyncio.sleep(0.1)
            return now["status"] if now["status"] in FINAL else None

        return await eventually(f"call {call['id']} is final", look, within_s=PATIENCE_S)

    async def _surprise(self, call: Body) -> None:
        """Let something happen to the call, or nothing."""
        await asyncio.sleep(self.dice.random() * 2)
        what = self.dice.choice(["worse", "doubt", "cancel", "recall", "nothing", "nothing", "nothing", "nothing"])
        self.did[what] += 1
        if what in {"worse", "doubt"}:
            await self._insist("POST", f"/v1/calls/{call['id']}/updates", WORSE if what == "worse" else DOUBT)
        elif what == "cancel":
            await self._insist("POST", f"/v1/calls/{call['id']}/cancel", {"reason": "resolved"})
        elif what == "recall":
            await self.field.office.recall(call)

    async def _crew(self, tablet: Tablet, call: Body) -> None:
        """Do something with the call whenever it is on this tablet, until it is final and gone."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.05 + self.dice.random() * 0.2)
            reply = await tablet.wire.ask(
                "dispatch", "GET", f"/v1/teams/{tablet.team_id}/assignments", token=tablet.token, timeout_s=5
            )
            if not reply.ok:
                continue
            mine = [item for item in reply.body["items"] if item["incident_id"] == call["id"]]
            if not mine:
                known = await self._insist("GET", f"/v1/calls/{call['id']}")
                quiet = quiet + 1 if known.good()["status"] in FINAL else 0
                continue
            quiet = 0
            await self._step(tablet, mine[0])

    async def _step(self, tablet: Tablet, item: Body) -> None:
        choices = {
            "offered": ["accept"] * 6 + ["decline"],
            "accepted": ["depart"] * 6 + ["arrive", "escalate"],
            "en_route": ["arrive"] * 5 + ["check_in", "escalate"],
            "on_scene": ["check_in", "clear", "clear", "clear", "escalate"],
            "withdrawing": ["acknowledge_recall", "clear"],
        }
        action = self.dice.choice(choices[item["status"]])
        if action == "decline" and self.has_declined:
            action = "accept"  # a call that both crews refuse waits for others until its deadline: longer than a storm
        self.has_declined |= action == "decline"
        needs = {"clear": {"outcome": "calmed"}, "decline": {"reason": "busy"}, "escalate": {"needs": "police"}}
        if item["status"] == "withdrawing":
            needs["clear"] = {}
        reply = await tablet.act(item, action, key=f"{item['id']}-{item['status']}-{action}", **needs.get(action, {}))
        self.did[f"{action} {reply.status}"] += 1
        assert reply.status in {0, 200, 409, 412, 422, 503}, reply


async def blows(field: Field, dice: random.Random) -> None:
    """Kill one or both replicas of some service at random moments, and start them again."""
    for _ in range(BLOWS):
        await asyncio.sleep(dice.random() * 0.7)
        service = dice.choice(["intake", "dispatch", "dispatch", "teams"])
        replica = dice.choice([None, 0, 1])
        field.system.kill(service, replica)
        await promises.hold_now(field)
        await field.system.start(service)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_after_a_storm_of_crashes_every_promise_holds(storm: Field, seed: int) -> None:
    dice = random.Random(seed)
    field = storm
    corners = await corners_of(field)
    await field.reviewer.queue()
    people = [People(field, corner, random.Random(f"{seed}-{n}")) for n, corner in enumerate(corners)]
    storming = asyncio.create_task(blows(field, dice))
    ends = await asyncio.gather(*(each.call() for each in people))
    await storming
    await promises.hold_at_rest(field)
    print(f"seed {seed}: {dict(Counter(ends))} {dict(sum((each.did for each in people), Counter()))}")


_corners: list[Corner] = []


async def corners_of(field: Field) -> list[Corner]:
    """Return the same corners for every seed; each has two teams."""
    if not _corners:
        _corners.extend([await field.corner(teams=2) for _ in range(CALLS)])
    return _corners


async def test_no_overdue_row_is_left_after_the_storms(storm: Field) -> None:
    assert await storm.rows(promises.OVERDUE, timedelta(seconds=2)) == []
    assert await promises.broken(storm, {**promises.ALWAYS, **promises.AT_REST}) == {}
