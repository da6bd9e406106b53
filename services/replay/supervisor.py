"""The simulated supervisor: sends teams off duty and back as the script's phases say, and changes two plans for the shift."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.replay.api import API
from services.replay.clock import SystemClock
from services.replay.script import Phase, PlanChange

_LOOK_EVERY: Final = timedelta(seconds=60)
_LOCAL: Final = ZoneInfo("America/Los_Angeles")


@dataclass(slots=True, eq=False)
class Phases:
    """Which stretches of the shift script are on; others ask it."""

    phases: Sequence[Phase]
    clock: SystemClock
    began: datetime
    span: timedelta
    """How long the calls take in the system's time."""

    def on(self) -> list[Phase]:
        """Return the phases that are on now."""
        since = self.clock.now() - self.began
        return [
            phase
            for phase in self.phases
            if timedelta(0) <= since - self.span * phase.starts_at < phase.lasts(self.span)
        ]

    def reviewers_absent(self) -> bool:
        """Whether nobody reads the review queue now."""
        return any(phase.what == "no_reviewer" for phase in self.on())

    def nobody_answers(self) -> bool:
        """Whether no crew accepts now."""
        return any(phase.what == "nobody_answers" for phase in self.on())


@dataclass(slots=True, eq=False)
class Supervisor:
    """The supervisor on duty. `run` as a task; `begin` and `end` change the plans and put them back."""

    api: API
    clock: SystemClock
    token: str
    phases: Phases
    teams: Mapping[str, Mapping[str, Any]]
    """By team id: `disciplines` and the `crew` on duty when the replay began."""
    did: Counter[str] = field(default_factory=Counter)
    _away: dict[str, bool] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _plans: dict[str, Any] = field(default_factory=dict)

    async def run(self) -> None:
        """Keep the roster as the phases want it until cancelled."""
        while True:
            await self._arrange(self._wanted_away())
            await asyncio.sleep(max(0.25, self.clock.wall_s(_LOOK_EVERY)))

    def _wanted_away(self) -> set[str]:
        away: set[str] = set()
        for phase in self.phases.on():
            if phase.what == "off_duty":
                away |= {
                    team
                    for team, facts in self.teams.items()
                    if not phase.disciplines or set(phase.disciplines) & set(facts["disciplines"])
                }
            elif phase.what == "few_teams":
                away |= set(
                    sorted(self.teams, key=lambda team: _breadth(self.teams[team]))[: -phase.teams_left or None]
                )
        return away

    async def _arrange(self, away: set[str]) -> None:
        for team in self.teams:
            wanted = team in away
            if wanted == self._away.get(team, False):
                continue
            body: dict[str, Any] = {"status": "off_duty", "crew": [], "until": None, "reason": "Simulated: off duty."}
            if not wanted:
                body = {"status": "available", "crew": list(self.teams[team]["crew"]), "until": None, "reason": None}
            answer = await self.api.request("teams", "PUT", f"/v1/teams/{team}/duty", token=self.token, json=body)
            if answer.ok:
                self._away[team] = wanted
                self.did["teams sent off duty" if wanted else "teams back on duty"] += 1
                self._refused.discard(team)
            elif answer.status == 409 and team not in self._refused:
                self._refused.add(team)  # it is asked again at each look until its work is done
                self.did["off duty refused: the team has work"] += 1

    async def begin(self, plans: Sequence[PlanChange]) -> None:
        """Put the script's plans in force; what was in force before is kept for `end`."""
        for change in plans:
            path = f"/v1/neighborhoods/{change.neighborhood}/plan"
            before = await self.api.insist("intake", "GET", path, token=self.token)
            if not before.ok:
                self.did[f"plan of {change.neighborhood}: not read, {before.status}"] += 1
                continue
            if await self._put(path, self._body(change), change.neighborhood):
                self._plans[path] = before.body

    def _body(self, change: PlanChange) -> dict[str, Any]:
        body = dict(change.body)
        if change.closed_now:
            local = self.clock.now().astimezone(_LOCAL)
            opens, closes = local - timedelta(hours=3), local - timedelta(hours=2)
            window = {"opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"}
            body["hours"] = {key: [window] for key in change.closed_now}
        return body

    async def _put(self, path: str, rules: Any, where: str) -> bool:
        body = {"plan": rules, "approved_by": "Simulated by a replay"}
        answer = await self.api.insist("intake", "PUT", path, token=self.token, json=body)
        self.did[f"plan of {where}: " + ("changed" if answer.ok else f"refused {answer.status}")] += 1
        return answer.ok

    async def end(self) -> None:
        """Bring every team back that was sent off duty, and put the plans back."""
        await self._arrange(set())
        for path, before in self._plans.items():
            await self._put(path, before["plan"], path.split("/")[3])
        self._plans.clear()


def _breadth(facts: Mapping[str, Any]) -> tuple[int, int]:
    """Sort key: the teams that stay are those with most neighborhoods."""
    return len(facts.get("catchment", ())), len(facts["disciplines"])
