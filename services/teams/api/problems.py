"""How each refusal of the teams service shows on the wire; described in docs/problems.md."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from services.teams.commands.deciding import TeamRetired
from services.teams.commands.organisations import NameTaken, StillInUse
from services.teams.commands.shifts import CrewAtWork
from services.teams.domain.duty import IllegalDutyChange, TeamHeld
from services.teams.domain.holds import HoldMismatch, HoldReleased, TeamNotFree
from services.teams.domain.shift_changes import NotOnShift
from shared import idempotency
from shared.errors import Refusal

PROBLEMS: Final[Mapping[type[Refusal], tuple[str, HTTPStatus]]] = MappingProxyType({
    idempotency.KeyReused: idempotency.PROBLEM[idempotency.KeyReused],
    IllegalDutyChange: ("illegal-duty-change", HTTPStatus.CONFLICT),
    TeamHeld: ("team-held", HTTPStatus.CONFLICT),
    TeamNotFree: ("team-not-free", HTTPStatus.CONFLICT),
    HoldReleased: ("hold-released", HTTPStatus.CONFLICT),
    HoldMismatch: ("hold-mismatch", HTTPStatus.CONFLICT),
    NameTaken: ("name-taken", HTTPStatus.CONFLICT),
    StillInUse: ("still-in-use", HTTPStatus.CONFLICT),
    NotOnShift: ("not-on-shift", HTTPStatus.CONFLICT),
    CrewAtWork: ("crew-at-work", HTTPStatus.CONFLICT),
    TeamRetired: ("team-retired", HTTPStatus.CONFLICT),
})  # fmt: skip
