"""How fast, and at what cost, a call goes from its report to a cleared scene: `python -m tests.bench.chain`.

A chain is report → offer on a waiting tablet → accept → depart → arrive → clear, over HTTP through three service processes, on an
embedded PostgreSQL with its default durability. Beside each figure stands a floor: as many bare asyncpg commits as a chain writes.
Figures of one run may be compared with each other; those of two runs only as ratios (the load average says why).
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from services.embedded_postgres import EmbeddedPostgres
from tests.field.ground import Corner, Field, running
from tests.field.wire import Body

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
STEPS: Final = ("accept", "depart", "arrive", "clear")
LATENCIES: Final = ("report → 201", "201 → offer on the tablet", "accept → CAD sees it", "whole chain")


@dataclass
class Times:
    """Milliseconds by what they measure."""

    ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in LATENCIES})

    def add(self, name: str, since: float) -> None:
        """Add the time that has passed since a `time.perf_counter()`."""
        self.ms[name].append((time.perf_counter() - since) * 1000)


@dataclass(frozen=True)
class Load:
    """What a stretch of work did and what it cost."""

    done: int
    took_s: float
    services_s: float
    postgres_s: float
    client_s: float
    commits: int

    @property
    def per_s(self) -> float:
        """How many were done in a second."""
        return self.done / self.took_s

    def cpu_ms(self, seconds: float) -> float:
        """What one cost, of a CPU time."""
        return seconds * 1000 / max(1, self.done)


class Meter:
    """Reads the CPU time of the processes and the number of transactions that wrote."""

    def __init__(self, pids: Sequence[int], postmaster: int, admin: asyncpg.Connection) -> None:
        self._pids = pids
        self._postmaster = postmaster
        self._admin = admin

    async def run(self, work: Callable[[], Awaitable[int]]) -> Load:
        """Do the work, which returns how much it did, and return what it cost."""
        before, since = await self._read(), time.perf_counter()
        done = await work()
        took_s, after = time.perf_counter() - since, await self._read()
        services, postgres, client, commits = (b - a for a, b in zip(before, after, strict=True))
        return Load(done, took_s, services, postgres, client, int(commits))

    async def _read(self) -> tuple[float, float, float, float]:
        written = await self._admin.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        services = sum(cpu_s(pid) for pid in self._pids)
        # the postmaster's own figure holds that of the backends which have ended
        postgres = cpu_s(self._postmaster, with_ended=True) + sum(cpu_s(pid) for pid in children(self._postmaster))
        return services, postgres, sum(os.times()[:2]), float(written)


def cpu_s(pid: int, *, with_ended: bool = False) -> float:
    """Return the CPU seconds that a process has used; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11 : 15 if with_ended else 13]) * _TICK_S


