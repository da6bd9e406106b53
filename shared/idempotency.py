"""`Idempotency-Key`: the same request again gives the first answer again, and its effect happened once.

The key is a row written in the effect's own transaction, so there is no instant at which one exists without the other; a twin in
flight waits on that row. Keys last 24 h.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from shared.clock import clock
from shared.db import Database, Unit
from shared.errors import Refusal

KEPT_FOR: Final = timedelta(hours=24)
LONGEST_KEY: Final = 200


class KeyReused(Refusal):
    """The key was used by this caller on this path for another body."""

    title = "Idempotency key was used for another request"


def idempotency_table(metadata: MetaData) -> Table:
    """Return the table of keys; each service has its own."""
    return Table(
        "idempotency_key", metadata,
        Column("caller", Text, primary_key=True),
        Column("path", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("body_digest", LargeBinary, nullable=False),
        Column("status", Integer),
        Column("answer", JSONB),
        Column("created_at", DateTime(timezone=True), nullable=False, index=True),
    )  # fmt: skip


class Once:
    """Runs a POST's work in a unit, once per `Idempotency-Key` where the caller sent one.

    The application's state holds `db` (Database) and `idempotency_table`; `allow(...)` must have run (it leaves the caller in the request).
    """

    def __init__(self, request: Request, key: str | None, *, refuses_reuse: bool = True) -> None:
        self._request = request
        self._key = key
        self._refuses_reuse = refuses_reuse

    async def answered(self) -> bool:
        """Say whether the key has its first answer already: then nothing that could stop the work needs to be asked any more."""
        if self._key is None:
            return False
        db: Database = self._request.app.state.db
        table: Table = self._request.app.state.idempotency_table
        async with db.autocommit() as unit:
            found = await unit.conn.scalar(select(table.c.status).where(*self._where(table)))
        return found is not None

    async def __call__(self, work: Callable[[Unit], Awaitable[Any]], *, status: int = 200, single: bool = False) -> Any:
        """Return what `work` returns, or the stored first answer as a response. `single`: the work is one statement.

        Raises KeyReused when the key came with another body before. A work that raises leaves no key behind.
        """
        db: Database = self._request.app.state.db
        if self._key is None:
            async with db.autocommit() if single else db.transaction() as unit:
                return await work(unit)
        table: Table = self._request.app.state.idempotency_table
        digest = hashlib.sha256(await self._request.body()).digest()
        row = self._row()
        where = self._where(table)
        async with db.transaction() as unit:
            created = await unit.conn.execute(
                insert(table)
                .values(**row, body_digest=digest, created_at=clock(str(table.schema)))
                .on_conflict_do_nothing()
            )
            if created.rowcount == 0:
                first = (
                    await unit.conn.execute(select(table.c.body_digest, table.c.status, table.c.answer).where(*where))
                ).one()
                if first.body_digest != digest:
                    if not self._refuses_reuse:
                        return await work(unit)
                    raise KeyReused(
                        "This Idempotency-Key came with another body before; use a new key for a new request."
                    )
                return JSONResponse(first.answer, status_code=first.status, headers={"Idempotency-Replayed": "true"})
            result = await work(unit)
            answer, code = (result, status) if not isinstance(result, Response) else (_body(result), result.status_code)
            await unit.conn.execute(update(table).where(*where).values(status=code, answer=jsonable_encoder(answer)))
            return result

    def _row(self) -> dict[str, str | None]:
        return {"caller": self._request.state.caller.actor, "path": self._request.url.path, "key": self._key}

    def _where(self, table: Table) -> list[ColumnElement[bool]]:
        return [table.c[name] == value for name, value in self._row().items()]


def _body(response: Response) -> Any:
    return json.loads(bytes(response.body)) if response.body else None


def once(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=LONGEST_KEY,
            description="Never required. The same key and body again replay the first answer.",
        ),
    ] = None,
) -> Once:
    """Return the runner of this request's work."""
    return Once(request, key)


def once_unrefused(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Never required, and never a reason to refuse: one that is over 200 characters, or came with another body "
            "before, counts as none. The same key and body again replay the first answer.",
        ),
    ] = None,
) -> Once:
    """Return the runner of work that must be done whatever the key is."""
    return Once(request, key if key and len(key) <= LONGEST_KEY else None, refuses_reuse=False)


OnceOnly = Annotated[Once, Depends(once)]
OnceUnrefused = Annotated[Once, Depends(once_unrefused)]
PROBLEM: Final[Mapping[type[Refusal], tuple[str, HTTPStatus]]] = {
    KeyReused: ("idempotency-key-reused", HTTPStatus.UNPROCESSABLE_ENTITY)
}


async def forget_old_keys(db: Database, table: Table) -> None:
    """Delete the keys that are over 24 h old."""
    async with db.autocommit() as unit:
        await unit.conn.execute(delete(table).where(table.c.created_at < clock(str(table.schema)) - KEPT_FOR))
