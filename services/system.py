"""A running system: every replica of the three services as child processes of this one, each of which can be made to fail.

`commonground up` runs one for people; e2e and fault tests run theirs on a clone of a database and break it on purpose.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import asyncpg

from services.child import Begin, Child, begin
from services.links import Cut, Link
from services.migrate import ROOT, set_clock
from services.processes import free_port
from services.servers import SERVICES, login_role
from services.tokens import Tokens

PEERS: Final[Mapping[str, tuple[str, ...]]] = {
    "intake": ("dispatch", "teams"),
    "dispatch": ("intake", "teams"),
    "teams": ("intake",),
}
"""Who calls whom."""


def module_command(service: str) -> Sequence[str]:
    """Return how a replica of a service is started."""
    return (sys.executable, "-m", f"services.{service}")


@dataclass(frozen=True)
class Plan:
    """What to run, and where."""

    dsns: Mapping[str, str]
    """What each service logs in with."""
    token_secret: str
    logs: Path
    ports: Mapping[str, Sequence[int]]
    """One for each replica of each service."""
    admins: Mapping[str, str] = field(default_factory=dict)
    """For each service a DSN that may bend its clock; needed for `set_clock` alone."""
    time_rate: float = 1.0
    cuttable: bool = False
    """Whether every link between services runs through a relay that can be cut."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """What the services inherit; our own settings are laid over it."""
    command: Callable[[str], Sequence[str]] = module_command
    begin: Begin = begin


def free_ports(replicas: int) -> dict[str, list[int]]:
    """Return a free port for each replica of each service."""
    return {service: [free_port() for _ in range(replicas)] for service in SERVICES}


class System:
    """The services of a `Plan`, from `async with` on ready to answer; every method is for the main thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tokens = Tokens(plan.token_secret)
        self._links = self._make_links() if plan.cuttable else {}
        self.children = {service: self._children_of(service) for service in SERVICES}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            for links in self._links.values():
                for link in links:
                    await link.start()
            await self.start()
            undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def urls(self) -> dict[str, str]:
        """The first replica of each service."""
        return {service: children[0].url for service, children in self.children.items()}

    def addresses(self, service: str) -> str:
        """Return where all replicas of a service answer, as the services themselves write it: comma-separated."""
        return ",".join(child.url for child in self.children[service])

    def url(self, service: str, replica: int = 0) -> str:
        """Return where one replica answers."""
        return self.children[service][replica].url

    async def start(self, service: str | None = None, replica: int | None = None) -> None:
        """Start what does not run (one replica, all of a service, or all) and return when all of it is ready. Raises ChildFailedError."""
        chosen = [child for child in self._chosen(service, replica) if not child.is_alive]
        for child in chosen:
            child.spawn()
        try:
            async with asyncio.TaskGroup() as waiting:
                for child in chosen:
                    waiting.create_task(child.ready())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def stop(self) -> None:
        """End everything: asked first, killed after a few seconds."""
        chosen = self._chosen(None, None)
        for child in chosen:
            child.ask_to_stop()
        await asyncio.gather(*(child.stopped() for child in chosen))
        for links in self._links.values():
            for link in links:
                await link.stop()

    def kill(self, service: str, replica: int | None = None) -> None:
        """Kill -9 one replica, or all of a service."""
        for child in self._chosen(service, replica):
            child.kill()

    def pause(self, service: str, replica: int | None = None) -> None:
        """Freeze one replica, or all of a service, with its connections open."""
        for child in self._chosen(service, replica):
            child.pause()

    def resume(self, service: str, replica: int | None = None) -> None:
        """Let what is frozen go on."""
        for child in self._chosen(service, replica):
            child.resume()

    async def cut(self, caller: str, peer: str, how: Cut = Cut.SILENT) -> None:
        """Cut what `caller` sends to `peer`; the other way stays whole. Needs a plan that is `cuttable`."""
        for link in self._links[caller, peer]:
            await link.cut(how)

    async def mend(self, caller: str | None = None, peer: str | None = None) -> None:
        """Undo a cut, or every cut."""
        for ends, links in self._links.items():
            if caller is None or ends == (caller, peer):
                for link in links:
                    await link.mend()

    async def make_whole(self) -> None:
        """Mend, resume and start whatever is cut, frozen or gone."""
        await self.mend()
        for child in self._chosen(None, None):
            child.resume()
        await self.start()

    async def set_clock(self, *, rate: float = 1.0, offset: timedelta = timedelta(0), only: str | None = None) -> None:
        """Bend the clock of every service, or `only` of one, at once.

        A session reads its clock's settings when it begins, so the open sessions of these services are ended: each of
        them sees a lost connection, as after a fail-over of the server, and must live with it.
        """
        anchor: str | None = None
        for service in SERVICES if only is None else (only,):
            connection = await asyncpg.connect(self.plan.admins[service])
            try:
                async with connection.transaction():
                    anchor = await set_clock(connection, service, rate=rate, offset=offset, anchor=anchor)
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = $1 AND datname = current_database()",
                    login_role(service),
                )
            finally:
                await connection.close()

    def dead(self) -> list[Child]:
        """Return the children that ended by themselves."""
        return [child for child in self._chosen(None, None) if child.is_wanted and not child.is_alive]

    def _chosen(self, service: str | None, replica: int | None) -> list[Child]:
        services = SERVICES if service is None else (service,)
        return [
            child
            for name in services
            for number, child in enumerate(self.children[name])
            if replica is None or number == replica
        ]

    def _make_links(self) -> dict[tuple[str, str], list[Link]]:
        return {
            (caller, peer): [Link(port, port=free_port()) for port in self.plan.ports[peer]]
            for caller, peers in PEERS.items()
            for peer in peers
        }

    def _children_of(self, service: str) -> list[Child]:
        children = []
        for number, port in enumerate(self.plan.ports[service]):
            name = service if number == 0 else f"{service}-{number + 1}"
            children.append(
                Child(
                    name,
                    self.plan.command(service),
                    url=f"http://127.0.0.1:{port}",
                    environment=self._environment(service, port),
                    cwd=ROOT,
                    log=self.plan.logs / f"{name}.log",
                    begin=self.plan.begin,
                )
            )
        return children

    def _environment(self, service: str, port: int) -> dict[str, str]:
        prefix = f"{service.upper()}_"
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DATABASE_DSN": self.plan.dsns[service],
            "TOKEN_SECRET": self.plan.token_secret,
            "TIME_RATE": str(self.plan.time_rate),
        }
        settings |= {f"{peer.upper()}_URL": self._peer_urls(service, peer) for peer in PEERS[service]}
        return {
            **_without_credentials(self.plan.environment),
            "HOME": _readable_home(self.plan.environment),
            "PYTHONUNBUFFERED": "1",
            **{prefix + name: value for name, value in settings.items()},
        }

    def _peer_urls(self, caller: str, peer: str) -> str:
        if self.plan.cuttable:
            return ",".join(link.url for link in self._links[caller, peer])
        return ",".join(f"http://127.0.0.1:{port}" for port in self.plan.ports[peer])


def _without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what only the launcher may know, and without PostgreSQL's own variables."""
    secret = {"DATABASE_URL", "COMMONGROUND_SECRET"} | {f"{service.upper()}_DATABASE_URL" for service in SERVICES}
    others = {f"{service.upper()}_DATABASE_{what}" for service in SERVICES for what in ("DSN", "PASSWORD")}
    return {
        name: value for name, value in environment.items() if name not in secret | others and not name.startswith("PG")
    }


def _readable_home(environment: Mapping[str, str]) -> str:
    """Return a HOME that can be read: asyncpg looks for key files there and fails when it cannot look."""
    home = environment.get("HOME", "")
    return home if home and os.access(home, os.R_OK | os.X_OK) else tempfile.gettempdir()
