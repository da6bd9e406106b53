"""A simulated tablet for each starter team that is present: it polls and sends positions, and answers nothing.

So a trial installation has teams that can be offered a call, and it stays the user's part to accept one.
"""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from services.replay.api import API
from services.replay.clock import SystemClock
from services.replay.tablet import Tablet
from services.tokens import Tokens

ABSENT: Final = frozenset({"retired", "off_shift", "off_duty", "out_of_service"})
"""Reasons of teams' availability that mean nobody holds the tablet."""
_LOOK_AGAIN: Final = timedelta(seconds=30)


class Tablets:
    """The tablets of the teams named, from `start` to `stop`."""

    def __init__(self, api: API, tokens: Tokens, teams: Collection[str], clock: SystemClock) -> None:
        self._api = api
        self._tokens = tokens
        self._teams = frozenset(teams)
        self._clock = clock
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
            await self._clock.sleep(_LOOK_AGAIN)
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
            self._tablets[team_id] = asyncio.create_task(self._tablet(present[team_id]).run())

    def _tablet(self, team: dict[str, Any]) -> Tablet:
        base = (team["base"]["lat_deg"], team["base"]["lon_deg"])
        return Tablet(self._api, self._clock, team["team_id"], self._tokens.team(team["team_id"]), base)
