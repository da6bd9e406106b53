"""The three OpenAPI documents: every operation explains itself, its examples are valid, and the pages need no other host."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from fastapi import FastAPI

from services import openapi_files
from services.servers import SERVICES
from shared.auth import Role
from shared.problems import MEDIA_TYPE

METHODS = ("get", "put", "post", "patch", "delete")
OPEN = {"/healthz", "/readyz", "/metrics"}
JSON = "application/json"
VERSION_OF_ANOTHER = {"/v1/calls/{id}/progress"}
"""Bodies whose `version` is the sender's own: an older one changes nothing and is answered 200."""


@cache
def document(service: str) -> dict[str, Any]:
    """Return the committed document, which test_documents compares with what the service serves."""
    loaded: dict[str, Any] = json.loads((openapi_files.FOLDER / f"{service}.json").read_text())
    return loaded


def operations() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    for service in SERVICES:
        for path, item in document(service)["paths"].items():
            for method in METHODS:
                if method in item:
                    yield service, method, path, item[method]


def each(*, secured: bool = True) -> pytest.MarkDecorator:
    chosen = [
        pytest.param(service, path, operation, id=f"{service}-{method}-{path}")
        for service, method, path, operation in operations()
        if not (secured and path in OPEN)
    ]
    return pytest.mark.parametrize(("service", "path", "operation"), chosen)


def validator(service: str, schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": document(service)["components"]})


def body_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    body: dict[str, Any] | None = operation.get("requestBody", {}).get("content", {}).get(JSON)
    return body


def resolved(service: str, schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document(service)["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_openapi_3_1_and_names_no_server(service: str) -> None:
    found = document(service)
    assert found["openapi"].startswith("3.1")
    assert "servers" not in found
    assert found["info"]["title"] == f"Common Ground: {service}"
    assert len(found["info"]["description"]) > 60
    assert not re.search(r"[Cc]omposition root", found["info"]["description"]), (
        "that is said to programmers, not to clients"
    )


def test_the_three_services_have_one_version() -> None:
    assert {document(service)["info"]["version"] for service in SERVICES} == {openapi_files.code_version()}


@pytest.mark.parametrize("service", SERVICES)
def test_operation_ids_are_unique(service: str) -> None:
    ids = [operation["operationId"] for where, _, _, operation in operations() if where == service]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("service", SERVICES)
def test_no_two_models_share_a_name(service: str) -> None:
    clumsy = [name for name in document(service)["components"]["schemas"] if "__" in name]
    assert clumsy == [], "two classes of one name: FastAPI then shows their modules to the client"


@each(secured=False)
def test_an_operation_has_a_summary_and_a_tag(service: str, path: str, operation: dict[str, Any]) -> None:
    summary = operation["summary"]
    assert 5 <= len(summary) <= 80
    assert summary != operation["operationId"].replace("_", " ").title(), "FastAPI made this one up"
    assert operation["tags"]


@each()
def test_an_operation_says_who_may_call_it(service: str, path: str, operation: dict[str, Any]) -> None:
    (scheme,) = operation["security"]
    roles = scheme["HTTPBearer"]
    assert roles
    assert set(roles) <= set(Role)
    assert f"**Who:** {', '.join(roles)}." in operation["description"]


@each()
def test_an_operation_documents_its_problems(service: str, path: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    problems = {int(status) for status in answers if int(status) >= 400}
    assert {401, 403, 422, 503} <= problems
    for status in problems:
        assert answers[str(status)]["content"][MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert answers[str(status)].get("description")
    if "requestBody" in operation:
        assert 413 in problems
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if "If-None-Match" in names:
        assert "304" in answers
        assert "Prefer" in names


@each()
def test_an_operation_with_a_version_in_its_body_documents_that_it_may_be_stale(
    service: str, path: str, operation: dict[str, Any]
) -> None:
    body = body_of(operation)
    if body is None or path in VERSION_OF_ANOTHER:
        return
    if "version" in resolved(service, body["schema"]).get("properties", {}):
        assert "412" in operation["responses"]


@each()
def test_a_request_body_has_examples(service: str, path: str, operation: dict[str, Any]) -> None:
    body = body_of(operation)
    if body is None:
        return
    assert list(examples_of_body(service, body)), "give the model json_schema_extra={'examples': [...]}"


def examples_of_body(service: str, media: dict[str, Any]) -> Iterator[Any]:
    if "example" in media:
        yield media["example"]
    yield from (example["value"] for example in media.get("examples", {}).values())
    schema = resolved(service, media["schema"])
    yield from schema.get("examples", ())
    for union in ("anyOf", "oneOf"):
        for one in schema.get(union, ()):
            yield from resolved(service, one).get("examples", ())


@each(secured=False)
def test_the_examples_of_bodies_and_parameters_are_valid(service: str, path: str, operation: dict[str, Any]) -> None:
    media = [body for body in [body_of(operation)] if body is not None]
    media += [
        answer["content"][JSON] for answer in operation["responses"].values() if JSON in answer.get("content", {})
    ]
    for one in media:
        for example in examples_of_body(service, one):
            validator(service, one["schema"]).validate(example)
    for parameter in operation.get("parameters", ()):
        given = [*parameter["schema"].get("examples", ()), *([parameter["example"]] if "example" in parameter else [])]
        given += [example["value"] for example in parameter.get("examples", {}).values()]
        for example in given:
            validator(service, parameter["schema"]).validate(example)


def examples_within(schema: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield every schema in a schema that has examples, with each of them."""
    if isinstance(schema, dict):
        listed = schema.get("examples")
        if isinstance(listed, list):
            for example in listed:
                yield schema, example
        for value in schema.values():
            yield from examples_within(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from examples_within(value)


@pytest.mark.parametrize("service", SERVICES)
def test_every_example_of_every_field_is_valid(service: str) -> None:
    for name, schema in document(service)["components"]["schemas"].items():
        for where, example in examples_within(schema):
            errors = list(validator(service, where).iter_errors(example))
            assert not errors, f"{name}: {errors[0].message}"


def app_of(service: str) -> FastAPI:
    settings = import_module(f"services.{service}.settings").Settings(
        database_dsn="postgresql://nobody@127.0.0.1/none", token_secret="t" * 32
    )
    made: FastAPI = import_module(f"services.{service}.app").create_app(settings)
    return made


ASSET = re.compile(
    r"""(?:src|href|spec-url)\s*=\s*["']([^"']+)["']|(?:url|Url)\s*:\s*["']([^"']+)["']|url\(\s*["']?([^"')]+)"""
)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
@pytest.mark.parametrize("service", SERVICES)
async def test_the_pages_of_the_api_load_everything_from_the_service_itself(service: str, page: str) -> None:
    transport = httpx2.ASGITransport(app=app_of(service))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        shown = await client.get(page)
        policy = dict(part.split(" ", 1) for part in shown.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert not re.search(r"https?:|\*", shown.headers["content-security-policy"]), (
            "and what scripts would fetch, browsers do not"
        )
        html = shown.text
        wanted = [next(filter(None, found)) for found in ASSET.findall(html)]
        scripts = [url for url in wanted if url.endswith(".js")]
        assert scripts
        assert "/openapi.json" in wanted
        for url in wanted:
            assert not re.match(r"(?:\w+:)?//", url), f"{page} of {service} asks another host: {url}"
            if url.startswith("data:"):
                continue
            answer = await client.get(url)
            assert answer.status_code == 200, url
            if url.endswith(".css"):
                assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", answer.text), url
