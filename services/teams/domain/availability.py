"""Whether a team may be offered work at an instant, and if not, why not. Every reason counts by itself; none outweighs another."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from services.teams.domain.duty import Duty, DutyStatus, duty_at
from services.teams.domain.shifts import Plan, shift_at


class Reason(StrEnum):
    """Why a team is not offerable, in the order in which reasons are listed."""

    RETIRED = "retired"
    OFF_SHIFT = "off_shift"
    BREAK = "break"
    OUT_OF_SERVICE = "out_of_service"
    OFF_DUTY = "off_duty"
    CREW_BELOW_MINIMUM = "crew_below_minimum"
    HELD = "held"


_OF_DUTY = {
    DutyStatus.BREAK: Reason.BREAK,
    DutyStatus.OUT_OF_SERVICE: Reason.OUT_OF_SERVICE,
    DutyStatus.OFF_DUTY: Reason.OFF_DUTY,
}


@dataclass(frozen=True, slots=True)
class TeamState:
    """What is stored of a team and decides whether it may be offered work. A position is not needed: there is the base."""

    retired: bool
    duty: Duty
    minimum_crew: int
    plan: Plan
    held_by: UUID | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A team at an instant."""

    duty: Duty
    reasons: tuple[Reason, ...]
    shift_ends_at: datetime | None
    """None: not on shift, or no end in sight."""

    @property
    def offerable(self) -> bool:
        """Say whether the team may be offered work now."""
        return not self.reasons


def standing(team: TeamState, at: datetime) -> Standing:
    """Return how the team stands at `at`: times that have passed since it was stored are counted."""
    duty = duty_at(team.duty, at, held=team.held_by is not None)
    shift = shift_at(team.plan, at)
    found = {
        Reason.RETIRED: team.retired,
        Reason.OFF_SHIFT: shift is None,
        Reason.CREW_BELOW_MINIMUM: len(duty.crew) < team.minimum_crew,
        Reason.HELD: team.held_by is not None,
    }
    if duty.status in _OF_DUTY:
        found[_OF_DUTY[duty.status]] = True
    ends_at = None if shift is None or shift.ends_at == datetime.max.replace(tzinfo=UTC) else shift.ends_at
    return Standing(duty, tuple(reason for reason in Reason if found.get(reason)), ends_at)
