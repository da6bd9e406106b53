"""`commonground up`: everything on one machine, from an empty folder to services that have proved themselves."""

import asyncio
import signal
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg
from rich.console import Console

from services import proof, screen
from services.child import Child
from services.credentials import token_secret
from services.embedded_postgres import EmbeddedPostgres, recorded_dsn
from services.home import Home
from services.migrate import Migrated, migrate
from services.processes import port_is_free
from services.replay.api import API
from services.replay.clock import SystemClock
from services.servers import SERVICES, Server, as_text, one_server, servers
from services.system import Plan, System
from services.tablets import Tablets
from services.time_rate import arrange_clock, end_of_fast_time

_LOOK_S: Final = 0.2
_RESTARTS: Final = 5
_WITHIN_S: Final = 60.0


class CannotStartError(Exception):
    """Something outside keeps the system from starting; the message says what and what to do."""


class GivingUpError(Exception):
    """A service keeps ending."""


@dataclass(frozen=True)
class Options:
    """What `commonground up` was asked for."""

    home: Home = field(default_factory=Home)
    once: bool = False
    replicas: int = 1
    port_base: int = 8000
    time_rate: float = 1.0


def ports_of(options: Options, environment: Mapping[str, str]) -> dict[str, list[int]]:
    """Return each replica's port: 8001, 8002, 8003 for the first ones, the next three for the second ones, and so on.

    `INTAKE_PORT` and its like move one service's first replica. Raises CannotStartError when any is in use.
    """
    ports: dict[str, list[int]] = {}
    for place, service in enumerate(SERVICES, start=1):
        ports[service] = [options.port_base + place + len(SERVICES) * replica for replica in range(options.replicas)]
        if own := environment.get(f"{service.upper()}_PORT"):
            ports[service][0] = int(own)
    taken = [(service, port) for service, own in ports.items() for port in own if not port_is_free(port)]
    if taken:
        named = ", ".join(f"{port} ({service})" for service, port in taken)
        raise CannotStartError(
            f"In use by another program: port {named}. Move all ports with --port-base 9000 (or COMMONGROUND_PORTS=9000), "
            f"or one with {taken[0][0].upper()}_PORT=<number>."
        )
    return ports


def intake_dsn(home: Home, environment: Mapping[str, str]) -> str:
    """Return how to reach intake's rows in the installation that `home` or the environment names."""
    if own := environment.get("INTAKE_DATABASE_DSN"):
        return own
    if named := servers(environment):
        return as_text(named["intake"].migrating)
    embedded = one_server(recorded_dsn(home.postgres))["intake"]
    return embedded.login_dsn(home.secret(environment), with_roles=True)


def up(options: Options, environment: Mapping[str, str], console: Console) -> int:
    """Run until stopped (or until the proof is done); the process's exit code."""
    told = _Said(console)
    with ExitStack() as held:
        held.enter_context(_stoppable())
        try:
            held.enter_context(options.home.only_one_up())
            ports = ports_of(options, environment)
            secret = options.home.secret(environment)
            where, postgres = _database(options.home, environment, held, told)
            plan = Plan(
                dsns={},
                token_secret=token_secret(secret),
                logs=options.home.logs,
                ports=ports,
                admins={service: as_text(server.migrating) for service, server in where.items()},
                time_rate=options.time_rate,
                environment=environment,
            )
            try:
                return asyncio.run(_Up(options, plan, told, postgres).run(where, secret))
            finally:
                _ignore_further_requests()  # the loop put the usual handlers back, and the database is still to be stopped
        except KeyboardInterrupt:
            told("Stopped before it was up.")
            return 130


def _database(
    home: Home, environment: Mapping[str, str], held: ExitStack, told: "_Said"
) -> tuple[dict[str, Server], EmbeddedPostgres | None]:
    """Return the servers that the environment names or, where it names none, our own, started."""
    if named := servers(environment):
        return named, None
    chosen = environment.get("COMMONGROUND_PG_PORT")
    postgres = EmbeddedPostgres(home.postgres, log=home.logs / "postgres.log", port=int(chosen) if chosen else None)
    held.enter_context(postgres)
    told(f"PostgreSQL {postgres.version} runs, data in {postgres.data}")
    return one_server(postgres.dsn()), postgres


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn every polite way to end us into one KeyboardInterrupt; once it was raised, let nothing cut the clean-up short."""

    def interrupt(_signum: int, _frame: object) -> None:
        _ignore_further_requests()
        raise KeyboardInterrupt

    before = {way: signal.signal(way, interrupt) for way in _ways_to_stop()}
    try:
        yield
    finally:
        for way, handler in before.items():
            signal.signal(way, handler)


def _ways_to_stop() -> list[signal.Signals]:
    """Return the signals that end us; a closed terminal does not, if we were started to outlive it (nohup)."""
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM] if outlives else [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def _ignore_further_requests() -> None:
    for way in _ways_to_stop():
        signal.signal(way, signal.SIG_IGN)


class _Said:
    """Says what has happened, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._since = time.monotonic()

    def __call__(self, what: str) -> None:
        self.console.print(f"[dim]{time.monotonic() - self._since:6.1f} s[/]  {what}", highlight=False, soft_wrap=True)


