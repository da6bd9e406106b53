"""Composition root of dispatch: settings, database, peers, loops and routers; the only wiring."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from starlette.routing import Route

from services.dispatch import routing, tables
from services.dispatch.api import assignments, board, incidents, intake
from services.dispatch.api.problems import PROBLEMS
from services.dispatch.api.tablet_poll import TabletPoll
from services.dispatch.desk import Desk
from services.dispatch.effects import Effects
from services.dispatch.outboxes import Outbox
from services.dispatch.peers import Caller, Intake, Teams
from services.dispatch.roster import Roster
from services.dispatch.settings import Settings
from services.dispatch.sweeps import Sweeps
from services.dispatch.tablets import LastSeen, Shown
from services.migrate import head
from shared import edge, log
from shared.alerts import alerts_router
from shared.db import Database
from shared.health import Check, database_check, health_router
from shared.peer import Peer
from shared.wake import Hub

VERSION: Final = "0.1.0"
DESCRIPTION: Final = """Finds a team for a call that intake wants a civilian team for, offers it, follows the crew and calls it off.

Tablets poll `/v1/teams/{team_id}/assignments` and report by `/v1/assignments/{id}/actions`; supervisors watch the queue and the
alerts, send a team by hand or call one off. Nobody is sent while intake has not been heard from for 30 s.
"""


@dataclass(frozen=True, slots=True)
class Peers:
    """The other services, or what stands in for them in a test."""

    intake: Caller
    teams: Caller


def create_app(settings: Settings, peers: Peers | None = None) -> FastAPI:
    """Return the application; its lifespan opens the database and starts the loops."""
    log.configure("dispatch", settings.log_level)
    secret = settings.token_secret.get_secret_value()
    dsn = settings.database_dsn.unicode_string()
    db = Database(dsn, application="dispatch", pool_size=settings.pool_size)
    hub = Hub(db.dsn, "dispatch_wake")
    peers = peers or Peers(
        Peer(settings.intake_url, token_secret=secret, service="dispatch"),
        Peer(settings.teams_url, token_secret=secret, service="dispatch"),
    )
    teams = Teams(peers.teams)
    outbox = Outbox(db, settings.jurisdiction, Intake(peers.intake), teams)
    shown, seen = Shown(hub), LastSeen(settings.silent_after_s)
    router_within_s = settings.router_within.total_seconds()
    router = routing.router(settings.router, settings.router_url, timeout_s=router_within_s)
    desk = Desk(
        settings.jurisdiction, settings.durations, settings.policy, settings.most_offers, Effects(hub), Roster(seen), router,
        router_within_s,
    )  # fmt: skip
    sweeps = Sweeps(settings, db, desk, teams, outbox)
    sweeps.watch_tablets(shown, seen)
    tablet_poll = TabletPoll(db, desk, hub, shown, seen, secret)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await hub.start()
        sweeps.start()
        try:
            yield
        finally:
            await sweeps.stop()
            await hub.stop()
            if router is not None:
                await router.close()
            await peers.intake.close()
            await peers.teams.close()
            await db.close()

    app = edge.application(
        title="Common Ground: dispatch",
        description=DESCRIPTION,
        version=VERSION,
        table=PROBLEMS,
        lifespan=lifespan,
        from_services=r"PUT /v1/incidents/[^/]+",
        never_refused=r"POST /v1/teams/[^/]+/emergency",
    )
    state = {
        "token_secret": secret, "db": db, "hub": hub, "idempotency_table": tables.idempotency_key, "desk": desk, "teams": teams,
        "tablet_poll": tablet_poll, "matchmaker": sweeps.matchmaker, "sweeps": sweeps,
    }  # fmt: skip
    for name, value in state.items():
        setattr(app.state, name, value)
    _add_routes(app, tablet_poll, db, peers)
    return app


def _add_routes(app: FastAPI, tablet_poll: TabletPoll, db: Database, peers: Peers) -> None:
    # Before FastAPI's route of the same path, which stays for its documentation and for unusual ways to write an id.
    app.router.routes.append(Route("/v1/teams/{team_id:uuid}/assignments", tablet_poll, methods=["GET"]))
    app.include_router(assignments.router)
    app.include_router(incidents.router)
    app.include_router(board.router)
    app.include_router(intake.router)
    app.include_router(alerts_router(tables.alert))
    needed = {"database": database_check(db, tables.SCHEMA, head(tables.SCHEMA))}
    app.include_router(health_router(needed, {"intake": _answers(peers.intake), "teams": _answers(peers.teams)}))


def _answers(peer: Caller) -> Check:
    async def check() -> str | None:
        return None if await peer.ready() else "does not answer"

    return check
