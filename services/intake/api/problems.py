"""Which problem each of intake's refusals is told as; docs/problems.md describes them."""

from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from services.intake.commands.moves import Overtaken
from shared import idempotency
from shared.problems import ProblemTable

PROBLEMS: Final[ProblemTable] = MappingProxyType({
    **idempotency.PROBLEM,
    Overtaken: ("call-has-changed", HTTPStatus.SERVICE_UNAVAILABLE),
})  # fmt: skip
