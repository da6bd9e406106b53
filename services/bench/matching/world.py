"""One run: calls come, a rule sends teams, teams drive, stay, and drive home. SimPy keeps the time, in minutes."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import simpy

from services.bench.matching.city import BEGIN, DAY_MIN, POLICY, City, SimCall, SimTeam
from services.bench.matching.rules import Rule, Scene, drive_s
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.lookahead import Work, expected_free
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Busy, Place, Position, Team, Waiting

ASSIGN_WITHIN_MIN: Final = {1: 20.0, 2: 60.0}
"""The production deadlines, when they are on."""
Process = Generator[simpy.Event, Any, None]


@dataclass(slots=True)
class Crew:
    """A team in the run: at work, or on its way home from where it last was."""

    team: SimTeam
    call: SimCall | None = None
    arrives_min: float = 0.0
    arrived_min: float | None = None
    left_from: Place | None = None
    left_min: float = 0.0
    home_min: float = 0.0


@dataclass(slots=True)
class Served:
    """What became of a call."""

    call: SimCall
    sent_min: float | None = None
    arrived_min: float | None = None
    returned_min: float | None = None


@dataclass(slots=True)
class Run:
    """The history of one run."""

    served: list[Served]
    busy_min: float = 0.0
    queue_area: dict[int, float] = field(default_factory=dict)
    """Per day, the waiting calls summed over its minutes."""


class World:
    """The city in motion."""

    def __init__(
        self, city: City, calls: Sequence[SimCall], rule: Rule, *, deadlines: bool = False, policy: Policy = POLICY
    ) -> None:
        self.policy = policy
        self._turn_out_min = policy.turn_out / timedelta(minutes=1)
        self.env = simpy.Environment()
        self.rule = rule
        self.deadlines = deadlines
        self.calls = calls
        self.crews = {team.id: Crew(team) for team in city.teams}
        self.waiting: dict[UUID, Waiting] = {}
        self.by_id = {call.id: Served(call) for call in calls}
        self.run = Run(list(self.by_id.values()))
        self._counted_min = 0.0
        self._asked_for: float | None = None
        self._fits = {team.id: (team.skills, "es" in team.languages) for team in city.teams}
        self._fixed = {team.id: (team.skills, team.languages, team.base) for team in city.teams}

    def play(self) -> Run:
        """Play until every call has been served or returned."""
        self.env.process(self._arrivals())
        self.env.run()
        return self.run

    def _now(self) -> datetime:
        return BEGIN + timedelta(minutes=self.env.now)

    def _arrivals(self) -> Process:
        for call in self.calls:
            yield self.env.timeout(call.at_min - self.env.now)
            self._count_queue()
            now = self._now()
            within = ASSIGN_WITHIN_MIN[call.priority]
            self.waiting[call.id] = Waiting(
                call.id, call.priority, now, (call.skill,), ("es",) if call.spanish else (), place=call.place,
                assign_by=now + timedelta(minutes=within) if self.deadlines else None,
            )  # fmt: skip
            if self.deadlines:
                self.env.process(self._return(call, within))
            self._decide()

    def _return(self, call: SimCall, within_min: float) -> Process:
        yield self.env.timeout(within_min)
        if call.id in self.waiting:
            self._count_queue()
            del self.waiting[call.id]
            self.by_id[call.id].returned_min = self.env.now

    def _decide(self) -> None:
        if not self._anybody_could_go():
            return
        now = self._now()
        teams = [self._seen(crew, now) for crew in self.crews.values()]
        sent = self.rule(Scene(now, list(self.waiting.values()), teams, self.policy))
        for call_id, team_id in sent.pairs:
            self._count_queue()
            del self.waiting[call_id]
            self.env.process(self._work(self.by_id[call_id], self.crews[team_id], now))
        if sent.again_at is not None:
            self._ask_again((sent.again_at - BEGIN) / timedelta(minutes=1))

    def _anybody_could_go(self) -> bool:
        """Say whether a free team fits a waiting call; without one no rule can send anybody, and it need not be asked."""
        free = {self._fits[team_id] for team_id, crew in self.crews.items() if crew.call is None}
        asked = {(call.disciplines[0], bool(call.required_languages)) for call in self.waiting.values()}
        return any(
            skill in skills and (speaks_spanish or not needs_spanish)
            for skill, needs_spanish in asked
            for skills, speaks_spanish in free
        )

    def _ask_again(self, at_min: float) -> None:
        if self._asked_for is None or at_min < self._asked_for - 1e-6:
            self._asked_for = at_min
            self.env.process(self._later(at_min))

    def _later(self, at_min: float) -> Process:
        yield self.env.timeout(max(at_min - self.env.now, 1e-3))
        if self._asked_for == at_min:
            self._asked_for = None
            self._decide()

    def _work(self, served: Served, crew: Crew, now: datetime) -> Process:
        call, begun = served.call, self.env.now
        estimate = drive_s(self._where(crew), call.place, self.policy, now) / 60
        crew.call, crew.arrived_min, crew.arrives_min = call, None, begun + estimate
        served.sent_min = begun
        yield self.env.timeout(estimate * call.drive_factor)
        served.arrived_min = crew.arrived_min = self.env.now
        yield self.env.timeout(call.stay_min)
        self.run.busy_min += self.env.now - begun
        home = drive_s(call.place, crew.team.base, self.policy, self._now()) / 60 - self._turn_out_min
        crew.call, crew.left_from = None, call.place
        crew.left_min, crew.home_min = self.env.now, self.env.now + home
        self._decide()

    def _where(self, crew: Crew) -> Place:
        """Return where a free crew is: at its base, or on the way there."""
        base = crew.team.base
        if crew.left_from is None or self.env.now >= crew.home_min:
            return base
        part = (self.env.now - crew.left_min) / (crew.home_min - crew.left_min)
        start = crew.left_from
        return Place(
            start.lat_deg + part * (base.lat_deg - start.lat_deg),
            start.lon_deg + part * (base.lon_deg - start.lon_deg),
        )

    def _seen(self, crew: Crew, now: datetime) -> Team:
        skills, languages, base = self._fixed[crew.team.id]
        busy = None if crew.call is None else self._busy(crew, crew.call, now)
        position = None if busy is not None else Position(self._where(crew), now)
        return Team(
            crew.team.id, "", disciplines=skills, languages=languages, base=base, position=position,
            busy_here=busy is not None, busy=busy,
        )  # fmt: skip

    def _busy(self, crew: Crew, call: SimCall, now: datetime) -> Busy | None:
        arrived = crew.arrived_min
        work = Work(
            Status.EN_ROUTE if arrived is None else Status.ON_SCENE,
            call.skill,
            call.place,
            arrived_at=None if arrived is None else BEGIN + timedelta(minutes=arrived),
            eta=BEGIN + timedelta(minutes=crew.arrives_min),
        )
        return expected_free(work, self.policy, now)

    def _count_queue(self) -> None:
        day = int(self.env.now // DAY_MIN)
        area = len(self.waiting) * (self.env.now - self._counted_min)
        self.run.queue_area[day] = self.run.queue_area.get(day, 0.0) + area
        self._counted_min = self.env.now
