"""Updates of a call, and the alert that an unreadable one raises."""

import json
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.intake.api.refs import CallRef, TheDesk, find
from services.intake.api.schemas.calls import CallAnswer, answer_of
from services.intake.api.schemas.updates import Update, UpdateInvalid, read_update
from services.intake.commands import updates
from shared.auth import Caller, Role, allow, verify
from shared.db import Database
from shared.errors import Refusal
from shared.problems import answers

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/calls", tags=["calls"])
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Update"}}},
    }
}


@router.post("/{id}/updates", summary="New facts, words or a place", responses=answers(404), openapi_extra=_BODY)  # noqa: FAST003 - in CallRef
async def update_call(
    request: Request,
    ref: CallRef,
    desk: TheDesk,
    caller: Annotated[Caller, allow(Role.CAD)],
) -> CallAnswer:
    """Decide again from all that was said so far; danger calls the team off in the same transaction.

    Unknown fields are kept and read as text. Text over its limit is cut and makes the verdict `review`. Anything but 2xx: a
    supervisor is alerted; cancel the call or phone.
    """
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await find(unit.conn, desk, caller, ref)
    said = read_update(_json(await request.body()), caller.actor)
    async with db.transaction() as unit:
        return answer_of(desk, await updates.update(unit, desk, found, said))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        detail = "The body is not JSON that can be read."
        raise UpdateInvalid(detail, errors=[{"pointer": "", "detail": detail}]) from error


class RefusedUpdates:
    """ASGI middleware: an update answered 413 or 422, by whatever part of the service, raises an alert with the call's id."""

    def __init__(self, app: ASGIApp, service: FastAPI) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at how it is answered."""
        ref = _updated_call(scope)
        if ref is None:
            await self._app(scope, receive, send)
            return

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in {413, 422}:
                await self._alert(scope, ref)
            await send(message)

        await self._app(scope, receive, watch)

    async def _alert(self, scope: Scope, ref: str) -> None:
        state = self._service.state
        headers = {name.lower(): value for name, value in scope["headers"]}
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        try:
            caller = verify(state.token_secret, token.strip() if scheme.lower() == "bearer" else "")
            if caller.role is not Role.CAD:
                return
            async with state.db.transaction() as unit:
                await updates.refused(unit, state.desk, await find(unit.conn, state.desk, caller, ref))
        except Refusal:
            return  # nobody who may update this call sent it
        except Exception as error:
            log.exception("update.alert_failed", error=type(error).__name__)


def _updated_call(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    parts = scope["path"].split("/")
    return parts[3] if len(parts) == 5 and parts[1:3] == ["v1", "calls"] and parts[4] == "updates" else None


SCHEMA: Final = Update.model_json_schema(ref_template="#/components/schemas/{model}")
"""For the OpenAPI document: the route reads its body itself, so FastAPI does not know it."""
