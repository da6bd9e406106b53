"""Runs one replay: everybody simulated at once, until the calls are over, then the proof and the summary."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from services.replay.api import API, Answer
from services.replay.cad import CAD
from services.replay.calls import Selection
from services.replay.clock import SystemClock, parse_time
from services.replay.crew import Crew
from services.replay.endpoints import Endpoints, nobody_there
from services.replay.errands import Errands
from services.replay.ledger import Ledger
from services.replay.mapping import Mapping_
from services.replay.proof import Prover, team_hours
from services.replay.reviewer import Reviewers
from services.replay.script import Script
from services.replay.summary import TeamShare, summarize
from services.replay.supervisor import Phases, Supervisor
from services.replay.tablet import Tablet

_LOOK_S: Final = 0.5


class NotReadyError(Exception):
    """The system does not answer as a replay needs it to; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to replay."""

    speed: float
    seed: int
    run_id: str
    drain: timedelta
    """How long, in the system's time, to go on after the last call until the last one ends."""


@dataclass(slots=True)
class Replay:
    """One replay of the calls in `selection`."""

    endpoints: Endpoints
    mapping: Mapping_
    script: Script
    selection: Selection
    options: Options
    about: Mapping[str, Any] = field(default_factory=dict)
    api: API = field(init=False)
    clock: SystemClock = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    tablets: list[Tablet] = field(default_factory=list)
    errands: Errands = field(default_factory=Errands)
    _phases: Phases | None = None

    def __post_init__(self) -> None:
        self.api = API(self.endpoints.urls)
        self.clock = SystemClock(self.endpoints.time_rate)

    async def run(self, tell: Callable[["Replay"], None]) -> dict[str, Any]:
        """Replay the calls and return the summary; `tell` is called twice a second. Raises NotReadyError."""
        try:
            await self._set_clock()
            supervisor = await self._people()
            return await self._run(supervisor, tell)
        finally:
            await self.api.close()

    @property
    def amiss(self) -> list[str]:
        """What the script has amiss now."""
        return [phase.what for phase in self._phases.on()] if self._phases else []

    async def _set_clock(self) -> None:
        """Learn the system's time from a decision that stores nothing."""
        now = self.clock.now().isoformat()
        body = {
            "cad_system": self.mapping.cad_system,
            "cad_event_id": "clock",
            "received_at": now,
            "narrative": "clock",
        }
        for _ in range(3):
            token = self.endpoints.tokens["supervisor"]
            answer = await self.api.insist("intake", "POST", "/v1/triage", token=token, tries=3, json=body)
            if answer.status == 0:
                break
            said = parse_time(answer.body["decision"].get("decided_at")) if answer.ok else None
            if said is not None:
                self.clock.learn(said, asked_at=answer.asked_at, answered_at=answer.answered_at)
                return
            body["received_at"] = datetime(2020, 1, 1, tzinfo=self.clock.now().tzinfo).isoformat()
        raise self._not_ready("intake", answer)

    def _not_ready(self, service: str, answer: Answer) -> NotReadyError:
        where = self.endpoints.urls[service]
        if answer.status == 0:
            return NotReadyError(nobody_there(service, where))
        return NotReadyError(f"{service} at {where} answered {answer.status}: {answer.body}")

    async def _people(self) -> Supervisor:
        token = self.endpoints.tokens["supervisor"]
        answer = await self.api.insist("teams", "GET", "/v1/availability?all=true", token=token)
        if not answer.ok:
            raise self._not_ready("teams", answer)
        items = {
            item["team_id"]: item for item in answer.body["items"] if item["team_id"] in self.endpoints.team_tokens
        }
        if not items:
            raise NotReadyError("no team of the system has a token in the endpoints file: there would be no tablets")
        span = self.selection.span / self.options.speed * self.clock.rate
        self._phases = phases = Phases(self.script.phases, self.clock, self.clock.now(), span)
        crew = Crew(self.script.crews, self.options.seed, self.ledger.key_of, phases.nobody_answers)
        for team_id, item in items.items():
            at = item.get("position") or item["base"]
            self.tablets.append(
                Tablet(
                    api=self.api,
                    clock=self.clock,
                    team_id=team_id,
                    token=self.endpoints.team_tokens[team_id],
                    base=(at["lat_deg"], at["lon_deg"]),
                    team=item["team_name"],
                    crew=crew,
                    where=self.ledger.where,
                )
            )
        return Supervisor(self.api, self.clock, token, phases, await self._crews(items))

    async def _crews(self, items: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return each team's disciplines, catchment and members on duty."""
        teams = {}
        for team_id, item in items.items():
            path = f"/v1/teams/{team_id}"
            answer = await self.api.insist("teams", "GET", path, token=self.endpoints.tokens["supervisor"])
            if not answer.ok:
                raise NotReadyError(f"GET {path} was answered {answer.status}")
            teams[team_id] = {
                "disciplines": item["disciplines"],
                "catchment": item["catchment"],
                "crew": answer.body["duty"]["crew"],
            }
        return teams

    async def _run(self, supervisor: Supervisor, tell: Callable[["Replay"], None]) -> dict[str, Any]:
        began, began_wall = self.clock.now(), time.monotonic()
        await supervisor.begin(self.script.plans)
        cad = self._cad()
        await cad.skip_history()
        for work in (cad.follow(), cad.watch(), supervisor.run(), self._reviewers().run()):
            self.errands.start(work)
        for tablet in self.tablets:
            self.errands.start(tablet.run())
        try:
            await self._until_over(cad, tell)
            ended = self.clock.now()
            proved = await self._prover().prove(self.ledger.cases)
        finally:
            await self.errands.stop()
            await supervisor.end()
        about = {
            **self.about,
            "system_time_began": began.isoformat(timespec="seconds"),
            "system_time_ended": ended.isoformat(timespec="seconds"),
            "wall_clock_s": round(time.monotonic() - began_wall, 1),
        }
        people = {
            "call center and reviewers": self.ledger.did,
            "crews": sum((tablet.did for tablet in self.tablets), Counter[str]()),
            "supervisor": supervisor.did,
        }
        shares = [await self._share(tablet, began, ended) for tablet in self.tablets]
        return summarize(about, self._simulated(), proved, shares, people)

    async def _until_over(self, cad: CAD, tell: Callable[["Replay"], None]) -> None:
        """Wait until every call is reported and none is open, or the time for that is over."""
        reporting = asyncio.Event()
        self.errands.start(cad.report_all(self.selection.calls, self.options.speed, reporting))
        stop_at: datetime | None = None
        while True:
            tell(self)
            await asyncio.sleep(_LOOK_S)
            self.errands.check()
            if not reporting.is_set():
                continue
            stop_at = stop_at or self.clock.now() + self.options.drain
            if not cad.open_cases() or self.clock.now() >= stop_at:
                return

    async def _share(self, tablet: Tablet, began: datetime, ended: datetime) -> TeamShare:
        token = self.endpoints.tokens["supervisor"]
        held, present = await team_hours(self.api, token, tablet.team_id, began=began, ended=ended)
        return TeamShare(tablet.team, held, present, dict(tablet.did))

    def _cad(self) -> CAD:
        return CAD(
            self.api,
            self.clock,
            self.endpoints.tokens["cad"],
            self.endpoints.tokens["supervisor"],
            self.script,
            self.ledger,
            self.mapping.cad_system,
            self.options.run_id,
            self.options.seed,
            self.errands,
        )

    def _reviewers(self) -> Reviewers:
        assert self._phases is not None
        token = self.endpoints.tokens["reviewer"]
        return Reviewers(
            self.api,
            self.clock,
            token,
            self.script.reviewers,
            self.ledger,
            self.options.seed,
            self.errands,
            self._phases.reviewers_absent,
        )

    def _prover(self) -> Prover:
        tokens = self.endpoints.tokens
        return Prover(self.api, self.clock, tokens["cad"], tokens["supervisor"], self.ledger, self.mapping.cad_system)

    def _simulated(self) -> list[str]:
        """Return, in sentences, everything that was not in the file."""
        script = self.script
        lines = [
            f"shift script {script.name!r}, seed {self.options.seed}: {script.says}",
            (
                f"{len(self.tablets)} crews with tablets: of the offers {script.crews.decline:.0%} are declined and "
                f"{script.crews.ignore:.0%} not answered; drives at {script.crews.speed_kmh:g} km/h, half of the visits "
                f"under {script.crews.on_scene.median_s / 60:.0f} min"
            ),
            (
                f"{script.reviewers.count} reviewers who send {script.reviewers.send_civilian:.0%} of the calls that a "
                "civilian team could serve and return all others"
            ),
            (
                f"a call center: {script.cad.duplicate:.0%} of the calls are reported twice, "
                f"{sum(script.cad.worse_news.values()):.0%} get worse news if they come so far, "
                f"{sum(script.cad.cancel.values()):.0%} are cancelled"
            ),
        ]
        if taker := self.mapping.call_taker:
            drawn = Counter(call.scenario for call in self.selection.calls if call.scenario)
            lines.append(
                f"a call-taker ({taker.name}): answers and one line of narrative for {drawn.total()} of "
                f"{len(self.selection.calls)} calls, {taker.spanish:.0%} of these in Spanish; the others go without answers"
            )
            lines.append("what these calls turned out to be: " + ", ".join(f"{k} {v}" for k, v in drawn.most_common()))
        if self.mapping.place and self.mapping.place.lat is None:
            lines.append("places: the file's areas are laid over neighborhoods of the starter city")
        lines += [
            f"amiss from {phase.starts_at:.0%} of the span on, for {phase.lasts_min:g} min: {phase.what}"
            for phase in script.phases
        ]
        lines += [f"another plan for {change.neighborhood} while the replay ran" for change in script.plans]
        return lines
