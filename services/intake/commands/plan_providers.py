"""Whether the providers that a plan names exist: teams owns them, so teams is asked, before anything is locked or written.

No decision waits for this: dispatch reads a preferred provider that is gone as no preference.
"""

from typing import Any
from uuid import UUID

from services.intake.commands.plan_drafts import DraftWord
from services.intake.commands.plans import hint, refused
from services.intake.domain.plan import PlanInvalid
from services.intake.domain.plan_draft import TRANSITIONS, DraftAction, DraftStatus
from services.intake.peers import PeerSilentError, Teams
from services.intake.plan_model import read_body
from services.intake.queries.plans import read_draft
from shared.db import Database
from shared.errors import Unavailable


class TeamsSilent(Unavailable):
    """Whether a plan's providers exist cannot be told now, so the plan is not taken."""


async def check_providers(teams: Teams, body: Any) -> None:
    """Raise PlanRefused if a body names a provider that teams does not have, TeamsSilent if teams does not say.

    A body that is wrong in itself passes: whoever enters it names all its faults.
    """
    try:
        named = read_body(body).preferred_providers
    except PlanInvalid:
        return
    if not named:
        return
    try:
        known = await teams.providers()
    except PeerSilentError as error:
        raise TeamsSilent(
            "Teams does not answer, so nobody can tell whether the providers that the plan names exist. Nothing was written.",
            retry_after_s=5,
        ) from error
    if errors := [
        {"pointer": f"/plan/preferred_providers/{index}", "detail": "There is no such provider." + hint(word, known)}
        for index, word in enumerate(named)
        if word not in known
    ]:
        raise refused(errors)


async def check_draft_providers(db: Database, teams: Teams, slug: str, draft_id: UUID, word: DraftWord) -> None:
    """Check the providers of a draft that is to be proposed or adopted. Raises as `check_providers` does.

    What a draft says at one `version` never changes, so what was checked here is what the action then moves. A draft for which
    the action is not legal passes: the action refuses it, or is the same request again.
    """
    if word.action not in {DraftAction.PROPOSE, DraftAction.ADOPT}:
        return
    async with db.autocommit() as unit:
        draft = await read_draft(unit.conn, slug, draft_id)
    if draft and draft.version == word.version and (DraftStatus(draft.status), word.action) in TRANSITIONS:
        await check_providers(teams, draft.body)