class _Up:
    """The part of `up` that runs in an event loop, once the database server is there."""

    def __init__(self, options: Options, plan: Plan, told: _Said, postgres: EmbeddedPostgres | None) -> None:
        self._options = options
        self._plan = plan
        self._told = told
        self._postgres = postgres
        self._is_up = False

    async def run(self, where: Mapping[str, Server], secret: str) -> int:
        """Migrate, start, seed, prove; then stay up. The exit code."""
        stopping = _stop_by_cancelling()
        try:
            migrated = await migrate(where, secret)
            self._say_migrated(migrated)
            logins = {service: done.login_dsn for service, done in migrated.items()}
            clock = await self._arrange_clock(logins)
            try:
                async with System(replace(self._plan, dsns=logins)) as system:
                    self._told(f"intake, dispatch and teams answer ({self._options.replicas} of each)")
                    return await self._with(system, logins["intake"], clock)
            finally:
                if self._options.time_rate != 1.0:
                    await end_of_fast_time(self._plan.admins, logins)
        except asyncio.CancelledError:
            if not stopping.is_set():
                raise
            self._told("Stopped." if self._is_up else "Stopped before it was up.")
            return 0 if self._is_up else 130

    def _say_migrated(self, migrated: Mapping[str, Migrated]) -> None:
        self._told("schemas are at " + ", ".join(f"{done.revision}" for done in migrated.values()))
        for done in migrated.values():
            for line in done.lost:
                self._told(f"[yellow]{line}[/]")

    async def _arrange_clock(self, logins: Mapping[str, str]) -> SystemClock:
        """Set the services' clocks; their time, as far as we can tell it."""
        rate = self._options.time_rate
        try:
            ahead = await arrange_clock(self._plan.admins, logins, rate)
        except asyncpg.InsufficientPrivilegeError as refused:
            raise CannotStartError(f"--time-rate needs a database user who may alter roles: {refused}") from refused
        if rate != 1.0:
            self._told(f"time runs {rate:g} times as fast" + (f", {ahead} ahead of the real one" if ahead else ""))
        elif ahead:
            self._told(f"[yellow]time was {ahead} ahead after a run at another rate; it is real again[/]")
        connection = await asyncpg.connect(logins["intake"])
        try:
            asked = time.monotonic()
            says = await connection.fetchval("SELECT intake.clock()")
            clock = SystemClock(rate)
            clock.learn(says, asked_at=asked, answered_at=time.monotonic())
        finally:
            await connection.close()
        return clock

    async def _with(self, system: System, intake_dsn: str, clock: SystemClock) -> int:
        watching = asyncio.create_task(self._watch(system))
        api = API({service: system.addresses(service) for service in SERVICES})
        try:
            return await self._seed_prove_and_stay(system, api, intake_dsn, clock, watching)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await api.close()

    async def _seed_prove_and_stay(
        self, system: System, api: API, intake_dsn: str, clock: SystemClock, watching: asyncio.Task[None]
    ) -> int:
        from services.starter_city.seed import seed  # geometry takes its time to load, and the services start meanwhile

        seeded = await seed(intake_dsn, system.urls, system.tokens)
        self._told(screen.seeded(seeded))
        teams = await every_team(api, system)
        self._options.home.write_endpoints(endpoints(system, teams, self._options.time_rate))
        tablets = Tablets(api, system.tokens, seeded.team_ids, clock)
        try:
            self._told(f"{await tablets.start()} starter teams are present, each with a simulated tablet")
            if not await self._prove(system, api, clock):
                if self._options.once:
                    return 1
            elif self._options.once:
                return 0
            self._is_up = True
            screen.invitation(
                self._told.console,
                urls=system.urls,
                tokens=system.tokens,
                team=next(iter(teams.items()), None),
                file=self._options.home.endpoints,
            )
            await watching  # ends by an error only; Ctrl-C cancels us
        finally:
            await tablets.stop()
        return 1

    async def _prove(self, system: System, api: API, clock: SystemClock) -> bool:
        courses = await proof.prove(
            api, system.tokens, now=clock.now, told=lambda course: self._told(screen.course(course))
        )
        proved = all(course.ok for course in courses)
        if not proved:
            self._told(f"[red]The proof failed.[/] What the services said is in {self._options.home.logs}")
        return proved

    async def _watch(self, system: System) -> None:
        """Start again whatever ends by itself, the database first. Raises GivingUpError when one does so too often."""
        ended: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_RESTARTS))
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._postgres is not None and self._postgres.restart_if_dead():
                self._told("[yellow]PostgreSQL had ended; it runs again[/]")
            for child in system.dead():
                self._restart(child, ended[child.name])

    def _restart(self, child: Child, ended: deque[float]) -> None:
        now = time.monotonic()
        if len(ended) == _RESTARTS and now - ended[0] < _WITHIN_S:
            raise GivingUpError(f"{child.name} ended {_RESTARTS + 1} times within a minute:\n{child.last_words()}")
        ended.append(now)
        self._told(f"[yellow]{child.name} ended with code {child.exit_code}; starting it again[/]")
        child.spawn()


def _stop_by_cancelling() -> asyncio.Event:
    """Make Ctrl-C, SIGTERM and SIGHUP cancel the running task, the first time only; an event that says it was so."""
    stopping = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            task.cancel()

    for way in _ways_to_stop():
        asyncio.get_running_loop().add_signal_handler(way, stop)
    return stopping


async def every_team(api: API, system: System) -> dict[str, str]:
    """Return the name of each team, by id."""
    answer = await api.insist("teams", "GET", "/v1/availability?all=true", token=system.tokens.supervisor)
    if not answer.ok:
        raise CannotStartError(f"teams does not say which teams there are ({answer.status}): {answer.body}")
    return {item["team_id"]: item["team_name"] for item in answer.body["items"]}


def endpoints(system: System, team_ids: Iterable[str], time_rate: float) -> dict[str, Any]:
    """Return what `.commonground/endpoints.json` holds."""
    tokens = {role: getattr(system.tokens, role) for role in screen.ROLES}
    of_teams = {team_id: system.tokens.team(team_id) for team_id in team_ids}
    return {**system.urls, "tokens": {**tokens, "team": of_teams}, "time_rate": time_rate}
