"""`/healthz`, `/readyz` and `/metrics`: is the process alive, can it do its work, and how much of it has it done."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from sqlalchemy import text

from shared.db import Database

Check = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, else what fails, in words."""


class Health(BaseModel):
    """The process answers."""

    status: str = Field(examples=["alive"])


class Readiness(BaseModel):
    """Whether the service can do its work; `failing` says what stops it, `degraded` what it works without."""

    ready: bool
    failing: dict[str, str] = Field(examples=[{}])
    degraded: dict[str, str] = Field(examples=[{"dispatch": "does not answer"}])


def database_check(db: Database, schema: str, head: str | None) -> Check:
    """Return a check that the database answers and is migrated to `head` or beyond."""

    async def check() -> str | None:
        try:
            found = await db.scalar(text(f"SELECT string_agg(version_num, ',') FROM {schema}.alembic_version"))  # noqa: S608 - our own schema name
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return f"the database does not answer: {type(error).__name__}"
        return (
            None
            if found and (head is None or head in found.split(","))
            else f"migrations are at {found or 'nothing'}, this code needs {head}"
        )

    return check


def health_router(needed: Mapping[str, Check], wished: Mapping[str, Check]) -> APIRouter:
    """Return the three routes. `needed` checks make the service unready (503); `wished` ones only show as degraded."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Is the process alive?")
    async def healthz() -> Health:
        return Health(status="alive")

    @router.get(
        "/readyz",
        summary="Can the service do its work?",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not ready"}},
    )
    async def readyz() -> JSONResponse:
        failing = {name: said for name, check in needed.items() if (said := await check())}
        degraded = {name: said for name, check in wished.items() if (said := await check())}
        body = Readiness(ready=not failing, failing=failing, degraded=degraded)
        return JSONResponse(
            body.model_dump(), status_code=503 if failing else 200, headers={"Retry-After": "1"} if failing else {}
        )

    @router.get("/metrics", summary="Counters and timings for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
