"""The composition root: reads the settings, builds the parts, and wires them; the only place that does."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI

from services.intake import sweeps
from services.intake.api import actions, calls, feed, history, inward, outcomes, places, plans, triage, updates
from services.intake.api.problems import PROBLEMS
from services.intake.commands.default_plan import load_default_plan
from services.intake.commands.desk import Desk
from services.intake.commands.maps import Maps
from services.intake.commands.presence import Presence
from services.intake.commands.protocols import Protocols
from services.intake.commands.shadow import Shadow
from services.intake.domain.triage.protocol_file import PROTOCOLS
from services.intake.peers import Dispatch, Teams
from services.intake.queries.protocols import version_in_force
from services.intake.settings import CODE_VERSION, Settings
from services.intake.store.feed import raise_epoch_if_restored
from services.intake.tables import SCHEMA, alert, idempotency_key
from services.migrate import head
from shared import alerts, health
from shared.db import Database
from shared.edge import application
from shared.peer import Peer
from shared.wake import Hub

DESCRIPTION: Final = (
    "The service that a CAD talks to: reports, updates, reviews, returns. It decides who may go, and answers for every "
    "call until the call is final."
)


def create_app(settings: Settings, *, dispatch: Dispatch | None = None, teams: Teams | None = None) -> FastAPI:
    """Return the service as an ASGI application; nothing is opened before its lifespan begins.

    `dispatch` and `teams` replace the clients of the real ones, for tests.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await _open(app, settings, dispatch, teams, stack)
            yield

    app = application(
        title="Common Ground: intake", description=DESCRIPTION, version=CODE_VERSION, table=PROBLEMS, lifespan=lifespan,
        from_services=r"PUT /v1/calls/[^/]+/progress",
    )  # fmt: skip
    app.state.token_secret = settings.token_secret.get_secret_value()
    app.state.idempotency_table = idempotency_key
    routers = (calls, updates, actions, feed, history, triage, places, plans, outcomes, inward)
    for router in (*(module.router for module in routers), alerts.alerts_router(alert)):
        app.include_router(router)
    app.include_router(health.health_router(*_checks(app)))
    app.add_middleware(updates.RefusedUpdates, service=app)
    _document_updates(app)
    return app


async def _open(
    app: FastAPI, settings: Settings, dispatch: Dispatch | None, teams: Teams | None, stack: AsyncExitStack
) -> None:
    """Build the parts, start the loops, and leave on `stack` how to end them, the last begun first."""
    dsn = str(settings.database_dsn)
    db = Database(dsn, application="intake", pool_size=settings.pool_size)
    stack.push_async_callback(db.close)
    secret = settings.token_secret.get_secret_value()
    peer = dispatch or Dispatch(Peer(settings.dispatch_url, token_secret=secret, service="intake"))
    stack.push_async_callback(peer.close)
    app.state.teams = teams or Teams(Peer(settings.teams_url, token_secret=secret, service="intake"))
    stack.push_async_callback(app.state.teams.close)
    hub = Hub(db.dsn, "intake_news")
    await hub.start()
    stack.push_async_callback(hub.stop)
    protocols = Protocols(settings.protocols_folder or PROTOCOLS)
    await protocols.load(db)
    relay = sweeps.wish_relay(db, lambda: app.state.desk, peer, settings.time_rate)
    shadow = Shadow(db, protocols, settings.shadow_protocol)
    desk = Desk(settings, protocols, Maps(), hub, relay.soon, shadow.soon)
    await load_default_plan(db, desk)
    app.state.db, app.state.hub, app.state.desk, app.state.dispatch = db, hub, desk, peer
    relay.start()
    stack.push_async_callback(relay.stop)
    presence = Presence(db, time_rate=settings.time_rate)
    app.state.presence, app.state.shadow = presence, shadow
    async with db.autocommit() as unit:
        await raise_epoch_if_restored(unit.conn)
    for loop in sweeps.loops(db, desk, peer, presence, shadow):
        loop.start()
        stack.push_async_callback(loop.stop)


def _checks(app: FastAPI) -> tuple[dict[str, health.Check], dict[str, health.Check]]:
    """Return what the service cannot work without, and what it is only worse without."""
    newest = head(SCHEMA)

    async def database() -> str | None:
        return await health.database_check(app.state.db, SCHEMA, newest)()

    async def protocol() -> str | None:
        try:
            async with app.state.db.autocommit() as unit:
                version = await version_in_force(unit.conn)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return f"cannot be read: {type(error).__name__}"
        if version is None:
            return "no protocol is in force"
        known = app.state.desk.protocols.known(version) is not None
        return None if known else f"protocol {version} is in force and this replica does not have it"

    async def protocol_files() -> str | None:
        faults = app.state.desk.protocols.faults
        return "; ".join([*faults.values(), "the last valid protocols stay in use"]) if faults else None

    async def shadow() -> str | None:
        said: str | None = app.state.shadow.missing()
        return said

    async def dispatch() -> str | None:
        return None if await app.state.dispatch.ready() else "dispatch does not answer"

    return {"database": database, "protocol": protocol}, {
        "dispatch": dispatch,
        "protocol_files": protocol_files,
        "shadow": shadow,
    }


def _document_updates(app: FastAPI) -> None:
    """Add the body of an update, which its route reads itself, to the OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Update" not in schemas:
            update = dict(updates.SCHEMA)
            schemas |= {name: schema for name, schema in update.pop("$defs", {}).items() if name not in schemas}
            schemas["Update"] = update
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents for extending the schema