def children(pid: int) -> Iterable[int]:
    """Return the process ids of a process's children."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, task.read_text().split())


class Client:
    """One corner of the city with its CAD and its crew, doing chain after chain."""

    def __init__(self, corner: Corner) -> None:
        self._corner = corner
        self._etag: str | None = None

    async def chains(self, until: float, times: Times, *, watch: bool = False) -> int:
        """Do chains until `time.perf_counter()` says so; how many. `watch`: the CAD waits for the acceptance."""
        done = 0
        while time.perf_counter() < until:
            await self._chain(times, watch=watch)
            done += 1
        return done

    async def _chain(self, times: Times, *, watch: bool) -> None:
        corner, begun = self._corner, time.perf_counter()
        waiting = asyncio.create_task(self._next_offer())
        await asyncio.sleep(0)
        call = await corner.report()
        times.add("report → 201", begun)
        answered = time.perf_counter()
        item = await waiting
        assert item["incident_id"] == call["id"]
        times.add("201 → offer on the tablet", answered)
        for action in STEPS:
            seen = asyncio.create_task(corner.cad.until(call, "accepted")) if watch and action == "accept" else None
            if seen is not None:
                await asyncio.sleep(0.05)  # its long-poll waits before the crew presses the button
            pressed = time.perf_counter()
            body = {"outcome": "agreement"} if action == "clear" else {}
            (await corner.tablet.act(item, action, **body)).good()
            if seen is not None:
                await seen
                times.add("accept → CAD sees it", pressed)
        times.add("whole chain", begun)

    async def _next_offer(self) -> Body:
        """Long-poll as a tablet does all day, until there is an offer."""
        while True:
            reply = await self._corner.tablet.poll(self._etag, wait_s=20)
            if reply.ok:
                self._etag = reply.etag
                for item in reply.items():
                    if item["status"] == "offered":
                        return item


async def floor(dsn: str, commits: int, clients: int) -> None:
    """Commit so many rows, each in a transaction of its own, as plainly as asyncpg can."""

    async def one(connection: asyncpg.Connection, share: int) -> None:
        for _ in range(share):
            await connection.execute("INSERT INTO bench_floor (said) VALUES ($1)", "x" * 200)

    connections = [await asyncpg.connect(dsn) for _ in range(clients)]
    try:
        share = max(1, commits // clients)
        await asyncio.gather(*(one(connection, share) for connection in connections))
    finally:
        for connection in connections:
            await connection.close()


@asynccontextmanager
async def field_on_durable_postgres(home: Path, replicas: int) -> AsyncIterator[tuple[Field, Meter, str]]:
    """Yield a system on a PostgreSQL with default durability, and the meter of both."""
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        async with running(server.dsn("postgres"), home / "logs", replicas=replicas, cuttable=False) as made:
            dsn = made.system.plan.admins["intake"]
            admin = await asyncpg.connect(dsn)
            await admin.execute("CREATE TABLE bench_floor (id bigserial PRIMARY KEY, said text)")
            pids = [child.pid for some in made.system.children.values() for child in some]
            try:
                yield made, Meter(pids, server.pid, admin), dsn
            finally:
                await admin.close()
    finally:
        server.destroy()


async def measure(home: Path, seconds: float, clients: Sequence[int], replicas: int) -> None:
    """Print the figures."""
    async with field_on_durable_postgres(home, replicas) as (made, meter, dsn):
        corners = [Client(await made.corner()) for _ in range(max(clients))]
        warm = Times()
        await corners[0].chains(time.perf_counter() + 2, warm)
        print(f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores, {replicas} replica(s) of each service")
        print(f"{'clients':>7} {'chains/s':>9} {'CPU ms/chain':>13} {'services':>9} {'postgres':>9} {'client':>7} {'commits':>8}"
              f"   floor: {'/s':>6} {'CPU ms':>7}")  # fmt: skip
        for count in clients:
            times = Times()

            async def work(count: int = count, times: Times = times) -> int:
                until = time.perf_counter() + seconds
                return sum(await asyncio.gather(*(client.chains(until, times) for client in corners[:count])))

            load = await meter.run(work)

            async def bare(count: int = count, load: Load = load) -> int:
                await floor(dsn, load.commits, count)
                return load.done

            least = await meter.run(bare)
            print(line(count, load, least))
            show(times)
        print("one client, its CAD waiting too:")
        times = Times()
        await corners[0].chains(time.perf_counter() + seconds / 2, times, watch=True)
        show(times)
        print(f"load average {os.getloadavg()[0]:.2f}")


def line(clients: int, load: Load, least: Load) -> str:
    """Return one row of the table."""
    total = load.services_s + load.postgres_s
    return (
        f"{clients:>7} {load.per_s:>9.1f} {load.cpu_ms(total):>13.1f} {load.cpu_ms(load.services_s):>9.1f} "
        f"{load.cpu_ms(load.postgres_s):>9.1f} {load.cpu_ms(load.client_s):>7.1f} {load.commits / max(1, load.done):>8.1f}"
        f"          {least.per_s:>6.0f} {least.cpu_ms(least.postgres_s):>7.1f}"
    )


def show(times: Times) -> None:
    """Print the latencies."""
    for name, found in times.ms.items():
        if len(found) > 1:
            cuts = statistics.quantiles(found, n=100, method="inclusive")
            print(
                f"        {name:<26} p50 {cuts[49]:7.1f} ms   p90 {cuts[89]:7.1f} ms   p99 {cuts[98]:7.1f} ms   ({len(found)})"
            )


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15, help="how long each measurement lasts")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--replicas", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="commonground-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)  # as root the server runs as `nobody`, who must get in
        asyncio.run(measure(home, given.seconds, given.clients, given.replicas))


if __name__ == "__main__":
    main()
