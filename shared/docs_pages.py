"""The API's documents: what OpenAPI says beyond what FastAPI writes, and pages that ask no other host for anything."""

from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import problems

Schemas = dict[str, Any]
PAGES: Final = frozenset({"/docs", "/redoc"})
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; worker-src blob:; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: whatever the scripts of the pages would fetch elsewhere (ReDoc its logo), the browser does not."""


class SelfContained:
    """ASGI middleware: tells browsers that the pages of the API may ask nobody but this service."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the policy to a page."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        is_page = scope["type"] == "http" and scope["path"] in PAGES
        await self._app(scope, receive, send_with_policy if is_page else send)


def finish(document: dict[str, Any]) -> None:
    """Complete a document that FastAPI generated, in place."""
    schemas: Schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= problems.schemas()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [_with_nulls(example, schema, schemas) for example in schema["examples"]]
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        _say_who(operation)


def _say_who(operation: dict[str, Any]) -> None:
    roles = {role: None for scheme in operation.get("security", ()) for names in scheme.values() for role in names}
    if roles:
        operation["description"] = f"{operation.get('description', '')}\n\n**Who:** {', '.join(roles)}.".strip()


def _with_nulls(value: Any, schema: dict[str, Any], schemas: Schemas) -> Any:
    """Return an example with the nulls that FastAPI strips from it: a field that is required and may be null is sent as null."""
    schema = _plain(schema, schemas)
    if isinstance(value, list):
        return [_with_nulls(item, schema.get("items", {}), schemas) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    required = schema.get("required", ())
    return {
        name: _with_nulls(value.get(name), field, schemas)
        for name, field in schema["properties"].items()
        if name in value or (name in required and _may_be_null(field))
    } | {name: inner for name, inner in value.items() if name not in schema["properties"]}


def _may_be_null(schema: dict[str, Any]) -> bool:
    return any(one.get("type") == "null" for one in schema.get("anyOf", ()))


def _plain(schema: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    """Return the schema that a reference, or the one alternative beside null, stands for."""
    others = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(others) == 1:
        schema = others[0]
    name = schema.get("$ref", "").rpartition("/")[2]
    return schemas.get(name, schema) if name else schema
