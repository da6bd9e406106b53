"""What waiting tablets cost dispatch, and how soon an offer reaches one: `python -m tests.bench.tablets`.

So many tablets (10,000) wait at once in long-polls, held open by this one process over raw sockets; ten of them belong to teams on
duty and are offered calls. Printed: memory for each waiting tablet in the service, its CPU with the re-polls, transactions of the
database beside those with ten waiting, and the time from the offer (as dispatch wrote it) to its tablet, and from the report's answer to
the offer on the tablet (with triage, matching and the hold in between), each beside that with ten waiting.
Then 200 tablets poll the plain way, every two seconds. Nothing is compared between runs but ratios.
"""

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg

from services.embedded_postgres import EmbeddedPostgres
from tests.field.ground import Corner, Field, running

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_WAIT_S: Final = 50
_FEW: Final = 10
_AT_ONCE: Final = 200
"""Connections opened in one go; more would overflow the listen queue."""


class RawTablet(asyncio.Protocol):
    """One tablet's connection: asks, reads the answer, asks again with its tag. Costs this process as little as it can."""

    def __init__(self, host: str, team_id: str, token: str, *, wait_s: int = _WAIT_S) -> None:
        self._head = (
            f"GET /v1/teams/{team_id}/assignments HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        )
        self._wait_s = wait_s
        self._tag = ""
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.asked_at = 0.0
        self.answers: dict[int, int] = {}
        self.news: asyncio.Event = asyncio.Event()
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.bodies: list[tuple[float, bytes]] = []
        self.took_s: list[float] = []
        self.again = wait_s > 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.ask()

    def ask(self) -> None:
        """Send one poll: the first one plain, the others with the tag of what is shown."""
        assert self._transport is not None
        known = f"If-None-Match: {self._tag}\r\n" if self._tag else ""
        wait = f"Prefer: wait={self._wait_s}\r\n" if self._tag and self._wait_s else ""
        self.asked_at = time.perf_counter()
        self._transport.write(f"{self._head}{known}{wait}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Take an answer when it is whole."""
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        sizes = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
        if sizes and len(rest) < sizes[0]:
            return
        self._buffer = b""
        status = int(lines[0].split()[1])
        self._tag = next((line[5:].strip().decode() for line in lines if line.startswith(b"etag:")), self._tag)
        self.answers[status] = self.answers.get(status, 0) + 1
        self.took_s.append(time.perf_counter() - self.asked_at)
        if status == 200:
            self.bodies = [*self.bodies[-1:], (time.perf_counter(), rest)]
            self.news.set()
        if not self.first.done():
            self.first.set_result(None)
        if self.again:
            self.ask()

    def close(self) -> None:
        """Hang up."""
        self.again = False
        if self._transport is not None:
            self._transport.close()


def _itself(tablet: RawTablet) -> RawTablet:
    return tablet


@dataclass
class Crowd:
    """Every tablet that waits."""

    made: Field
    tablets: list[RawTablet] = field(default_factory=list)

    async def join(self, team_ids: Sequence[str], *, wait_s: int = _WAIT_S) -> list[RawTablet]:
        """Connect a tablet for each team, spread over the replicas, and return them once each has its first list."""
        urls = [urlsplit(child.url) for child in self.made.system.children["dispatch"]]
        loop, added = asyncio.get_running_loop(), []
        for start in range(0, len(team_ids), _AT_ONCE):
            batch: list[RawTablet] = []
            for place, team_id in enumerate(team_ids[start : start + _AT_ONCE]):
                url = urls[place % len(urls)]
                tablet = RawTablet(url.netloc, team_id, self.made.tokens.team(team_id), wait_s=wait_s)
                await loop.create_connection(partial(_itself, tablet), str(url.hostname), url.port or 80)
                batch.append(tablet)
            await asyncio.gather(*(tablet.first for tablet in batch))
            added += batch
        self.tablets += added
        return added

    def leave(self) -> None:
        """Hang up all."""
        for tablet in self.tablets:
            tablet.close()


def _used(pid: int) -> tuple[float, float]:
    """Return the resident KiB and the CPU seconds of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    rss = next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    parts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return rss, (int(parts[11]) + int(parts[12])) * _TICK_S


def _load() -> str:
    return " ".join(Path("/proc/loadavg").read_text(encoding="ascii").split()[:3])


@dataclass
class Costs:
    """What the dispatch processes and the database have used so far."""

    rss_kib: float
    cpu_s: float
    commits: int

    @classmethod
    async def read(cls, pids: Sequence[int], admin: asyncpg.Connection) -> "Costs":
        """Read the counters of the kernel and of the database."""
        used = [_used(pid) for pid in pids]
        rss, cpu = sum(kib for kib, _ in used), sum(seconds for _, seconds in used)
        commits = await admin.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        return cls(rss, cpu, int(commits))


_OFFERED: Final = """
    SELECT e.at FROM dispatch.incident_event e JOIN dispatch.assignment a ON a.id = e.assignment_id
    WHERE a.incident_id = $1 AND e.machine = 'assignment' AND e.after = 'offered' ORDER BY e.seq DESC LIMIT 1
"""


@dataclass
class Reached:
    """How long offers took to their tablets, in milliseconds: from the offer, and from the answer to the report."""

    offer: list[float] = field(default_factory=list)
    report: list[float] = field(default_factory=list)

    def print(self, waiting: int) -> None:
        """Print both."""
        print(f"offer → tablet, {waiting} waiting: {spread(self.offer)}; load {_load()}")
        print(f"report's answer → offer on the tablet, {waiting} waiting: {spread(self.report)}", flush=True)


async def offers(
    admin: asyncpg.Connection, corners: Sequence[Corner], tablets: Sequence[RawTablet], number: int
) -> Reached:
    """Report calls one after the other, each for a corner whose tablet waits."""
    took = Reached()
    for turn in range(number):
        corner, raw = corners[turn % len(corners)], tablets[turn % len(corners)]
        raw.news.clear()
        call = await corner.report()
        answered = time.perf_counter()
        while True:
            async with asyncio.timeout(60):
                await raw.news.wait()
            raw.news.clear()
            at, body = raw.bodies[-1]
            if call["id"].encode() in body and b'"offered"' in body:
                break
        offered_at = (await admin.fetchval(_OFFERED, UUID(call["id"]))).timestamp()
        took.offer.append(max(0.0, time.time() - (time.perf_counter() - at) - offered_at) * 1000)
        took.report.append(max(0.0, at - answered) * 1000)
        item = next(item for item in (await corner.tablet.poll(None)).items() if item["incident_id"] == call["id"])
        (await corner.tablet.act(item, "decline", reason="bench")).good()
    return took


def spread(ms: Sequence[float]) -> str:
    """Return median and the tail of some milliseconds."""
    cuts = statistics.quantiles(ms, n=100)
    return f"p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms, max {max(ms):.1f} ms"


async def stretch(name: str, pids: Sequence[int], admin: asyncpg.Connection, seconds: float) -> Costs:
    """Let time pass and say what it cost."""
    before = await Costs.read(pids, admin)
    await asyncio.sleep(seconds)
    after = await Costs.read(pids, admin)
    core = (after.cpu_s - before.cpu_s) / seconds * 100
    per_s = (after.commits - before.commits) / seconds
    print(
        f"{name}: CPU of dispatch {core:.1f}% of a core, {per_s:.1f} transactions/s of all services; load {_load()}",
        flush=True,
    )
    return after


async def plain_pollers(made: Field, seconds: float, number: int = 200, every_s: float = 2.0) -> None:
    """Let tablets poll without waiting, every two seconds, and print how long they were kept."""
    crowd = Crowd(made)
    tablets = await crowd.join([str(uuid4()) for _ in range(number)], wait_s=0)
    for tablet in tablets:
        tablet.took_s.clear()
        tablet.answers.clear()

    async def poll(place: int, tablet: RawTablet) -> None:
        await asyncio.sleep(every_s * place / number)
        for _ in range(int(seconds / every_s)):
            tablet.ask()
            await asyncio.sleep(every_s)

    await asyncio.gather(*(poll(place, tablet) for place, tablet in enumerate(tablets)))
    crowd.leave()
    statuses: dict[int, int] = {}
    for tablet in tablets:
        for status, count in tablet.answers.items():
            statuses[status] = statuses.get(status, 0) + count
    print(
        f"{number} plain pollers: {spread([s * 1000 for one in tablets for s in one.took_s])}; answers {statuses}",
        flush=True,
    )


async def measure(made: Field, options: argparse.Namespace) -> None:
    """Measure with ten waiting, then with all."""
    admin = await asyncpg.connect(made.system.plan.admins["dispatch"])
    pids = [child.pid for child in made.system.children["dispatch"]]
    corners = [await made.corner() for _ in range(_FEW)]
    crowd = Crowd(made)
    few = await crowd.join([corner.tablet.team_id for corner in corners])
    await offers(admin, corners, few, _FEW)
    first = await offers(admin, corners, few, options.offers)
    base = await stretch(f"{_FEW} waiting", pids, admin, min(options.seconds, 30))
    joining = time.perf_counter()
    await crowd.join([str(uuid4()) for _ in range(options.tablets - _FEW)])
    print(f"{options.tablets} joined in {time.perf_counter() - joining:.0f} s", flush=True)
    await asyncio.sleep(5)
    full = await stretch(f"{options.tablets} waiting", pids, admin, options.seconds)
    each = (full.rss_kib - base.rss_kib) / (options.tablets - _FEW)
    print(f"memory for each waiting tablet: {each:.1f} KiB", flush=True)
    second = await offers(admin, corners, few, options.offers)
    first.print(_FEW)
    second.print(options.tablets)
    for name, before, after in (("offer", first.offer, second.offer), ("report", first.report, second.report)):
        p50s, p99s = ([statistics.quantiles(ms, n=100)[cut] for ms in (before, after)] for cut in (49, 98))
        print(f"from the {name}: p50 ratio {p50s[1] / p50s[0]:.2f}, p99 ratio {p99s[1] / p99s[0]:.2f}", flush=True)
    crowd.leave()
    await asyncio.sleep(3)
    await plain_pollers(made, min(options.seconds, 30))
    await admin.close()


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tablets", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=180, help="how long all wait")
    parser.add_argument("--offers", type=int, default=100)
    parser.add_argument("--replicas", type=int, default=1)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the services inherit it
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL may run as another user
        server = EmbeddedPostgres(home / "postgres")
        server.start()
        try:
            wishes: dict[str, Any] = {"replicas": options.replicas, "cuttable": False}
            asyncio.run(_run(server.dsn("postgres"), home / "logs", options, wishes))
        finally:
            server.destroy()


async def _run(dsn: str, logs: Path, options: argparse.Namespace, wishes: dict[str, Any]) -> None:
    async with running(dsn, logs, **wishes) as made:
        await measure(made, options)


if __name__ == "__main__":
    main()
