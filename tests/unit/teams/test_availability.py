"""Why a team may be offered work or not: each reason beside its absence; and what a hold asks for."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.teams.domain.availability import Reason, TeamState, standing, stands_until
from services.teams.domain.duty import Duty, DutyStatus
from services.teams.domain.holds import HoldMismatch, HoldReleased, HoldState, against, settled
from services.teams.domain.shifts import HORIZON, Plan, Span

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ON_SHIFT = Plan(dated=(Span(NOW - timedelta(hours=1), NOW + timedelta(hours=1)),))
ASSIGNMENT, TEAM, INCIDENT = uuid4(), uuid4(), uuid4()


def team(
    *, retired: bool = False, duty: Duty | None = None, plan: Plan = ON_SHIFT, held: bool = False, minimum_crew: int = 2
) -> TeamState:
    duty = duty or Duty(DutyStatus.AVAILABLE, ("a", "b"))
    return TeamState(retired, duty, minimum_crew, plan, ASSIGNMENT if held else None)


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        (team(), []),
        (team(plan=Plan()), [Reason.OFF_SHIFT]),
        (team(duty=Duty(DutyStatus.BREAK, ("a", "b"))), [Reason.BREAK]),
        (team(duty=Duty(DutyStatus.OUT_OF_SERVICE, ("a", "b"))), [Reason.OUT_OF_SERVICE]),
        (team(duty=Duty(DutyStatus.OFF_DUTY)), [Reason.OFF_DUTY, Reason.CREW_BELOW_MINIMUM]),
        (team(duty=Duty(DutyStatus.AVAILABLE, ("a",))), [Reason.CREW_BELOW_MINIMUM]),
        (team(duty=Duty(DutyStatus.AVAILABLE, ("a",)), minimum_crew=1), []),
        (team(held=True), [Reason.HELD]),
        (team(retired=True), [Reason.RETIRED]),
        (team(held=True, plan=Plan(), duty=Duty(DutyStatus.BREAK)), [
            Reason.OFF_SHIFT, Reason.BREAK, Reason.CREW_BELOW_MINIMUM, Reason.HELD
        ]),
    ],
)  # fmt: skip
def test_each_reason_counts_by_itself(state: TeamState, reasons: list[Reason]) -> None:
    now = standing(state, NOW)
    assert list(now.reasons) == reasons
    assert now.offerable is (not reasons)


def test_the_shift_ends_and_the_break_ends_without_anything_being_written() -> None:
    on_break = team(duty=Duty(DutyStatus.BREAK, ("a", "b"), NOW + timedelta(minutes=10)))
    assert standing(on_break, NOW).reasons == (Reason.BREAK,)
    assert standing(on_break, NOW + timedelta(minutes=10)).offerable
    assert standing(on_break, NOW + timedelta(hours=1)).reasons == (Reason.OFF_SHIFT,)
    assert standing(on_break, NOW).shift_ends_at == NOW + timedelta(hours=1)
    assert standing(on_break, NOW + timedelta(hours=1)).shift_ends_at is None


def test_an_end_beyond_the_horizon_comes_in_sight_when_a_day_has_passed() -> None:
    ends_at, midnight = NOW + HORIZON, datetime(2026, 11, 24, tzinfo=UTC)
    far = team(plan=Plan(dated=(Span(NOW - timedelta(hours=1), ends_at),)))
    assert standing(far, NOW).shift_ends_at is None
    assert stands_until(far, NOW) == midnight
    assert standing(far, midnight).shift_ends_at == ends_at
    assert stands_until(far, midnight) == ends_at


def test_a_hold_needs_an_offerable_team_and_names_every_reason_against() -> None:
    assert against(standing(team(), NOW), restore=False) is None
    refusal = against(standing(team(plan=Plan(), held=True), NOW), restore=False)
    assert refusal is not None
    assert refusal.facts["reasons"] == ["off_shift", "held"]


def test_restoring_a_hold_asks_for_nothing_but_that_no_other_is_there() -> None:
    gone = standing(team(plan=Plan(), duty=Duty(DutyStatus.OFF_DUTY), retired=True), NOW)
    assert against(gone, restore=True) is None
    refusal = against(standing(team(held=True, plan=Plan()), NOW), restore=True)
    assert refusal is not None
    assert refusal.facts["reasons"] == ["held"]


def test_a_known_hold_stands_is_another_or_was_released() -> None:
    live = HoldState(ASSIGNMENT, TEAM, INCIDENT, NOW, None)
    assert not settled(None, team_id=TEAM, incident_id=INCIDENT)
    assert settled(live, team_id=TEAM, incident_id=INCIDENT)
    with pytest.raises(HoldMismatch):
        settled(live, team_id=uuid4(), incident_id=INCIDENT)
    with pytest.raises(HoldMismatch):
        settled(live, team_id=TEAM, incident_id=uuid4())
    for released in (HoldState(ASSIGNMENT, TEAM, INCIDENT, NOW, NOW), HoldState(ASSIGNMENT, None, None, None, NOW)):
        with pytest.raises(HoldReleased):
            settled(released, team_id=TEAM, incident_id=INCIDENT)
