"""The tablet's long-poll, without FastAPI's machinery: thousands wait in it at once, and each costs what it keeps alive.

It answers as the route of the same path in `assignments.py` is documented. While a tablet's list is the one that it shows, neither
its asking nor its waiting costs a statement: `Shown` knows the tag until something wakes the team.
"""

import asyncio
from typing import Final
from uuid import UUID

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.dispatch import queries
from services.dispatch.api import views
from services.dispatch.api.schemas import TabletList
from services.dispatch.desk import Desk
from services.dispatch.effects import team_key
from services.dispatch.tablets import SEEN, LastSeen, Shown
from shared.auth import Caller, Role, verify
from shared.db import Database
from shared.edge import etag, knows, wait_s
from shared.errors import Invalid, NotAllowed, NotFound, Unauthenticated
from shared.wake import Hub

_LONGEST_HEADER: Final = 200
_HEADERS: Final = frozenset({b"authorization", b"if-none-match", b"prefer"})
_ROLES: Final = (Role.TEAM, Role.SUPERVISOR)


class TabletPoll:
    """The ASGI application of `GET /v1/teams/{team_id}/assignments`."""

    def __init__(self, db: Database, desk: Desk, hub: Hub, shown: Shown, seen: LastSeen, secret: str) -> None:
        self._db = db
        self._desk = desk
        self._hub = hub
        self._shown = shown
        self._seen = seen
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one poll. Refusals are rendered by the application's handlers."""
        given = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS}
        for name in (b"if-none-match", b"prefer"):
            if len(given.get(name, "")) > _LONGEST_HEADER:
                raise Invalid(f"It has {_LONGEST_HEADER} characters at most.", pointer=name.decode())
        caller = self._caller(given.get(b"authorization", ""))
        known, prefer = given.get(b"if-none-match"), given.get(b"prefer")
        response = await self.answer(caller, scope["path_params"]["team_id"], known=known, prefer=prefer)
        await response(scope, receive, send)

    async def answer(self, caller: Caller, team_id: UUID, *, known: str | None, prefer: str | None) -> Response:
        """Return the team's list, or 304 when it is still the `known` one after the wait that the caller prefers."""
        team = self._desk.roster.get(team_id)
        theirs = not caller.provider_id or (team is not None and team.provider_id == caller.provider_id)
        if not caller.is_team(team_id) or not theirs:
            raise NotFound("There is no such team.")
        if caller.role is Role.TEAM and self._seen.poll(team_id):
            self._hub.wake(f"{SEEN}{team_id}")
        return await self._wait(team_id, known, wait_s(prefer))

    def _caller(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send `Authorization: Bearer <token>`.")
        caller = verify(self._secret, token.strip())
        if caller.role not in _ROLES:
            wanted = ", ".join(role.value for role in _ROLES)
            raise NotAllowed(f"This needs one of the roles {wanted}; the token has {caller.role.value}.")
        return caller

    async def _wait(self, team_id: UUID, known: str | None, patience: float) -> Response:
        key, loop = team_key(team_id), asyncio.get_running_loop()
        deadline = loop.time() + patience
        first: str | None = None
        while True:
            with self._hub.waiting(key) as news:
                body, tag = None, self._shown.tag(key)
                if tag is None or patience == 0 or not knows(known, tag):
                    body, tag = await self._read(team_id, key)
                first = first or tag
                unchanged = tag == first if known is None else knows(known, tag)
                left = deadline - loop.time()
                if not unchanged or left <= 0 or self._hub.leaving:
                    break
                body = None
                await news.within(left)
        headers = {"ETag": tag, "Cache-Control": "no-store"}
        if knows(known, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    async def _read(self, team_id: UUID, key: str) -> tuple[bytes, str]:
        reading, tag = self._shown.begin(key), None
        try:
            async with self._db.autocommit() as unit:
                rows = await queries.tablet(unit.conn, team_id)
            body = TabletList(items=[views.tablet_item(row) for row in rows]).model_dump_json().encode()
            tag = etag(body)
        finally:
            self._shown.end(reading, tag)
        return body, tag
