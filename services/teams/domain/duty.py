"""Duty of one team: what its crew says about itself, what may follow what, and what ends by itself. Diagram: docs/states.md."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.errors import Invalid, Refusal


class DutyStatus(StrEnum):
    AVAILABLE = "available"  # the crew can be sent
    BREAK = "break"  # the crew rests and will be back
    OUT_OF_SERVICE = "out_of_service"  # something is broken: the van, the radio, a person
    OFF_DUTY = "off_duty"  # nobody is there


_S = DutyStatus
CHANGES: Final[Mapping[DutyStatus, frozenset[DutyStatus]]] = MappingProxyType({
    _S.OFF_DUTY: frozenset({_S.OFF_DUTY, _S.AVAILABLE, _S.OUT_OF_SERVICE}),  # no break from work that has not begun
    _S.AVAILABLE: frozenset(_S),
    _S.BREAK: frozenset(_S),
    _S.OUT_OF_SERVICE: frozenset(_S),
})  # fmt: skip
"""What may follow a status. The same status again is legal: it changes the crew, the reason or the time."""
REFUSED_WHILE_HELD: Final = frozenset({_S.BREAK, _S.OFF_DUTY})
"""A team with work declines it or clears it first. It may say that it is out of service: that is a fact, not a wish."""
AFTER_UNTIL: Final[Mapping[DutyStatus, DutyStatus]] = MappingProxyType({
    _S.BREAK: _S.AVAILABLE,
    _S.OUT_OF_SERVICE: _S.AVAILABLE,
    _S.AVAILABLE: _S.OFF_DUTY,  # "available until six": then the crew goes home
})  # fmt: skip
"""What a status with an `until` becomes by itself at that time. `off_duty` has no `until`: a person must come back."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What a team's crew said last."""

    status: DutyStatus
    crew: tuple[str, ...] = ()
    """Ids of the roster's members who are there."""
    until: datetime | None = None
    reason: str | None = None


class IllegalDutyChange(Refusal):
    """The duty status cannot follow the present one."""

    title = "Illegal duty change"


class TeamHeld(Refusal):
    """The team has work, so it cannot go on break or off duty."""

    title = "The team has work"


def duty_at(duty: Duty, at: datetime, *, held: bool) -> Duty:
    """Return the duty as it is at `at`: what had an end that has passed has ended.

    A held team does not go off duty by itself either; it does when its hold is released.
    """
    if duty.until is None or at < duty.until:
        return duty
    after = AFTER_UNTIL.get(duty.status, duty.status)
    if held and after in REFUSED_WHILE_HELD:
        return duty
    crew = () if after is DutyStatus.OFF_DUTY else duty.crew
    return Duty(after, crew)


def change(present: Duty, wanted: Duty, *, roster: Collection[str], held: bool, at: datetime) -> Duty:
    """Return the duty that `wanted` makes of the `present` one (as `duty_at` gives it). Off duty means an empty crew.

    Raises Invalid for a crew that is not on the roster or an `until` that makes no sense, IllegalDutyChange, TeamHeld.
    """
    _check_crew(wanted.crew, roster)
    _check_until(wanted, at)
    if held and wanted.status in REFUSED_WHILE_HELD:
        raise TeamHeld("The team has work: decline it or clear it first.", duty_status=present.status.value)
    if wanted.status not in CHANGES[present.status]:
        legal = sorted(status.value for status in CHANGES[present.status])
        detail = f"A team that is {present.status} cannot go to {wanted.status}."
        raise IllegalDutyChange(detail, duty_status=present.status.value, legal=legal)
    return replace(wanted, crew=()) if wanted.status is DutyStatus.OFF_DUTY else wanted


def _check_crew(crew: tuple[str, ...], roster: Collection[str]) -> None:
    seen: set[str] = set()
    for place, member in enumerate(crew):
        if member not in roster:
            raise Invalid("This member is not on the team's roster.", pointer=f"/crew/{place}")
        if member in seen:
            raise Invalid("This member is named twice.", pointer=f"/crew/{place}")
        seen.add(member)


def _check_until(wanted: Duty, at: datetime) -> None:
    if wanted.until is None:
        return
    if wanted.status not in AFTER_UNTIL:
        raise Invalid("Off duty has no `until`: the team says when it is back.", pointer="/until")
    if wanted.until <= at:
        raise Invalid("`until` has passed already.", pointer="/until")
