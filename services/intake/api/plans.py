"""Public safety plans: the one in force, every version, and drafts on their way."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.plan_pages import PAGE_ANSWER, PageReader, language_of, page_of, wants_page
from services.intake.api.refs import TheDesk, teams_of
from services.intake.api.schemas.plans import (
    DraftActionRequest,
    DraftAnswer,
    DraftPage,
    DraftRequest,
    DraftRewrite,
    PlanAnswer,
    PlanChange,
    PlanDiff,
    PlanPage,
    PlanRequest,
)
from services.intake.commands.desk import Desk
from services.intake.commands.plan_drafts import DraftWord, act_on_draft, begin_draft, rewrite_draft
from services.intake.commands.plan_providers import check_draft_providers, check_providers
from services.intake.commands.plans import NewPlan, enter_plan
from services.intake.domain.plan import DEFAULT_VERSION
from services.intake.domain.plan_draft import differences
from services.intake.plan_model import PlanBody, plan_body
from services.intake.plan_page_words import Language
from services.intake.queries import plans
from services.intake.store.plans import Draft, PlanVersion
from shared.auth import Caller, Role, allow
from shared.db import Database, Unit
from shared.edge import CursorText, Limit, read_cursor
from shared.edge import cursor as make_cursor
from shared.errors import Invalid, NotFound
from shared.idempotency import OnceOnly
from shared.problems import answers

router = APIRouter(prefix="/v1/neighborhoods", tags=["plans"])
Anybody = Annotated[Caller, allow(*Role)]
Supervisor = Annotated[Caller, allow(Role.SUPERVISOR)]
DraftReader = Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR, Role.REVIEWER, Role.ADMIN)]
Slug = Annotated[str, Path(max_length=80, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["boyle-heights"])]
Version = Annotated[int, Query(ge=0, le=2**31 - 1)]


@router.get(
    "/{slug}/plan", summary="The public safety plan in force", response_model=PlanAnswer,
    responses=answers(404) | PAGE_ANSWER,
)  # fmt: skip
async def get_plan(
    request: Request, slug: Slug, desk: TheDesk, caller: PageReader,
    lang: Annotated[Language | None, Query(description="Of the page.")] = None,
) -> Any:  # fmt: skip
    """Version 0 where the neighborhood has written none: the city's default plan.

    For a browser (`Accept: text/html`) a page, in English or Spanish; it needs no token and then leaves out contacts, notes for
    crews and places never to go to.
    """
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        await _known(unit.conn, desk, slug)
        found = await plans.plan_in_force(unit.conn, slug)
        now = await plans.database_time(unit.conn)
        if found:
            answer = plan_answer(desk, found, now=now, in_force=found)
        else:
            answer = unwritten(slug, await plans.default_in_force(unit.conn), today=desk.local(now).date())
        if not wants_page(request.headers.get("accept")):
            return answer
        language = language_of(lang, request.headers.get("accept-language"))
        return await page_of(unit.conn, desk, answer, language, caller)


@router.get("/{slug}/plans", summary="Every version of the plan, the newest first", responses=answers(404))
async def get_plans(
    request: Request, slug: Slug, desk: TheDesk, _caller: Anybody, limit: Limit = 50, cursor: CursorText = None
) -> PlanPage:
    """Also those whose time has not come yet."""
    below = None
    if cursor is not None:
        [below] = read_cursor(cursor, length=1)
        if not isinstance(below, int) or isinstance(below, bool) or not 0 <= below < 2**31:
            raise Invalid("The cursor is not one that this service gave.", pointer="cursor")
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        await _known(unit.conn, desk, slug)
        found = await plans.plan_versions(unit.conn, slug, below=below, limit=limit + 1)
        now, in_force = await plans.database_time(unit.conn), await plans.plan_in_force(unit.conn, slug)
    more = make_cursor(found[limit - 1].version) if len(found) > limit else None
    return PlanPage(
        items=[plan_answer(desk, version, now=now, in_force=in_force) for version in found[:limit]], next=more
    )


@router.get("/{slug}/plans/diff", summary="What differs between two versions", responses=answers(404))
async def get_plan_diff(
    request: Request, slug: Slug, desk: TheDesk, _caller: Anybody,
    from_version: Annotated[Version, Query(alias="from")], to_version: Annotated[Version, Query(alias="to")],
) -> PlanDiff:  # fmt: skip
    """Version 0 is the city's default plan in force."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        await _known(unit.conn, desk, slug)
        before, after = [await _body(unit.conn, slug, version) for version in (from_version, to_version)]
    changes = [PlanChange(**change._asdict()) for change in differences(before, after)]
    return PlanDiff(slug=slug, from_version=from_version, to_version=to_version, changes=changes)


@router.put("/{slug}/plan", summary="Adopt the next version of the plan", responses=answers(404, 412))
async def put_plan(request: Request, slug: Slug, body: PlanRequest, desk: TheDesk, caller: Supervisor) -> PlanAnswer:
    """For a plan that was written and approved elsewhere. It takes effect at its time and never changes what was decided before.

    Send `version` to be refused (412) if it is stale. If it names providers, teams is asked whether they exist (503: no answer).
    """
    db: Database = request.app.state.db
    await check_providers(teams_of(request), body.plan)
    new = NewPlan(slug, body.plan, body.approved_by, caller.actor, body.effective_from, body.version)
    async with db.transaction() as unit:
        written = await enter_plan(unit, desk, new)
        return plan_answer(desk, written, now=written.at, in_force=None)


