"""RFC 9457 problem documents: how every refusal, invalid body and lost database is told to the caller."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError
from starlette.exceptions import HTTPException

from shared.errors import Invalid, NotAllowed, NotFound, Refusal, Unauthenticated, Unavailable, VersionStale

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:commonground:problem:"
"""Every `type` is this and a name; `docs/problems.md` describes each."""

ProblemTable = Mapping[type[Refusal], tuple[str, HTTPStatus]]
KERNEL_PROBLEMS: Final[ProblemTable] = {
    Invalid: ("invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY),
    NotFound: ("not-found", HTTPStatus.NOT_FOUND),
    VersionStale: ("version-stale", HTTPStatus.PRECONDITION_FAILED),
    NotAllowed: ("not-allowed", HTTPStatus.FORBIDDEN),
    Unauthenticated: ("unauthenticated", HTTPStatus.UNAUTHORIZED),
    Unavailable: ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
}
_ALWAYS: Final = (401, 403, 405, 413, 422, 503)
_DATA_ERROR: Final = "22"  # SQLSTATE class 22: the value itself cannot be stored
_PASSING: Final = (OperationalError, InterfaceError, SQLAlchemyTimeoutError)
_PASSING_STATES: Final = ("08", "25006", "25P03", "28", "3D", "40", "53", "55", "57", "58")
"""Lost connections, a standby, idle too long, no entry, no such database, deadlocks, resources, locks, shutting down, the disk."""


class InvalidField(BaseModel):
    """One value that cannot be accepted."""

    pointer: str = Field(
        description="JSON pointer (RFC 6901) into the body, or the name of the parameter.",
        examples=["/location/lat_deg"],
    )
    detail: str = Field(examples=["Input should be less than or equal to 90"])


class Problem(BaseModel):
    """Why the request was not carried out (RFC 9457). Further members carry facts that a machine can act on."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        description="Stable name of the kind of problem; see docs/problems.md.", examples=[URN + "invalid-request"]
    )
    title: str = Field(examples=["Invalid request"])
    status: int = Field(examples=[422])
    detail: str = Field(description="A sentence for a person.", examples=["One value cannot be accepted."])
    errors: list[InvalidField] | None = None


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an operation: the given problem statuses and those that any operation may answer."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*_ALWAYS, *statuses})
    }


def schemas() -> dict[str, Any]:
    """Return the JSON schemas that the answers of `answers` refer to, for the OpenAPI document."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    inner: dict[str, Any] = schema.pop("$defs")
    return {**inner, "Problem": schema}


def problem(name: str, status: int, title: str, detail: str, /, **facts: Any) -> JSONResponse:
    """Return a problem response of the kind `name`; a fact cannot take the name of one of the four members of every problem."""
    headers: dict[str, str] = {}
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = str(facts.get("retry_after_s", 1))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    members = {"type": URN + name, "title": title, "status": int(status), "detail": detail}
    body = {**members, **facts, **members}
    return JSONResponse(body, status_code=int(status), media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI, table: ProblemTable) -> None:
    """Make `app` answer every failure as a problem; `table` names the service's own refusals."""
    known = {**KERNEL_PROBLEMS, **table}

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        kind = next(kind for kind in type(error).__mro__ if kind in known)
        name, status = known[kind]
        return problem(name, status, error.title, error.detail, **error.facts)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for lost in (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        app.add_exception_handler(lost, _database)
    app.add_exception_handler(Exception, _bug)


def pointer(location: tuple[int | str, ...]) -> str:
    """Return the JSON pointer for a validation error's location; a parameter is named plainly."""
    if location and location[0] in {"query", "path", "header", "cookie"}:
        return str(location[-1])
    parts = location[1:] if location and location[0] == "body" else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Only where and what is wrong: the value itself is what a caller said.
    errors = [{"pointer": _utf8(pointer(tuple(e["loc"]))), "detail": _utf8(str(e["msg"]))} for e in error.errors()[:50]]
    named = ", ".join(e["pointer"] or "the body" for e in errors[:3])
    return problem("invalid-request", 422, "Invalid request", f"Cannot be accepted: {named}.", errors=errors)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:300]


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    # FastAPI answers 400 to a body that it cannot parse; to a client that is one more way to be invalid.
    status = 422 if error.status_code == HTTPStatus.BAD_REQUEST else error.status_code
    title = HTTPStatus(status).phrase
    extra = {"errors": [{"pointer": "", "detail": "The body is not JSON that can be read."}]} if status == 422 else {}
    name = {404: "not-found", 405: "method-not-allowed", 422: "invalid-request"}.get(
        status, title.lower().replace(" ", "-")
    )
    response = problem(name, status, title, f"{title}.", **extra)
    response.headers.update(error.headers or {})
    return response


async def _database(request: Request, error: Exception) -> JSONResponse:
    raised = getattr(error, "orig", error)
    cause = getattr(raised, "__cause__", None) or raised
    state = str(getattr(raised, "sqlstate", None) or "")
    # asyncpg itself refuses what it cannot encode: half a surrogate pair, a number too large for its column.
    if isinstance(error, DBAPIError) and (state.startswith(_DATA_ERROR) or isinstance(cause, asyncpg.DataError)):
        return problem(
            "invalid-request",
            422,
            "Invalid request",
            "A value cannot be stored.",
            errors=[{"pointer": "", "detail": "A value cannot be stored."}],
        )
    # A statement on a connection that the server is just ending fails inside asyncpg, before it knows of the end.
    lost = isinstance(error, _PASSING) or isinstance(cause, asyncpg.InternalClientError)
    if isinstance(error, SQLAlchemyError) and not lost and not state.startswith(_PASSING_STATES):
        return await _bug(request, error)
    log.warning(
        "request.database_failed",
        path=request.url.path,
        error=type(error).__name__,
        sqlstate=state,
        detail=str(error)[:300],
    )
    return problem(
        "unavailable",
        503,
        "Not available now",
        "The database did not answer. Whether this was carried out is not known: ask, or send it again with the same Idempotency-Key.",
        retry_after_s=1,
    )


async def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("request.bug", path=request.url.path, error=type(error).__name__, exc_info=error)
    return problem("internal-error", 500, "Internal error", "This is our fault. Treat the request as not carried out.")
