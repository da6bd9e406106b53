"""Whether a team may be offered work at an instant, and if not, why not. Every reason counts by itself; none outweighs another."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.teams.domain.crew import Ability, Member, ability, next_expiry
from services.teams.domain.duty import Duty, DutyStatus, duty_at
from services.teams.domain.shifts import NO_END, Plan, next_change, next_midnight, shift_at


class Reason(StrEnum):
    """Why a team is not offerable, in the order in which reasons are listed."""

    RETIRED = "retired"
    OFF_SHIFT = "off_shift"
    BREAK = "break"
    OUT_OF_SERVICE = "out_of_service"
    OFF_DUTY = "off_duty"
    CREW_BELOW_MINIMUM = "crew_below_minimum"
    CREW_NOT_CERTIFIED = "crew_not_certified"
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
    claimed: Ability | None = None
    """What the provider says of the team; None: not asked."""
    roster: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """A team at an instant."""

    duty: Duty
    reasons: tuple[Reason, ...]
    shift_ends_at: datetime | None
    """None: not on shift, or no end in sight."""
    ability: Ability | None = None
    """What the crew on duty can do."""

    @property
    def offerable(self) -> bool:
        """Say whether the team may be offered work now."""
        return not self.reasons


def standing(team: TeamState, at: datetime) -> Standing:
    """Return how the team stands at `at`: times that have passed since it was stored are counted."""
    duty = duty_at(team.duty, at, held=team.held_by is not None)
    shift = shift_at(team.plan, at)
    able = team.claimed and ability(team.claimed, team.roster, duty.crew, at)
    found = {
        Reason.RETIRED: team.retired,
        Reason.OFF_SHIFT: shift is None,
        Reason.CREW_BELOW_MINIMUM: len(duty.crew) < team.minimum_crew,
        Reason.CREW_NOT_CERTIFIED: able is not None and not able.disciplines,
        Reason.HELD: team.held_by is not None,
    }
    if duty.status in _OF_DUTY:
        found[_OF_DUTY[duty.status]] = True
    ends_at = None if shift is None or shift.ends_at == NO_END else shift.ends_at
    return Standing(duty, tuple(reason for reason in Reason if found.get(reason)), ends_at, able)


def stands_until(team: TeamState, at: datetime) -> datetime:
    """Return how long `standing` stays what it is at `at`, if nothing is written meanwhile."""
    ends = [next_change(team.plan, at), team.duty.until, next_expiry(team.roster, at)]
    if (shift := shift_at(team.plan, at)) is not None and shift.ends_at == NO_END:
        ends.append(next_midnight(at))  # the horizon moves on with the day, and an end may come in sight
    return min(moment for moment in ends if moment is not None and moment > at)