@router.post(
    "/{slug}/plan-drafts", status_code=201, summary="Begin to write a plan", response_model=DraftAnswer,
    responses=answers(404),
)  # fmt: skip
async def post_draft(slug: Slug, body: DraftRequest, desk: TheDesk, caller: Supervisor, once: OnceOnly) -> Any:
    """A draft steers nothing until it is adopted."""

    async def work(unit: Unit) -> DraftAnswer:
        return _draft(await begin_draft(unit, desk, slug, body.plan, caller.actor))

    return await once(work, status=201)


@router.get("/{slug}/plan-drafts", summary="The drafts, the newest first", responses=answers(404))
async def get_drafts(
    request: Request, slug: Slug, desk: TheDesk, _caller: DraftReader, limit: Limit = 50, cursor: CursorText = None
) -> DraftPage:
    """Also those that were adopted or withdrawn."""
    below = None
    if cursor is not None:
        [text] = read_cursor(cursor, length=1)
        try:
            below = UUID(str(text))
        except ValueError as error:
            raise Invalid("The cursor is not one that this service gave.", pointer="cursor") from error
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        await _known(unit.conn, desk, slug)
        found = await plans.drafts_of(unit.conn, slug, below=below, limit=limit + 1)
    more = make_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return DraftPage(items=[_draft(draft) for draft in found[:limit]], next=more)


@router.get("/{slug}/plan-drafts/{draft_id}", summary="A draft", responses=answers(404))
async def get_draft(request: Request, slug: Slug, draft_id: UUID, _caller: DraftReader) -> DraftAnswer:
    """As it is now."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        found = await plans.read_draft(unit.conn, slug, draft_id)
    if found is None:
        raise NotFound("There is no such draft.")
    return _draft(found)


@router.put("/{slug}/plan-drafts/{draft_id}", summary="Write a draft anew", responses=answers(404, 409, 412))
async def put_draft(
    request: Request, slug: Slug, draft_id: UUID, body: DraftRewrite, desk: TheDesk, caller: Supervisor
) -> DraftAnswer:
    """Whoever writes in it is an author of it."""
    db: Database = request.app.state.db
    async with db.transaction() as unit:
        return _draft(
            await rewrite_draft(unit, desk, slug, draft_id, body.plan, version=body.version, actor=caller.actor)
        )


@router.post(
    "/{slug}/plan-drafts/{draft_id}/actions", summary="Propose, adopt or withdraw it", response_model=DraftAnswer,
    responses=answers(404, 409, 412),
)  # fmt: skip
async def act(
    request: Request, slug: Slug, draft_id: UUID, body: DraftActionRequest, desk: TheDesk, caller: Supervisor,
    once: OnceOnly,
) -> Any:  # fmt: skip
    """`adopt` writes the next version of the plan. It names an approver who is not the only author.

    A draft that names providers is not proposed or adopted before teams has said that they exist (503: no answer).
    """
    word = DraftWord(body.action, body.version, body.approved_by, body.effective_from)
    await check_draft_providers(request.app.state.db, teams_of(request), slug, draft_id, word)

    async def work(unit: Unit) -> DraftAnswer:
        return _draft(await act_on_draft(unit, desk, slug, draft_id, word, caller.actor))

    return await once(work)


async def _known(conn: AsyncConnection, desk: Desk, slug: str) -> None:
    if (await desk.maps.newest(conn)).named(slug) is None:
        raise NotFound("There is no such neighborhood.")


async def _body(conn: AsyncConnection, slug: str, version: int) -> dict[str, object]:
    if version == 0:
        default = await plans.default_in_force(conn)
        return dict(default.body) if default else plan_body(PlanBody())
    found = await plans.plan_version(conn, slug, version)
    if found is None:
        raise NotFound("There is no such version of the plan.")
    return dict(found.body)


def plan_answer(desk: Desk, version: PlanVersion, *, now: datetime, in_force: PlanVersion | None) -> PlanAnswer:
    """Return a version of a plan as it is answered at `now`, when `in_force` is the one in force."""
    review_by = _review_by(version.body)
    superseded = in_force is not None and _order(version) < _order(in_force)
    return PlanAnswer(
        slug=version.slug,
        version=version.version,
        status="superseded" if superseded else "adopted",
        plan=dict(version.body),
        effective_from=version.effective_from,
        approved_by=version.approved_by,
        entered_by=version.entered_by,
        entered_at=version.at,
        draft_id=version.draft_id,
        review_by=review_by,
        review_overdue=not superseded and review_by is not None and review_by < desk.local(now).date(),
    )


def _order(version: PlanVersion) -> tuple[datetime, int]:
    return version.effective_from, version.version


def _review_by(body: Mapping[str, Any]) -> date | None:
    return date.fromisoformat(body["review_by"]) if body.get("review_by") else None


def unwritten(slug: str, default: PlanVersion | None, *, today: date) -> PlanAnswer:
    """Return the plan of a neighborhood that has written none: the city's default plan."""
    body = dict(default.body) if default else plan_body(PlanBody())
    review_by = _review_by(body)
    return PlanAnswer(
        slug=slug, version=DEFAULT_VERSION, review_by=review_by,
        review_overdue=review_by is not None and review_by < today, status="default", plan=body, effective_from=None, approved_by=None,
        entered_by=None, entered_at=None, default_version=default.version if default else None,
    )  # fmt: skip


def _draft(draft: Draft) -> DraftAnswer:
    return DraftAnswer.model_validate({**draft._asdict(), "plan": dict(draft.body)})
