"""Intake in this process on a real PostgreSQL, with a dispatch that a test directs."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.intake.app import create_app
from services.intake.commands.neighborhoods import replace_layer
from services.intake.settings import Settings
from services.starter_city.cells import feature_collection
from shared.auth import Caller, Role, issue
from shared.db import Database
from tests import pg
from tests.contract.intake.fakes import FakeDispatch

SECRET = "only-for-tests-and-long-enough-for-anything"


def token(role: Role, name: str = "test", *, cads: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the header of a caller."""
    return {"Authorization": f"Bearer {issue(SECRET, Caller(role, name, cad_systems=cads))}"}


class Intake:
    """The service and a client for it, one method per verb that tests use."""

    def __init__(self, app: FastAPI, client: httpx2.AsyncClient, dispatch: FakeDispatch) -> None:
        self.app = app
        self.client = client
        self.dispatch = dispatch
        self.db: Database = app.state.db

    async def request(self, method: str, path: str, role: Role = Role.CAD, **extra: Any) -> httpx2.Response:
        headers = token(role, cads=extra.pop("cads", frozenset({"*"}))) | extra.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **extra)

    async def post(self, path: str, json: Any, role: Role = Role.CAD, **extra: Any) -> httpx2.Response:
        return await self.request("POST", path, role, json=json, **extra)

    async def get(self, path: str, role: Role = Role.CAD, **extra: Any) -> httpx2.Response:
        return await self.request("GET", path, role, **extra)


@asynccontextmanager
async def running(dsn: str, dispatch: FakeDispatch, **settings: Any) -> AsyncIterator[Intake]:
    """Run intake with its lifespan."""
    app = create_app(
        Settings(database_dsn=dsn, token_secret=SecretStr(SECRET), dispatch_url="http://127.0.0.1:9", **settings),
        dispatch=dispatch,  # type: ignore[arg-type]  # answers the same questions
    )
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://intake") as client:
            yield Intake(app, client, dispatch)


@pytest.fixture
async def intake(database_dsns: Mapping[str, str], city: None) -> AsyncIterator[Intake]:
    """Intake with the starter city's neighborhoods."""
    async with running(database_dsns["intake"], FakeDispatch()) as service:
        yield service


@pytest.fixture
async def city(fresh_database: pg.Clone) -> None:
    """The starter city's neighborhoods."""
    db = Database(fresh_database.login["intake"], application="test")
    await replace_layer(db, feature_collection(), source="starter city", approximate=True)
    await db.close()
