"""How dispatch's refusals are told on the wire; docs/problems.md describes each."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from services.dispatch.domain.assignment import IllegalTransition
from services.dispatch.domain.incident import IncidentOver
from services.dispatch.domain.refusals import (
    MayNotBeOffered,
    MayNotGoYet,
    SafetyLinkDown,
    TeamNotEligible,
    TeamsSilent,
    WishesMissing,
)
from shared import idempotency
from shared.errors import Refusal
from shared.idempotency import KeyReused

PROBLEMS: Final[Mapping[type[Refusal], tuple[str, HTTPStatus]]] = MappingProxyType[type[Refusal], tuple[str, HTTPStatus]]({
    IllegalTransition: ("illegal-transition", HTTPStatus.CONFLICT),
    IncidentOver: ("illegal-transition", HTTPStatus.CONFLICT),
    MayNotGoYet: ("may-not-go-yet", HTTPStatus.CONFLICT),
    MayNotBeOffered: ("may-not-be-offered", HTTPStatus.CONFLICT),
    TeamNotEligible: ("team-not-eligible", HTTPStatus.CONFLICT),
    WishesMissing: ("wishes-missing", HTTPStatus.CONFLICT),
    SafetyLinkDown: ("safety-link-down", HTTPStatus.SERVICE_UNAVAILABLE),
    TeamsSilent: ("teams-silent", HTTPStatus.SERVICE_UNAVAILABLE),
    KeyReused: idempotency.PROBLEM[KeyReused],
})  # fmt: skip
