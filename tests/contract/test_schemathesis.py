"""Whatever is sent, by whatever role: no 5xx that means a bug, no status, type, header or body that the documents do not announce.

Cases come from the OpenAPI documents (valid and spoiled ones), and are the same in every run. Ids in paths are often those of
things that exist, so that requests reach further than 404. More of them: COMMONGROUND_SCHEMATHESIS_EXAMPLES=500.
"""

import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi_checks

from services import openapi_files
from services.servers import SERVICES
from services.system import System
from services.tokens import Tokens
from shared.auth import Role
from tests.systems import running_system

EXAMPLES: Final = int(os.environ.get("COMMONGROUND_SCHEMATHESIS_EXAMPLES", "8"))
CHECKS: Final = [
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
UNTESTED_FOR_5XX: Final = frozenset({"/readyz"})
"""Answers 503 when the service is not ready: that is what it is for."""
SCHEMAS: Final = {
    service: schemathesis.openapi.from_path(openapi_files.FOLDER / f"{service}.json") for service in SERVICES
}
"""Of the committed documents, which test_documents compares with what the services serve."""
OPERATIONS: Final = [
    pytest.param(service, operation, id=f"{service}-{operation.method}-{operation.path}")
    for service, schema in SCHEMAS.items()
    for operation in (schema[path][method] for path in schema for method in schema[path])
]


class World(NamedTuple):
    """A running system, who may call it, and what there is in it, by the names of path parameters."""

    urls: Mapping[str, str]
    tokens: Mapping[str, str]
    ids: Mapping[str, list[str]]


@pytest.fixture(scope="module")
async def world(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    logs = tmp_path_factory.mktemp("schemathesis-logs")
    async with running_system(postgres_dsn, logs, replicas=1, cuttable=False, hurried=5) as system:
        yield _populated(system)


def _populated(system: System) -> World:
    """Report a few calls of each kind, so that there are calls, incidents, assignments, teams and providers."""
    tokens = system.tokens

    def ask(service: str, method: str, path: str, token: str, **options: Any) -> Any:
        answer = httpx2.request(
            method,
            system.urls[service] + path,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            **options,
        )
        assert answer.is_success, answer.text
        return answer.json()

    calls = []
    for number, words in enumerate(("Verbal only. No weapons.", "he has a knife", "something is going on")):
        body = {
            "cad_system": "demo-cad", "cad_event_id": f"E{number}", "received_at": "2026-11-23T18:04:11-08:00",
            "call_type_code": "415N", "narrative": f"Neighbors arguing over parking. {words}",
            "answers": dict.fromkeys(("weapons", "violence", "injuries", "threats"), "no") | {"relationship": "neighbor"},
            "location": {"lat_deg": 34.0443, "lon_deg": -118.2106},
        }  # fmt: skip
        body["received_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
        calls.append(ask("intake", "POST", "/v1/calls", tokens.cad, json=body)["id"])
    assignment = None
    waited = time.monotonic() + 20
    while assignment is None and time.monotonic() < waited:
        assignment = ask("intake", "GET", f"/v1/calls/{calls[0]}", tokens.cad)["assignment"]
        time.sleep(0.1)
    assert assignment is not None, "a safe call is offered to a team"
    teams = [item["id"] for item in ask("teams", "GET", "/v1/teams?limit=200", tokens.supervisor)["items"]]
    providers = [item["id"] for item in ask("teams", "GET", "/v1/providers", tokens.supervisor)["items"]]
    ids = {
        "id": [*calls, "demo-cad:E0", "demo-cad:E1:1"],
        "call_id": calls,
        "incident_id": calls,
        "assignment_id": [assignment["id"]],
        "team_id": [assignment["team_id"], *teams[:2]],
        "provider_id": providers,
        "slug": ["boyle-heights", "venice"],
        "version": ["2026-11"],
        "alert_id": [str(uuid4())],
    }
    return World(system.urls, _tokens(tokens, assignment["team_id"]), ids)


def _tokens(tokens: Tokens, team_id: str) -> dict[str, str]:
    roles = {role.value: tokens.role(role, f"fuzz-{role}") for role in Role if role not in {Role.CAD, Role.TEAM}}
    return roles | {"cad": tokens.cad_for("demo-cad"), "team": tokens.team(team_id)}


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_no_bug_and_nothing_that_is_not_documented(
    world: World, service: str, operation: Any, mode: schemathesis.GenerationMode
) -> None:
    spoilable = operation.body or operation.query or operation.headers or operation.path_parameters
    if mode is schemathesis.GenerationMode.NEGATIVE and not spoilable:
        pytest.skip("there is nothing to spoil")
    allowed = [role for scheme in operation.definition.raw.get("security", ()) for role in scheme.get("HTTPBearer", ())]
    accepted = {parameter.name for parameter in operation.headers}
    others = [role for role in world.tokens if role not in allowed]
    callers = [*(allowed * 4), *others, None]
    session = requests.Session()
    session.trust_env = False

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def send(case: schemathesis.Case[Any], data: st.DataObject) -> None:
        for name, known in world.ids.items():
            if name in (case.path_parameters or {}) and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(known))
        headers = {n: v for n, v in (case.headers or {}).items() if n.lower() not in {"authorization", "prefer"}}
        if "Prefer" in accepted and data.draw(st.booleans()):  # never one that waits
            headers["Prefer"] = data.draw(st.sampled_from(["wait=0", "wait=x", "respond-async, wait=0"]))
        if (caller := data.draw(st.sampled_from(callers))) is not None:
            headers["Authorization"] = f"Bearer {world.tokens[caller]}"
        case.headers.clear()
        case.headers.update(headers)
        response = case.call(base_url=world.urls[service], session=session, timeout=20)
        checks = [check for check in CHECKS if check is not not_a_server_error or not _told(response, operation.path)]
        case.validate_response(response, checks=checks)

    try:
        send()
    finally:
        session.close()


def _told(response: Any, path: str) -> bool:
    """Say whether a 503 is the answer that it should be: a problem that names what is missing now, and when to try again."""
    if response.status_code != 503:
        return False
    if path in UNTESTED_FOR_5XX:
        return True
    kind = response.json().get("type", "")
    return "retry-after" in response.headers and not kind.endswith(":unavailable")
