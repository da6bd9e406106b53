"""One run: calls come, a rule sends teams, teams drive, stay, and drive home. SimPy keeps the time, in minutes."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import simpy

from services.bench.matching.city import BEGIN, DAY_MIN, POLICY, City, SimCall, SimTeam
from services.bench.matching.rules import Rule, Scene, drive_s, look_ahead
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.diversion import UnderWay
from services.dispatch.domain.lookahead import SOON, Work, expected_free
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Busy, Place, Position, Team, Waiting

ASSIGN_WITHIN_MIN: Final = {1: 20.0, 2: 60.0}
"""The production deadlines, when they are on."""
TURNS_WITHIN_MIN: Final = 1.0
"""A crew that is taken off a call needs so much to read it and to say that it is free."""
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
    ends_min: float = 0.0
    """When it is where it drives to: home, or at a call."""
    drive: simpy.Process | None = None
    """Of a team that drives to a call: what can be interrupted."""
    turning: bool = False
    """The team was taken off a call and has not yet said that it is free."""


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
        self.asked: dict[UUID, Waiting] = {}
        """Each call as it was when it came."""
        self.taken_from: set[UUID] = set()
        """Calls that have lost a team to a more urgent one."""
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
            self.waiting[call.id] = self.asked[call.id] = Waiting(
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
        if not self._anybody_could_go() and not self._anybody_could_turn():
            return
        now = self._now()
        teams = [self._seen(crew, now) for crew in self.crews.values()]
        sent = self.rule(Scene(now, list(self.waiting.values()), teams, self.policy, self._under_way(now)))
        for call_id, team_id in sent.pairs:
            self._count_queue()
            del self.waiting[call_id]
            crew = self.crews[team_id]
            crew.drive = self.env.process(self._work(self.by_id[call_id], crew, now))
        if sent.again_at is not None:
            self._ask_again((sent.again_at - BEGIN) / timedelta(minutes=1))
        if sent.diverted is not None:
            drive = self.crews[sent.diverted[1]].drive
            assert drive is not None, "only a team that drives to a call is taken off one"
            drive.interrupt()

    def _anybody_could_go(self) -> bool:
        """Say whether a free team fits a waiting call; without one no rule can send anybody, and it need not be asked."""
        free = {self._fits[team_id] for team_id, crew in self.crews.items() if crew.call is None and not crew.turning}
        asked = {(call.disciplines[0], bool(call.required_languages)) for call in self.waiting.values()}
        return any(
            skill in skills and (speaks_spanish or not needs_spanish)
            for skill, needs_spanish in asked
            for skills, speaks_spanish in free
        )

    def _anybody_could_turn(self) -> bool:
        """Say whether a call waits for which a team could be taken off another."""
        return (
            self.rule is look_ahead
            and self.policy.divert_saves is not None
            and any(call.priority == 1 for call in self.waiting.values())
        )

    def _under_way(self, now: datetime) -> list[UnderWay]:
        if not self._anybody_could_turn():
            return []
        return [
            UnderWay(
                self._free(crew, Position(self._where(crew), now)),
                self.asked[crew.call.id],
                BEGIN + timedelta(minutes=crew.arrives_min),
            )
            for crew in self.crews.values()
            if crew.call is not None and crew.drive is not None and crew.call.id not in self.taken_from
        ]

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
        start = self._where(crew)
        estimate = drive_s(start, call.place, self.policy, now) / 60
        crew.call, crew.arrived_min, crew.arrives_min = call, None, begun + estimate
        crew.left_from, crew.left_min, crew.ends_min = (
            start,
            begun + self._turn_out_min,
            begun + estimate * call.drive_factor,
        )
        served.sent_min = begun
        try:
            yield self.env.timeout(estimate * call.drive_factor)
        except simpy.Interrupt:
            yield from self._turn(served, crew, begun)
            return
        crew.drive = None
        served.arrived_min = crew.arrived_min = self.env.now
        yield self.env.timeout(call.stay_min)
        self._go_home(crew, call.place, begun)

    def _turn(self, served: Served, crew: Crew, begun: float) -> Process:
        """The team is taken off its call, which waits again; it says that it is free where it is then."""
        self._count_queue()
        where = self._where(crew)
        self.waiting[served.call.id] = self.asked[served.call.id]
        self.taken_from.add(served.call.id)
        served.sent_min = None
        crew.call, crew.drive, crew.turning = None, None, True
        crew.left_from, crew.left_min, crew.ends_min = where, self.env.now, float("inf")  # it stands there
        self._decide()
        yield self.env.timeout(TURNS_WITHIN_MIN)
        crew.turning = False
        self._go_home(crew, where, begun)

    def _go_home(self, crew: Crew, place: Place, begun: float) -> None:
        self.run.busy_min += self.env.now - begun
        home = drive_s(place, crew.team.base, self.policy, self._now()) / 60 - self._turn_out_min
        crew.call, crew.left_from = None, place
        crew.left_min, crew.ends_min = self.env.now, self.env.now + home
        self._decide()

    def _where(self, crew: Crew) -> Place:
        """Return where a crew is that is at its base, on the way there, or on the way to a call."""
        end = crew.team.base if crew.call is None else crew.call.place
        if crew.left_from is None or self.env.now >= crew.ends_min:
            return end
        part = max(0.0, self.env.now - crew.left_min) / (crew.ends_min - crew.left_min)
        start = crew.left_from
        return Place(
            start.lat_deg + part * (end.lat_deg - start.lat_deg),
            start.lon_deg + part * (end.lon_deg - start.lon_deg),
        )

    def _seen(self, crew: Crew, now: datetime) -> Team:
        if crew.turning:
            return self._at_work(crew, Busy(now + SOON, crew.left_from))
        if crew.call is not None:
            return self._at_work(crew, self._busy(crew, crew.call, now))
        return self._free(crew, Position(self._where(crew), now))

    def _free(self, crew: Crew, position: Position) -> Team:
        skills, languages, base = self._fixed[crew.team.id]
        return Team(crew.team.id, "", disciplines=skills, languages=languages, base=base, position=position)

    def _at_work(self, crew: Crew, busy: Busy | None) -> Team:
        skills, languages, base = self._fixed[crew.team.id]
        return Team(
            crew.team.id, "", disciplines=skills, languages=languages, base=base, busy_here=True, busy=busy
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
