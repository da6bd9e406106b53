"""The dispatch service in this process, on a real database, between two stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI

from services.dispatch.app import Peers, create_app
from services.dispatch.settings import Settings
from shared.auth import Caller, Role, issue
from tests import pg, pools
from tests.contract.dispatch import fakes
from tests.patience import Patience

SECRET = "of-the-tests-and-long-enough-for-hs256"


@dataclass
class World:
    """A running dispatch with its peers, and short words for what tests do to it."""

    app: FastAPI
    client: httpx2.AsyncClient
    teams: fakes.FakeTeams
    intake: fakes.FakeIntake
    database: pg.Clone
    tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, who: str = "service", **extra: str) -> dict[str, str]:
        """Return the headers of a role, or of a team by its id."""
        if who not in self.tokens:
            caller = Caller(Role(who), f"a-{who}") if who in set(Role) else Caller(Role.TEAM, "crew", team_id=UUID(who))
            self.tokens[who] = issue(SECRET, caller)
        return {"Authorization": f"Bearer {self.tokens[who]}", **extra}

    async def put(self, path: str, body: Any, who: str = "service") -> httpx2.Response:
        return await self.client.put(path, json=body, headers=self.headers(who))

    async def post(self, path: str, body: Any, who: str, **extra: str) -> httpx2.Response:
        return await self.client.post(path, json=body, headers=self.headers(who, **extra))

    async def get(self, path: str, who: str = "supervisor", **extra: str) -> httpx2.Response:
        return await self.client.get(path, headers=self.headers(who, **extra))

    async def heard(self) -> None:
        """Let intake be heard from: two heartbeats, the second one echoing the answer to the first."""
        first = await self.until(lambda: self._beat(None))
        await self.until(lambda: self._beat(first["as_of"]))

    async def _beat(self, echo: str | None) -> dict[str, Any] | None:
        """Send one heartbeat; nothing when dispatch had no time for it, as intake takes it, which then sends the next."""
        answer = await self.put("/v1/heartbeat", {"echo": echo, "applied": 0})
        if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            return None
        assert answer.status_code == httpx2.codes.OK, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def wish(self, call_id: str | None = None, **changes: Any) -> str:
        """Send a wish and return the call's id."""
        call_id = call_id or str(uuid4())
        answer = await self.put(f"/v1/incidents/{call_id}", fakes.a_wish(**changes))
        assert answer.status_code == 200, answer.text
        return call_id

    async def progress(self, call_id: str) -> dict[str, Any]:
        answer = await self.get(f"/v1/incidents/{call_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def tablet(self, team: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = await self.get(f"/v1/teams/{team['team_id']}/assignments", str(team["team_id"]))
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def offered(self, team: Mapping[str, Any]) -> dict[str, Any]:
        """Wait until the team's tablet shows an offer, and return it."""

        async def offer() -> dict[str, Any] | None:
            return next((item for item in await self.tablet(team) if item["status"] == "offered"), None)

        found: dict[str, Any] = await self.until(offer)
        return found

    async def act(self, team: Mapping[str, Any], assignment_id: str, action: str, **more: Any) -> httpx2.Response:
        return await self.post(
            f"/v1/assignments/{assignment_id}/actions", {"action": action, **more}, str(team["team_id"])
        )

    async def until(self, look: Callable[[], Awaitable[Any]]) -> Any:
        """Return the first true answer of `look`, woken by nothing but its own patience: how soon it comes is for benchmarks."""
        patience = Patience(30)
        while not (found := await look()):
            assert not patience.is_over(), "waited in vain"
            await asyncio.sleep(0.01)
        return found

    async def passes(self, time: timedelta) -> None:
        """Let time pass: every time that dispatch has stored moves into the past by as much, and intake is heard again.

        When intake was heard does not move: for a moment the link would be silent, and a loop that looks then says so.
        """
        async with pg.connected(self.database.admin) as admin:
            for table in ("incident", "assignment", "notice", "loose_notice", "alert", "clock_watch"):
                columns = [
                    row[0]
                    for row in await admin.fetch(
                        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'dispatch' "
                        "AND table_name = $1 AND data_type = 'timestamp with time zone'",
                        table,
                    )
                ]
                moved = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
                await admin.execute(f"UPDATE dispatch.{table} SET {moved}", time)
        await self.heard()

    async def row(self, query: str, *values: Any) -> Any:
        async with pg.connected(self.database.admin) as admin:
            return await admin.fetchrow(query, *values)


@asynccontextmanager
async def running(
    database: pg.Clone, teams: fakes.FakeTeams, intake: fakes.FakeIntake, **changes: Any
) -> AsyncIterator[World]:
    """Yield a dispatch replica on `database`."""
    settings = Settings(database_dsn=database.login["dispatch"], token_secret=SECRET, log_level="WARNING", **changes)
    app = create_app(settings, Peers(intake, teams))
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://dispatch") as client,
    ):
        yield World(app, client, teams, intake, database)


@pytest.fixture(scope="module")
async def database(database: pg.Clone) -> AsyncIterator[pg.Clone]:
    """The module's database, with connections that stay open from test to test."""
    async with pools.kept_open():
        yield database


@pytest.fixture
async def world(fresh_database: pg.Clone) -> AsyncIterator[World]:
    """A running dispatch that has heard from intake; no teams yet."""
    async with running(fresh_database, fakes.FakeTeams(), fakes.FakeIntake()) as made:
        await made.heard()
        yield made
