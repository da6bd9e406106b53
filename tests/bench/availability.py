"""What a snapshot of 2,000 teams costs: `python -m tests.bench.availability`. Whole, and unchanged (304), at the server.

The teams service runs in this process and is asked without a socket: the times are the server's, with its database and its JSON.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
from pydantic import SecretStr

from services.embedded_postgres import EmbeddedPostgres
from services.teams.api.snapshots import Snapshots
from services.teams.app import create_app
from services.teams.settings import Settings
from shared.auth import Caller, Role, issue
from shared.edge import Tagged
from tests import pg

_TEAMS: Final = """
    INSERT INTO teams.provider (id, jurisdiction, name, kind, contact, version, created_at)
        VALUES ('00000000-0000-0000-0000-00000000000a', 'los-angeles', 'P', 'city', '{}', 1, now());
    INSERT INTO teams.team (id, jurisdiction, provider_id, name, disciplines, languages, catchment, minimum_crew, base_lat_deg,
            base_lon_deg, members, do_not_send, contact, version, created_at)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 'los-angeles', '00000000-0000-0000-0000-00000000000a', 'T' || n,
            ARRAY['mediator'], ARRAY['en', 'es'], jsonb_build_object('n-' || n % 114, 'home', 'n-' || (n + 1) % 114, 'also_serves'),
            2, 34, -118, jsonb_build_array(
                jsonb_build_object('id', 'a' || n, 'name', 'A', 'languages', jsonb_build_array('en')),
                jsonb_build_object('id', 'b' || n, 'name', 'B', 'languages', jsonb_build_array('es'))), '[]', '{}', 1, now()
        FROM generate_series(1, TEAMS) n;
    INSERT INTO teams.duty (team_id, jurisdiction, status, crew, since, version, revision)
        SELECT id, jurisdiction, 'available', ARRAY['a' || ltrim(name, 'T'), 'b' || ltrim(name, 'T')], now(), 1, 1 FROM teams.team;
    INSERT INTO teams.shift_plan SELECT t.id, t.jurisdiction, jsonb_build_object('weekly', (
            SELECT jsonb_agg(jsonb_build_array(d, 0, 1440, 'America/Los_Angeles')) FROM generate_series(0, 6) d)), 1 FROM teams.team t;
    INSERT INTO teams.position (team_id, jurisdiction, lat_deg, lon_deg, at, received_at)
        SELECT id, jurisdiction, 34, -118, now() - interval '1 min', now() - interval '1 min' FROM teams.team;
    ANALYZE
"""


class Took(NamedTuple):
    """What one answer took: by the clock, and of the CPU, which a busy machine stretches less."""

    wall_ms: float
    cpu_ms: float


async def times(client: httpx2.AsyncClient, headers: dict[str, str], number: int, status: int) -> list[Took]:
    """Ask so often; what each answer took."""
    took = []
    for _ in range(number):
        since, cpu = time.perf_counter(), time.process_time()
        answer = await client.get("/v1/availability?all=true", headers=headers)
        took.append(Took((time.perf_counter() - since) * 1000, (time.process_time() - cpu) * 1000))
        assert answer.status_code == status, answer.status_code
    return took


def spread(name: str, took: list[Took]) -> None:
    """Print the best, the middle and the tail."""
    ms, cpu = [one.wall_ms for one in took], [one.cpu_ms for one in took]
    cuts = statistics.quantiles(ms, n=20)
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    wall = f"min {min(ms):.2f}, p50 {cuts[9]:.2f}, p95 {cuts[18]:.2f} ms"
    print(f"{name}: {wall}; CPU min {min(cpu):.2f}, p50 {statistics.median(cpu):.2f} ms; load {load}", flush=True)


class Forgetful(Snapshots):
    """Knows that there is news each time, as after a change; with `everything`, it knows nothing of any team, as after a start."""

    def __init__(self, *, everything: bool) -> None:
        super().__init__()
        self._everything = everything

    async def read(self, *args: Any, **how: Any) -> Tagged:
        """Return a snapshot made anew."""
        self._made.clear()
        if self._everything:
            self._kept.clear()
        return await super().read(*args, **how)


_BARE: Final = """
    SELECT t.id, d.revision, p.lat_deg, p.lon_deg, p.at, p.received_at
        FROM teams.team t JOIN teams.duty d ON d.team_id = t.id JOIN teams.position p ON p.team_id = t.id
"""
_CHANGES: Final = """
    WITH changed AS (
        UPDATE teams.duty SET revision = revision + 1 WHERE team_id IN (SELECT team_id FROM teams.duty ORDER BY random() LIMIT $1)
        RETURNING team_id)
    INSERT INTO teams.team_event (jurisdiction, team_id, at, actor, kind, action, detail)
        SELECT 'los-angeles', team_id, now(), 'bench', 'duty', 'duty_changed', '{}' FROM changed
"""
_MOVES: Final = """
    UPDATE teams.position SET lat_deg = 34 + random() / 10, at = now(), received_at = now()
        WHERE team_id IN (SELECT team_id FROM teams.duty ORDER BY random() LIMIT $1)
"""


async def _run(dsn: str, number: int) -> None:
    database = await pg.clone(dsn)
    async with pg.connected(database.admin) as admin:
        await admin.execute(_TEAMS.replace("TEAMS)", f"{number})"))
    app = create_app(Settings(database_dsn=SecretStr(database.login["teams"]), token_secret=SecretStr(pg.SECRET)))
    headers = {"Authorization": f"Bearer {issue(pg.SECRET, Caller(Role.SERVICE, 'bench'))}"}
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://teams") as client,
    ):
        since = time.perf_counter()
        await client.get("/v1/availability?all=true", headers=headers)
        print(f"the first snapshot after a start: {(time.perf_counter() - since) * 1000:.0f} ms")
        spread("a liveness probe, as a floor", [await _timed(partial(client.get, "/healthz")) for _ in range(200)])
        spread(f"{number} teams, whole, nothing changed", await times(client, headers, 25, 200))
        async with pg.connected(database.admin) as admin:
            spread(
                "the rows alone, by the bare driver, as a floor",
                [await _timed(partial(admin.fetch, _BARE)) for _ in range(50)],
            )
            for what, statement, teams in (
                ("change", _CHANGES, 1),
                ("change", _CHANGES, 100),
                ("move", _MOVES, 100),
                ("move", _MOVES, number),
            ):
                took = []
                for _ in range(25):
                    await admin.execute(statement, teams)
                    took += await times(client, headers, 1, 200)
                spread(f"{number} teams, whole, after a {what} of {teams}", took)
        app.state.snapshots = Forgetful(everything=True)
        spread(f"{number} teams, whole, nothing known", await times(client, headers, 25, 200))
        app.state.snapshots = Snapshots()
        known = (await client.get("/v1/availability?all=true", headers=headers)).headers["ETag"]
        spread(f"{number} teams, unchanged", await times(client, headers | {"If-None-Match": known}, 400, 304))


async def _timed(work: Callable[[], Awaitable[Any]]) -> Took:
    since, cpu = time.perf_counter(), time.process_time()
    await work()
    return Took((time.perf_counter() - since) * 1000, (time.process_time() - cpu) * 1000)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teams", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL may run as another user
        server = EmbeddedPostgres(home / "postgres")
        server.start()
        try:
            asyncio.run(_run(server.dsn("postgres"), options.teams))
        finally:
            server.destroy()


if __name__ == "__main__":
    main()
