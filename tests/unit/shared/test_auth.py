"""Tokens: what each role must be bound to, and that nothing else is let in."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import httpx2
import jwt
import pytest
from fastapi import FastAPI

from shared import problems
from shared.auth import ANY_CAD, Caller, Role, allow, issue, verify
from shared.errors import Unauthenticated

SECRET = "a-secret-that-is-long-enough-for-every-algorithm-tried"
TEAM, PROVIDER = uuid4(), uuid4()


@pytest.mark.parametrize(
    "caller",
    [
        Caller(Role.CAD, "lapd", frozenset({"lapd-cad", "lafd-cad"})),
        Caller(Role.TEAM, "t", team_id=TEAM),
        Caller(Role.SUPERVISOR, "s", provider_id=PROVIDER),
        Caller(Role.SUPERVISOR, "s"),
        *(Caller(role, "x") for role in (Role.REVIEWER, Role.ADMIN, Role.AUDITOR, Role.SERVICE)),
    ],
)
def test_a_token_says_who_it_was_made_for(caller: Caller) -> None:
    assert verify(SECRET, issue(SECRET, caller)) == caller


def claims(**different: Any) -> dict[str, Any]:
    return {"iss": "commonground", "sub": "x", "role": "auditor", **different}


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims())
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "token",
    [
        "", "x", "a.b.c", "😀", "\x00", "." * 5000, unsigned(),
        jwt.encode(claims(), "another-secret-of-thirty-two-bytes!!", algorithm="HS256"),
        jwt.encode(claims(), SECRET, algorithm="HS384"),
        jwt.encode(claims(iss="elsewhere"), SECRET, algorithm="HS256"),
        jwt.encode(claims(role="root"), SECRET, algorithm="HS256"),
        jwt.encode(claims(role=["admin"]), SECRET, algorithm="HS256"),
        jwt.encode({"iss": "commonground", "role": "admin"}, SECRET, algorithm="HS256"),
        jwt.encode(claims(role="team"), SECRET, algorithm="HS256"),
        jwt.encode(claims(role="team", team_id="not-a-uuid"), SECRET, algorithm="HS256"),
        jwt.encode(claims(role="team", team_id=7), SECRET, algorithm="HS256"),
        jwt.encode(claims(role="cad"), SECRET, algorithm="HS256"),
        jwt.encode(claims(role="cad", cad_systems=[]), SECRET, algorithm="HS256"),
        jwt.encode(claims(role="cad", cad_systems=7), SECRET, algorithm="HS256"),
        jwt.encode(claims(role="cad", cad_systems="*"), SECRET, algorithm="HS256"),
        jwt.encode(claims(exp=datetime.now(UTC) - timedelta(seconds=1)), SECRET, algorithm="HS256"),
    ],
)  # fmt: skip
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(SECRET, token)


def test_a_token_ends_when_it_was_said_to() -> None:
    assert verify(SECRET, issue(SECRET, Caller(Role.ADMIN, "x"), valid_for=timedelta(minutes=1))).name == "x"
    with pytest.raises(Unauthenticated):
        verify(SECRET, issue(SECRET, Caller(Role.ADMIN, "x"), valid_for=timedelta(seconds=-1)))


def test_a_cad_speaks_for_its_systems_only() -> None:
    bound = Caller(Role.CAD, "c", frozenset({"lapd-cad"}))
    assert bound.speaks_for("lapd-cad")
    assert not bound.speaks_for("lafd-cad")
    assert Caller(Role.CAD, "c", frozenset({ANY_CAD})).speaks_for("anything")
    assert Caller(Role.REVIEWER, "r").speaks_for("anything")


def test_a_team_is_itself_and_no_other() -> None:
    assert Caller(Role.TEAM, "t", team_id=TEAM).is_team(TEAM)
    assert not Caller(Role.TEAM, "t", team_id=TEAM).is_team(uuid4())
    assert Caller(Role.SUPERVISOR, "s").is_team(uuid4())


def test_history_names_the_caller_by_role_and_name() -> None:
    assert Caller(Role.TEAM, "eastside", team_id=TEAM).actor == "team:eastside"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401), ("", 401), ("Basic eDp5", 401), ("Bearer", 401), ("Bearer nonsense", 401),
        (f"Bearer {issue(SECRET, Caller(Role.REVIEWER, 'r'))}", 403),
        (f"Bearer {issue(SECRET, Caller(Role.AUDITOR, 'a'))}", 200),
        (f"bearer {issue(SECRET, Caller(Role.ADMIN, 'a'))}", 200),
    ],
)  # fmt: skip
async def test_a_route_lets_in_its_roles_only(header: str | None, status: int) -> None:
    app = FastAPI()
    problems.install(app, {})
    app.state.token_secret = SECRET

    @app.get("/")
    async def route(caller: Annotated[Caller, allow(Role.AUDITOR, Role.ADMIN)]) -> str:
        return caller.name

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://t") as client:
        answer = await client.get("/", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)
