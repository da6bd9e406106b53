"""What no sequence of requests may break about duty and availability, as pure values."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.teams.domain.availability import TeamState, standing
from services.teams.domain.duty import REFUSED_WHILE_HELD, Duty, DutyStatus, change, duty_at
from services.teams.domain.shifts import Plan, Span
from shared.errors import Refusal

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
ROSTER = ("a", "b", "c")
untils = st.none() | st.integers(-5, 90).map(lambda minutes: NOW + timedelta(minutes=minutes))
duties = st.builds(
    Duty, st.sampled_from(DutyStatus), st.lists(st.sampled_from((*ROSTER, "x")), max_size=4).map(tuple), untils
)
steps = st.lists(st.tuples(duties, st.booleans(), st.integers(0, 45)), max_size=12)


@given(steps)
def test_nobody_who_is_held_ever_rests_or_goes_home(sequence: list[tuple[Duty, bool, int]]) -> None:
    """A step: what is asked for, whether dispatch then takes or gives back the team, and the minutes that pass."""
    stored, held, at = Duty(DutyStatus.OFF_DUTY), False, NOW
    for wanted, toggles_hold, minutes in sequence:
        with suppress(Refusal):
            stored = change(duty_at(stored, at, held=held), wanted, roster=ROSTER, held=held, at=at)
        present = duty_at(stored, at, held=held)
        assert not (held and present.status in REFUSED_WHILE_HELD)
        assert set(present.crew) <= set(ROSTER)
        assert present.status is not DutyStatus.OFF_DUTY or present.crew == ()
        if toggles_hold:
            held = not held and present.status not in REFUSED_WHILE_HELD
        at += timedelta(minutes=minutes)


plans = st.just(Plan()) | st.just(Plan(dated=(Span(NOW - timedelta(hours=1), NOW + timedelta(hours=1)),)))
teams = st.builds(TeamState, st.booleans(), duties, st.integers(1, 4), plans, st.none() | st.uuids())


@given(teams, st.integers(-120, 120))
def test_a_team_is_offerable_exactly_when_it_is_there_free_and_enough(team: TeamState, minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)
    now = standing(team, at)
    there = not team.retired and any(span.starts_at <= at < span.ends_at for span in team.plan.dated)
    ready = now.duty.status is DutyStatus.AVAILABLE and len(now.duty.crew) >= team.minimum_crew
    assert now.offerable is (there and ready and team.held_by is None)
    assert len(set(now.reasons)) == len(now.reasons)
