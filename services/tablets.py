"""A simulated tablet for each starter team that is present: it polls and sends positions, and answers nothing.

So a trial installation has teams that can be offered a call, and it stays the user's part to accept one.
"""

import asyncio
import random
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from services.replay.api import API, pause
from services.tokens import Tokens

ABSENT: Final = frozenset({"retired", "off_shift", "off_duty", "out_of_service"})
"""Reasons of teams' availability that mean nobody holds the tablet."""
_LOOK_AGAIN_S: Final = 30.0
_POSITION_S: Final = 20.0
_LONG_POLL_S: Final = 50.0
_WANDER_DEG: Final = 0.0005  # some 50 m: a parked van's fixes are never twice the same


class Tablets:
    """The tablets of the teams named, from `start` to `stop`."""

    def __init__(
        self, api: API, tokens: Tokens, teams: Collection[str], *, now: Callable[[], datetime], time_rate: float = 1.0
    ) -> None:
        self._api = api
        self._tokens = tokens
        self._teams = frozenset(teams)
        self._now = now
        self._rate = time_rate
        self._tablets: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Give each present team its tablet, and go on looking who comes and goes; how many are present now."""
        await self._look()
        self._watching = asyncio.create_task(self._watch())
        return len(self._tablets)

    async def stop(self) -> None:
        """Put every tablet away."""
        tasks = [*self._tablets.values(), *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(max(_LOOK_AGAIN_S / self._rate, 1.0))
            await self._look()

    async def _look(self) -> None:
        answer = await self._api.insist("teams", "GET", "/v1/availability?all=true", token=self._tokens.supervisor)
        if not answer.ok:
            return
        present = {
            item["team_id"]: item
            for item in answer.body["items"]
            if item["team_id"] in self._teams and not ABSENT & set(item["reasons"])
        }
        for team_id in self._tablets.keys() - present.keys():
            self._tablets.pop(team_id).cancel()
        for team_id in present.keys() - self._tablets.keys():
            self._tablets[team_id] = asyncio.create_task(self._tablet(team_id, present[team_id]["base"]))

    async def _tablet(self, team_id: str, base: Any) -> None:
        token = self._tokens.team(team_id)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._poll(team_id, token))
            if base is not None:
                both.create_task(self._send_positions(team_id, token, base))

    async def _poll(self, team_id: str, token: str) -> None:
        etag: str | None = None
        while True:
            path = f"/v1/teams/{team_id}/assignments"
            answer = await self._api.poll("dispatch", path, token=token, wait_s=_LONG_POLL_S, etag=etag)
            etag = answer.etag or etag
            if answer.status not in (200, 304):
                await pause(answer, attempt=3)

    async def _send_positions(self, team_id: str, token: str, base: Any) -> None:
        while True:
            fix = {
                "lat_deg": base["lat_deg"] + random.uniform(-_WANDER_DEG, _WANDER_DEG),  # noqa: S311 - no secret
                "lon_deg": base["lon_deg"] + random.uniform(-_WANDER_DEG, _WANDER_DEG),  # noqa: S311
                "accuracy_m": 10,
                "at": self._now().isoformat(),
            }
            path = f"/v1/teams/{team_id}/positions"
            await self._api.request("teams", "POST", path, token=token, json={"fixes": [fix]})
            await asyncio.sleep(max(_POSITION_S / self._rate, 0.5))
