"""When a plan is answered as a page, in which language, and to whom."""

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.schemas.plans import PlanAnswer
from services.intake.commands.desk import Desk
from services.intake.plan_model import read_body
from services.intake.plan_page import POLICY, Page, plan_page
from services.intake.plan_page_words import Language
from services.intake.queries import places
from shared.auth import Caller, Role, allow, bearer
from shared.errors import NotFound

PAGE_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The plan; a page for a browser.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_ANYBODY: Final = allow(*Role)


def wants_page(accept: str | None) -> bool:
    """Say whether an `Accept` asks for HTML rather than JSON."""
    wanted: dict[str, float] = {}
    for part in (accept or "").split(","):
        kind, *options = (piece.strip().lower() for piece in part.split(";"))
        quality = next(
            (match[1] for option in options if (match := re.fullmatch(r"q=(\d(?:\.\d{1,3})?)", option))), "1"
        )
        wanted[kind] = float(quality)
    html = wanted.get("text/html", 0.0)
    return html > 0 and html >= wanted.get("application/json", 0.0)


def language_of(lang: Language | None, accept_language: str | None) -> Language:
    """Return the language to write in: the one asked for, or the first of the browser's that we have."""
    if lang is not None:
        return lang
    spoken = (part.strip().lower()[:2] for part in (accept_language or "").split(","))
    return next((("es" if tag == "es" else "en") for tag in spoken if tag in {"en", "es"}), "en")


async def _reader(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Caller | None:
    desk: Desk = request.app.state.desk
    if credentials is None and desk.settings.public_plans and wants_page(request.headers.get("accept")):
        return None
    caller: Caller = await _ANYBODY.dependency(request, credentials)
    return caller


PageReader = Annotated[Caller | None, Security(_reader, scopes=[role.value for role in Role])]
"""Any role, or nobody in particular who asks for a page."""


async def page_of(
    conn: AsyncConnection, desk: Desk, answer: PlanAnswer, language: Language, caller: Caller | None
) -> HTMLResponse:
    """Return a plan as a page. Raises NotFound if the neighborhood is in no layer in force."""
    layer = await places.layer_in_force(conn)
    found = await places.areas(conn, layer.version, slug=answer.slug)
    if not found:
        raise NotFound("There is no such neighborhood.")
    page = Page(
        name=found[0].name, geometry=found[0].geometry, approximate=layer.approximate, language=language,
        public=caller is None, version=answer.version, approved_by=answer.approved_by, overdue=answer.review_overdue,
        effective_from=answer.effective_from and desk.local(answer.effective_from),
        published_at=answer.entered_at and desk.local(answer.entered_at),
    )  # fmt: skip
    headers = {
        "Content-Language": language,
        "Content-Security-Policy": POLICY,
        "Vary": "Accept, Accept-Language, Authorization",
    }
    return HTMLResponse(plan_page(read_body(answer.plan), page), headers=headers)
