"""Which problem each of intake's refusals is told as; docs/problems.md describes them."""

from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from services.intake.api.schemas.updates import UpdateInvalid
from services.intake.commands.acknowledgements import NothingToAcknowledge
from services.intake.commands.moves import Overtaken
from services.intake.commands.plan_providers import TeamsSilent
from services.intake.commands.plans import ApproverWroteIt, PlanRefused
from services.intake.commands.reviews import Disqualified, NothingToReview
from services.intake.domain.plan_draft import DraftActionIllegal
from shared import idempotency
from shared.problems import ProblemTable

PROBLEMS: Final[ProblemTable] = MappingProxyType({
    idempotency.KeyReused: idempotency.PROBLEM[idempotency.KeyReused],
    Overtaken: ("call-has-changed", HTTPStatus.SERVICE_UNAVAILABLE),
    UpdateInvalid: ("invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY),
    PlanRefused: ("invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY),
    ApproverWroteIt: ("approver-wrote-it", HTTPStatus.UNPROCESSABLE_ENTITY),
    TeamsSilent: ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    DraftActionIllegal: ("draft-action-illegal", HTTPStatus.CONFLICT),
    NothingToReview: ("nothing-to-review", HTTPStatus.CONFLICT),
    Disqualified: ("disqualified", HTTPStatus.CONFLICT),
    NothingToAcknowledge: ("nothing-to-acknowledge", HTTPStatus.CONFLICT),
})  # fmt: skip
