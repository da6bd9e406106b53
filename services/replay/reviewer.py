"""The simulated reviewers: a room in which the queue is read all the time, and each call is decided by somebody."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from services.replay.api import API, pause
from services.replay.clock import SystemClock
from services.replay.draws import chance
from services.replay.errands import Errands
from services.replay.ledger import Case, Ledger
from services.replay.script import ReviewScript

CORE_FOUR: Final = ("weapons", "violence", "injuries", "threats")
_LOOK_UP: Final = timedelta(seconds=60)
"""A long-poll of the queue lasts no longer, so that the room can empty when the script says so."""
_BREATH_S: Final = 0.1
"""A queue that changes all the time is read ten times a second at most."""


@dataclass(slots=True, eq=False)
class Reviewers:
    """The reviewers on duty. `run` as a task."""

    api: API
    clock: SystemClock
    token: str
    script: ReviewScript
    ledger: Ledger
    seed: int
    errands: Errands
    absent: Callable[[], bool] = lambda: False
    _taken: set[tuple[str, int]] = field(default_factory=set)

    async def run(self) -> None:
        """Read the queue and decide until cancelled."""
        desks = asyncio.Semaphore(max(1, self.script.count))
        failures, etag = 0, None
        while True:
            if self.script.count == 0 or self.absent():
                etag = None
                await asyncio.sleep(0.2)
                continue
            wait_s = min(25.0, self.clock.wall_s(_LOOK_UP))
            answer = await self.api.poll(
                "intake", "/v1/calls?review=open&limit=100", token=self.token, wait_s=wait_s, etag=etag
            )
            if answer.status == 304:
                continue
            if not answer.ok:
                failures, etag = failures + 1, None
                await pause(answer, min(failures, 3))
                continue
            failures, etag = 0, answer.etag
            for view in answer.body["items"]:
                sight = (view["id"], view["version"])
                if sight not in self._taken:
                    self._taken.add(sight)
                    self.errands.start(self._review(view, desks, self.clock.now()))
            await asyncio.sleep(_BREATH_S)

    async def _review(self, view: dict[str, Any], desks: asyncio.Semaphore, seen_at: datetime) -> None:
        case = await self._case(view["id"])
        if case is None:
            return  # somebody else's call: not ours to decide
        draw = chance(self.seed, case.call.key, case.attempt, "review")
        decides_after, ignored, willing = self.script.decides_after.draw(draw), draw.random(), draw.random()
        if ignored < self.script.ignore:
            self.ledger.did["reviews ignored"] += 1
            return
        async with desks:
            await self.clock.sleep_until(seen_at + decides_after)
            if self.absent():
                return
            civilian = case.call.could_go and willing < self.script.send_civilian
            await self._decide(view, civilian=civilian)

    async def _case(self, call_id: str) -> Case | None:
        """Return our case; the queue may show a call before the call center has read the answer to its report."""
        for _ in range(20):
            if (case := self.ledger.by_id.get(call_id)) is not None:
                return case
            await asyncio.sleep(0.05)
        return None

    async def _decide(self, view: dict[str, Any], *, civilian: bool) -> None:
        body: dict[str, Any] = {"decision": "return", "reason": "Simulated: a civilian team is not the right answer."}
        if civilian:
            missing = [fact for fact in view["decision"]["missing"] if fact in CORE_FOUR]
            body = {
                "decision": "send_civilian",
                "reason": "Simulated: called back, read the words, nothing stands against a civilian team.",
                "version": view["version"],
            }
            if missing:
                body["answers"] = dict.fromkeys(missing, "no")
        answer = await self.api.insist("intake", "POST", f"/v1/calls/{view['id']}/review", token=self.token, json=body)
        if answer.ok:
            self.ledger.did[f"reviews {body['decision']}"] += 1
            self.ledger.note(answer.body)
            return
        self.ledger.did[f"reviews refused {answer.status}"] += 1
        if civilian and answer.status == 409:
            await self._decide(view, civilian=False)
