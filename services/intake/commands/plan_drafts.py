"""Drafts of plans: written by some, proposed, and adopted by a named approver who is not the only author."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.commands.desk import Desk
from services.intake.commands.moves import Overtaken
from services.intake.commands.plans import NewPlan, checked, enter_plan
from services.intake.domain.plan_draft import DraftAction, DraftActionIllegal, DraftStatus, decide_draft
from services.intake.plan_model import plan_body
from services.intake.queries.plans import database_time, latest_version, read_draft
from services.intake.store.plans import Draft, add_draft, move_draft
from shared.db import Unit
from shared.errors import Invalid, NotFound, VersionStale
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class DraftWord:
    """What somebody does with a draft."""

    action: DraftAction
    version: int
    approved_by: str | None = None
    effective_from: datetime | None = None


async def begin_draft(unit: Unit, desk: Desk, slug: str, body: Any, actor: str) -> Draft:
    """Write a new draft, based on the newest version of the plan. Raises PlanRefused and NotFound."""
    read = await checked(unit.conn, desk, slug, body)
    now = await database_time(unit.conn)
    newest = await latest_version(unit.conn, slug)
    new = Draft(
        uuid7(),
        slug,
        DraftStatus.DRAFT.value,
        1,
        plan_body(read),
        newest,
        [actor],
        None,
        created_at=now,
        changed_at=now,
    )
    await add_draft(unit.conn, new, actor)
    return new


async def rewrite_draft(
    unit: Unit, desk: Desk, slug: str, draft_id: UUID, body: Any, *, version: int, actor: str
) -> Draft:
    """Replace a draft's body; whoever does so is an author of it. Raises PlanRefused, NotFound, VersionStale, DraftActionIllegal."""
    draft = await _locked(unit, slug, draft_id, version)
    if draft.status != DraftStatus.DRAFT:
        raise DraftActionIllegal(
            f"A draft that is {draft.status} is not changed; reopen it first.", status=draft.status, actions=[]
        )
    read = await checked(unit.conn, desk, slug, body)
    newest = await latest_version(unit.conn, slug)
    authors = list(dict.fromkeys((*draft.authors, actor)))
    after = draft._replace(body=plan_body(read), authors=authors, based_on=newest)
    return await _moved(unit, draft, after, action="rewrite", actor=actor)


async def act_on_draft(unit: Unit, desk: Desk, slug: str, draft_id: UUID, word: DraftWord, actor: str) -> Draft:
    """Propose, reopen, withdraw or adopt a draft. Adopting writes the next version of the plan, in the same transaction.

    Raises NotFound, VersionStale (also when the plan has changed since the draft was written), DraftActionIllegal and what
    `enter_plan` raises.
    """
    draft = await _locked(unit, slug, draft_id, word.version)
    status = decide_draft(DraftStatus(draft.status), word.action)
    after = draft._replace(status=status.value)
    if word.action is DraftAction.ADOPT:
        if word.approved_by is None:
            raise Invalid("Name who approved the plan.", pointer="/approved_by")
        new = NewPlan(
            slug,
            draft.body,
            word.approved_by,
            actor,
            word.effective_from,
            draft.based_on,
            tuple(draft.authors),
            draft.id,
        )
        after = after._replace(plan_version=(await enter_plan(unit, desk, new)).version)
    return await _moved(unit, draft, after, action=word.action.value, actor=actor)


async def _locked(unit: Unit, slug: str, draft_id: UUID, version: int) -> Draft:
    draft = await read_draft(unit.conn, slug, draft_id, lock=True)
    if draft is None:
        raise NotFound("There is no such draft.")
    if draft.version != version:
        raise VersionStale("The draft has changed since you read it.", current_version=draft.version)
    return draft


async def _moved(unit: Unit, before: Draft, after: Draft, *, action: str, actor: str) -> Draft:
    if not await move_draft(unit.conn, before, after, action=action, actor=actor):
        raise Overtaken("The draft has just changed; read it again.")
    read = await read_draft(unit.conn, before.slug, before.id)
    assert read is not None, "it is locked"
    return read
