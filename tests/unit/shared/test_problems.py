"""Problem documents: what each failure is told as, and what is never told."""

from http import HTTPStatus
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.testing import capture_logs

from shared import problems
from shared.errors import Invalid, NotFound, Refusal, Unavailable, VersionStale


class Busy(Refusal):
    title = "Busy"


class BusyToday(Busy):
    """A kind of its own that is told as its parent."""


def driver_error(sqlstate: str | None) -> Exception:
    error = Exception("driver")
    error.sqlstate = sqlstate  # type: ignore[attr-defined]  # as the driver's errors have it
    return error


def unencodable() -> DBAPIError:
    raised = Exception("driver")
    raised.__cause__ = asyncpg.DataError("invalid input for query argument $1")
    return DBAPIError("SELECT", {}, raised)


async def told(error: Exception) -> tuple[int, dict[str, Any], httpx2.Headers]:
    app = FastAPI()
    problems.install(app, {Busy: ("busy", HTTPStatus.CONFLICT)})

    @app.get("/")
    async def route() -> None:
        raise error

    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://t") as client:
        with capture_logs():  # a traceback with all its values, drawn for a terminal, takes a second
            answer = await client.get("/")
    return answer.status_code, answer.json(), answer.headers


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (Busy("no"), 409, "busy"),
        (BusyToday("no"), 409, "busy"),
        (NotFound("no"), 404, "not-found"),
        (VersionStale("no", current_version=3), 412, "version-stale"),
        (Invalid("no", pointer="/a"), 422, "invalid-request"),
        (Unavailable("no", retry_after_s=7), 503, "unavailable"),
        (OSError("refused"), 503, "unavailable"),
        (TimeoutError(), 503, "unavailable"),
        (PoolTimeout("no connection"), 503, "unavailable"),
        (OperationalError("SELECT", {}, driver_error(None)), 503, "unavailable"),
        (DBAPIError("SELECT", {}, driver_error("57P01")), 503, "unavailable"),
        (DBAPIError("SELECT", {}, driver_error("55P03")), 503, "unavailable"),
        (DBAPIError("SELECT", {}, driver_error("40P01")), 503, "unavailable"),
        (asyncpg.InterfaceError("closed"), 503, "unavailable"),
        (DBAPIError("SELECT", {}, driver_error("22P05")), 422, "invalid-request"),
        (unencodable(), 422, "invalid-request"),
        (IntegrityError("INSERT", {}, driver_error("23505")), 500, "internal-error"),
        (ProgrammingError("SELEC", {}, driver_error("42601")), 500, "internal-error"),
        (InvalidRequestError("a parameter has no value"), 500, "internal-error"),
        (ValueError("bug"), 500, "internal-error"),
    ],
)
async def test_every_failure_is_a_problem_of_its_kind(error: Exception, status: int, name: str) -> None:
    """A mistake of ours is never told as a database that is not there: it would be retried for ever."""
    code, body, headers = await told(error)
    assert (code, body["status"], body["type"]) == (status, status, problems.URN + name)
    assert headers["Content-Type"] == problems.MEDIA_TYPE
    assert ("Retry-After" in headers) is (status == 503)


async def test_facts_become_members_and_cannot_replace_the_problems_own() -> None:
    facts: dict[str, Any] = {"status": "accepted", "type": "x", "actions": ["clear"]}
    code, body, _ = await told(Busy("The crew has accepted.", **facts))
    assert (code, body["status"], body["type"], body["actions"]) == (409, 409, problems.URN + "busy", ["clear"])
    assert (body["title"], body["detail"]) == ("Busy", "The crew has accepted.")


async def test_retry_after_is_the_facts_own() -> None:
    _, body, headers = await told(Unavailable("no", retry_after_s=7))
    assert (headers["Retry-After"], body["retry_after_s"]) == ("7", 7)


async def test_a_bug_tells_nothing_of_its_cause() -> None:
    _, body, _ = await told(ValueError("secret narrative"))
    assert "secret" not in str(body)


@pytest.mark.parametrize(
    ("location", "pointer"),
    [
        (("body", "location", "lat_deg"), "/location/lat_deg"),
        (("body", "fixes", 3, "at"), "/fixes/3/at"),
        (("body",), ""),
        (("body", "a/b~c"), "/a~1b~0c"),
        (("query", "limit"), "limit"),
        (("path", "team_id"), "team_id"),
    ],
)
def test_locations_become_json_pointers(location: tuple[str | int, ...], pointer: str) -> None:
    assert problems.pointer(location) == pointer
