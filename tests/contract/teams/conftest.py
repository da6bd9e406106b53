"""The teams service in this process, on a real PostgreSQL, and a client that can be anybody."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI

from services.teams.app import create_app
from services.teams.peers import Intake, PeerSilentError
from services.teams.settings import Settings
from shared.auth import Caller, Role, issue
from shared.db import Database
from tests import pg, pools

_TRIES = 10
SECRET = "only-for-tests-and-long-enough-for-anything"
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS = {
    "weekly": [{"weekday": day, "from": "00:00", "to": "24:00", "time_zone": "America/Los_Angeles"} for day in WEEK]
}


class FakeIntake(Intake):
    """Has the neighborhoods that a test gives it, and counts how often it was asked."""

    def __init__(self) -> None:
        self.silent = False
        self.asked = 0
        self.known = {"boyle-heights", "lincoln-heights", "venice"}

    async def neighborhoods(self) -> frozenset[str]:
        self.asked += 1
        if self.silent:
            raise PeerSilentError("told to be silent")
        return frozenset(self.known)

    async def close(self) -> None:
        pass


class Api:
    """Calls the service as whoever is named, and reaches states by the same requests as any client."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        role: Role = Role.SUPERVISOR,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        **bound: Any,
    ) -> httpx2.Response:
        token = issue(SECRET, Caller(role, f"the-{role.value}", **bound))
        return await self.client.request(
            method, path, json=json, headers={"Authorization": f"Bearer {token}", **(headers or {})}
        )

    async def ok(self, method: str, path: str, **options: Any) -> Any:
        """Return what is answered; on a machine that is too busy for the database the same is asked again."""
        options.setdefault("headers", {"Idempotency-Key": str(uuid4())} if method == "POST" else None)
        for _ in range(_TRIES):
            answer = await self(method, path, **options)
            if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(1)
        assert answer.is_success, answer.text
        return answer.json()

    async def provider(self, name: str | None = None) -> UUID:
        body = {"name": name or f"Provider {uuid4()}"}
        return UUID((await self.ok("POST", "/v1/providers", json=body, role=Role.ADMIN))["id"])

    async def new_team(self, **different: Any) -> UUID:
        """A team off duty and without shifts."""
        body = team_body(different.pop("provider_id", None) or await self.provider(), **different)
        return UUID((await self.ok("POST", "/v1/teams", json=body))["id"])

    async def team_on_duty(self, **different: Any) -> UUID:
        """A team that may be offered work at any hour."""
        team_id = await self.new_team(**different)
        await self.ok("PUT", f"/v1/teams/{team_id}/shifts", json=ALWAYS)
        await self.duty(team_id, "available", crew=["a", "b"])
        return team_id

    async def duty(self, team_id: UUID, status: str, **more: Any) -> Any:
        path = f"/v1/teams/{team_id}/duty"
        return await self.ok("PUT", path, json={"status": status, **more}, role=Role.TEAM, team_id=team_id)

    async def hold(self, team_id: UUID, assignment_id: UUID | None = None, **more: Any) -> httpx2.Response:
        body = {"team_id": str(team_id), "incident_id": str(more.pop("incident_id", None) or uuid4()), **more}
        return await self("PUT", f"/v1/holds/{assignment_id or uuid4()}", json=body, role=Role.SERVICE)

    async def release(self, assignment_id: UUID | str) -> httpx2.Response:
        return await self("DELETE", f"/v1/holds/{assignment_id}", role=Role.SERVICE)

    async def availability(self, team_id: UUID) -> Any:
        """The team's entry with the reasons why not, or None."""
        body = await self.ok("GET", "/v1/availability?all=true", role=Role.SERVICE)
        return next((item for item in body["items"] if item["team_id"] == str(team_id)), None)


def team_body(provider_id: UUID | str, **different: Any) -> dict[str, Any]:
    """A valid team with two members."""
    return {
        "provider_id": str(provider_id),
        "name": f"Team {uuid4()}",
        "disciplines": ["mediator"],
        "languages": ["en", "es"],
        "catchment": {"boyle-heights": "home"},
        "base": {"lat_deg": 34.0443, "lon_deg": -118.2106},
        "members": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}, {"id": "c", "name": "C"}],
        **different,
    }


async def until_somebody_waits(db: Database) -> None:
    """Return once a connection waits for another's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with db.autocommit() as unit:
        for _ in range(500):
            if (await unit.conn.exec_driver_sql(waiting)).scalar_one():
                return
            await asyncio.sleep(0.01)
    raise AssertionError("nobody waited for a lock")


@pytest.fixture(scope="module")
async def database(database: pg.Clone) -> AsyncIterator[pg.Clone]:
    """The module's database, with connections that stay open from test to test."""
    async with pools.kept_open():
        yield database


@pytest.fixture
def intake() -> FakeIntake:
    """The intake that the replica asks."""
    return FakeIntake()


@pytest.fixture
async def app(database_dsns: Mapping[str, str], intake: FakeIntake) -> AsyncIterator[FastAPI]:
    """One replica of the service."""
    made = create_app(Settings(database_dsn=database_dsns["teams"], token_secret=SECRET), intake=intake)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[Api]:
    """A client of that replica."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://teams.test") as client:
        yield Api(client)
