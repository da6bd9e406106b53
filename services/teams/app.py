"""The composition root of the teams service: settings in, application out. Nothing else wires anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from services.migrate import head
from services.teams import sweeps
from services.teams.api import availability, cover, duty, holds, organisations, positions, shifts
from services.teams.api.problems import PROBLEMS
from services.teams.api.snapshots import Snapshots
from services.teams.commands.catchments import Neighborhoods
from services.teams.peers import Intake
from services.teams.scope import Scope
from services.teams.settings import Settings
from services.teams.tables import SCHEMA, alert, idempotency_key
from shared import edge
from shared.alerts import alerts_router
from shared.auth import Caller, Role
from shared.db import Database
from shared.health import database_check, health_router
from shared.peer import Peer
from shared.wake import Hub

VERSION: Final = "0.1.0"
DESCRIPTION: Final = """Providers, teams, duty, shifts, positions and holds.

Teams is right about duty: who is on shift, with which crew, in which state. It promises one live hold per team, that a held team
goes neither on break nor off duty, and that a released hold never comes back. It never knows why a team is held.
"""


def create_app(settings: Settings, *, intake: Intake | None = None) -> FastAPI:
    """Return the service; its database is opened when its lifespan begins. `intake` replaces the client of the real one, for tests."""
    db = Database(
        settings.database_dsn.unicode_string(), application="commonground-teams", pool_size=settings.pool_size
    )
    hub = Hub(db.dsn, f"{SCHEMA}_news")
    system = Scope(settings.jurisdiction, Caller(Role.SERVICE, "teams"), hub.wake)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        secret = settings.token_secret.get_secret_value()
        asked = intake or Intake(Peer(settings.intake_url, token_secret=secret, service="teams"))
        app.state.neighborhoods = Neighborhoods(asked)
        await hub.start()
        running = sweeps.loops(db, system, positions_kept_for=settings.positions_kept_for, time_rate=settings.time_rate)
        for loop in running:
            loop.start()
        try:
            yield
        finally:
            for loop in running:
                await loop.stop()
            await hub.stop()
            await asked.close()
            await db.close()

    app = edge.application(
        title="Common Ground: teams", description=DESCRIPTION, version=VERSION, table=PROBLEMS, lifespan=lifespan
    )
    app.state.settings = settings
    app.state.token_secret = settings.token_secret.get_secret_value()
    app.state.db = db
    app.state.hub = hub
    app.state.snapshots = Snapshots()
    app.state.idempotency_table = idempotency_key
    for router in (
        organisations.providers,
        organisations.teams,
        duty.router,
        shifts.router,
        cover.router,
        positions.router,
        availability.router,
        holds.router,
        alerts_router(alert),
    ):
        app.include_router(router)
    app.include_router(health_router({"database": database_check(db, SCHEMA, head(SCHEMA))}, {}))
    return app
