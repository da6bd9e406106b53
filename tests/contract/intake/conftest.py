"""Intake in this process on a real PostgreSQL, with a dispatch and a teams that a test directs."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from services.intake.app import create_app
from services.intake.commands.layers import replace_layer
from services.intake.settings import Settings
from services.starter_city.cells import feature_collection
from shared.auth import Caller, Role, issue
from shared.db import Database
from shared.messages.incidents import Progress
from tests import pg, pools
from tests.contract.intake.fakes import FakeDispatch, FakeTeams
from tests.patience import Patience

SECRET = "only-for-tests-and-long-enough-for-anything"


def token(role: Role, name: str = "test", *, cads: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the header of a caller."""
    return {"Authorization": f"Bearer {issue(SECRET, Caller(role, name, cad_systems=cads))}"}


DENIED = {"weapons": "no", "violence": "no", "injuries": "no", "threats": "no"}
CALM = "RP and downstairs neighbor arguing over parking. Verbal only. NWS, no threats, nobody hurt."
PLACE = {"lat_deg": 34.0443, "lon_deg": -118.2106, "accuracy_m": 30, "address": "E 1st St / S Boyle Ave"}
_numbers = itertools.count(1)


def safe_report(**more: Any) -> dict[str, Any]:
    """Return a report that triage calls safe: everything asked and denied, plain words, a known place."""
    return {
        "cad_system": "lapd-cad",
        "cad_event_id": f"E{next(_numbers)}",
        "received_at": datetime.now(UTC).isoformat(),
        "call_type_code": "415N",
        "call_type_text": "NEIGHBOR DISPUTE",
        "narrative": CALM,
        "language": "en",
        "answers": {**DENIED, "suspect_on_scene": "yes", "relationship": "neighbor", "parties": 2, "consent": "yes"},
        "location": PLACE,
        "caller": {"name": "A. Caller", "phone": "213-555-0100", "language": "es"},
        **more,
    }


def doubtful_report(**more: Any) -> dict[str, Any]:
    """Return a report that a person must look at: nobody asked about weapons."""
    answers = {**DENIED, "weapons": "unknown", "relationship": "neighbor", "parties": 2}
    return safe_report(
        answers=answers, narrative="RP and downstairs neighbor arguing over parking. Verbal only.", **more
    )


def dangerous_report(**more: Any) -> dict[str, Any]:
    """Return a report with a disqualifier."""
    return safe_report(answers={**DENIED, "weapons": "yes"}, **more)


async def eventually(holds: Callable[[], Any], *, within_s: float = 30.0) -> None:
    """Wait until `holds()` is true; what the service does after its answer is done in tasks of its own."""
    patience = Patience(within_s)
    while not holds():
        assert not patience.is_over(), "it did not happen in time"
        await asyncio.sleep(0.005)


class Intake:
    """The service and a client for it, one method per verb that tests use."""

    def __init__(self, app: FastAPI, client: httpx2.AsyncClient, dispatch: FakeDispatch) -> None:
        self.app = app
        self.client = client
        self.dispatch = dispatch
        self.teams: FakeTeams = app.state.teams
        self.db: Database = app.state.db

    async def request(self, method: str, path: str, role: Role = Role.CAD, **extra: Any) -> httpx2.Response:
        headers = token(role, cads=extra.pop("cads", frozenset({"*"}))) | extra.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **extra)

    async def post(self, path: str, json: Any, role: Role = Role.CAD, **extra: Any) -> httpx2.Response:
        return await self.request("POST", path, role, json=json, **extra)

    async def report(self, body: dict[str, Any], *, status: int = 201) -> dict[str, Any]:
        """Report a call and return the answer."""
        answer = await self.post("/v1/calls", body)
        assert answer.status_code == status, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def call(self, call_id: str) -> dict[str, Any]:
        """Return the call as it is now."""
        result: dict[str, Any] = (await self.get(f"/v1/calls/{call_id}", Role.SUPERVISOR)).json()
        return result

    async def progress(self, call_id: str, view: Progress) -> dict[str, Any]:
        """Tell intake how the incident goes, as dispatch would."""
        answer = await self.request(
            "PUT", f"/v1/calls/{call_id}/progress", Role.SERVICE, json=view.model_dump(mode="json", by_alias=True)
        )
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def reviewer_reads_the_queue(self) -> list[dict[str, Any]]:
        """Be there as a reviewer, and return the queue."""
        answer = await self.get("/v1/calls?review=open", Role.REVIEWER)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Return rows of the database."""
        async with self.db.autocommit() as unit:
            return list((await unit.conn.execute(text(statement), values)).all())

    async def get(self, path: str, role: Role = Role.CAD, **extra: Any) -> httpx2.Response:
        return await self.request("GET", path, role, **extra)


@asynccontextmanager
async def running(dsn: str, dispatch: FakeDispatch, **settings: Any) -> AsyncIterator[Intake]:
    """Run intake with its lifespan."""
    app = create_app(
        Settings(database_dsn=dsn, token_secret=SecretStr(SECRET), dispatch_url="http://127.0.0.1:9", **settings),
        dispatch=dispatch,  # type: ignore[arg-type]  # answers the same questions
        teams=FakeTeams(),  # type: ignore[arg-type]  # answers the same question
    )
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://intake") as client:
            yield Intake(app, client, dispatch)


async def eventually_confirmed(intake: Intake) -> None:
    """Wait until dispatch has confirmed every wish, and the call's version is what it stays."""
    patience = Patience(30)
    while await intake.rows("SELECT 1 FROM intake.wish WHERE next_try_at IS NOT NULL"):
        assert not patience.is_over(), "a wish was never confirmed"
        await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
async def database(database: pg.Clone) -> AsyncIterator[pg.Clone]:
    """The module's database, with connections that stay open from test to test."""
    async with pools.kept_open():
        yield database


@pytest.fixture
async def intake(database_dsns: Mapping[str, str], city: None) -> AsyncIterator[Intake]:
    """Intake with the starter city's neighborhoods; its loops run once at the start and then only when a test calls them."""
    async with running(database_dsns["intake"], FakeDispatch(), time_rate=0.001) as service:
        yield service


@pytest.fixture
async def city(fresh_database: pg.Clone) -> None:
    """The starter city's neighborhoods."""
    db = Database(fresh_database.login["intake"], application="test")
    await replace_layer(db, feature_collection(), source="starter city", approximate=True)
    await db.close()
