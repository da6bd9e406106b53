"""Duty: every status after every status, held and not, and what ends by itself."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from services.teams.domain.duty import Duty, DutyStatus, IllegalDutyChange, TeamHeld, change, duty_at
from shared.errors import Invalid

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
ROSTER = frozenset({"a", "b", "c"})
S = DutyStatus

ILLEGAL = {(S.OFF_DUTY, S.BREAK)}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_status_may_follow_every_other_but_a_break_from_off_duty(before: DutyStatus, after: DutyStatus) -> None:
    def ask() -> Duty:
        return change(Duty(before), Duty(after, ("a",)), roster=ROSTER, held=False, at=NOW)

    if (before, after) in ILLEGAL:
        with pytest.raises(IllegalDutyChange) as refused:
            ask()
        assert refused.value.facts["legal"] == ["available", "off_duty", "out_of_service"]
    else:
        assert ask().status is after


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_a_held_team_goes_neither_on_break_nor_off_duty(before: DutyStatus, after: DutyStatus) -> None:
    def ask() -> Duty:
        return change(Duty(before), Duty(after), roster=ROSTER, held=True, at=NOW)

    if after in {S.BREAK, S.OFF_DUTY}:
        with pytest.raises(TeamHeld):
            ask()
    else:
        assert ask().status is after


def test_off_duty_empties_the_crew() -> None:
    wanted = Duty(S.OFF_DUTY, ("a", "b"), reason="the shift is over")
    after = change(Duty(S.AVAILABLE, ("a", "b")), wanted, roster=ROSTER, held=False, at=NOW)
    assert after == Duty(S.OFF_DUTY, (), None, "the shift is over")


@pytest.mark.parametrize(
    ("crew", "pointer"), [(("a", "x"), "/crew/1"), (("x",), "/crew/0"), (("a", "b", "a"), "/crew/2")]
)
def test_a_crew_is_of_the_roster_and_names_nobody_twice(crew: tuple[str, ...], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        change(Duty(S.OFF_DUTY), Duty(S.AVAILABLE, crew), roster=ROSTER, held=False, at=NOW)
    assert refused.value.facts["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("status", "until"), [(S.BREAK, NOW), (S.BREAK, NOW - timedelta(seconds=1)), (S.OFF_DUTY, LATER)]
)
def test_an_until_that_makes_no_sense_is_refused(status: DutyStatus, until: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        change(Duty(S.AVAILABLE), Duty(status, ("a",), until), roster=ROSTER, held=False, at=NOW)
    assert refused.value.facts["errors"][0]["pointer"] == "/until"


@pytest.mark.parametrize(
    ("status", "after"),
    [(S.BREAK, S.AVAILABLE), (S.OUT_OF_SERVICE, S.AVAILABLE), (S.AVAILABLE, S.OFF_DUTY)],
)
def test_what_has_an_end_ends_at_that_instant(status: DutyStatus, after: DutyStatus) -> None:
    stored = Duty(status, ("a", "b"), LATER, "why")
    assert duty_at(stored, LATER - timedelta(microseconds=1), held=False) == stored
    ended = duty_at(stored, LATER, held=False)
    assert ended == Duty(after, () if after is S.OFF_DUTY else ("a", "b"))


def test_a_held_team_does_not_go_off_duty_by_itself_but_comes_back_from_a_break() -> None:
    available = Duty(S.AVAILABLE, ("a", "b"), NOW)
    assert duty_at(available, LATER, held=True) == available
    assert duty_at(Duty(S.BREAK, ("a",), NOW), LATER, held=True) == Duty(S.AVAILABLE, ("a",))


@pytest.mark.parametrize("status", S)
def test_without_an_until_nothing_ends(status: DutyStatus) -> None:
    duty = Duty(status, ("a",))
    assert duty_at(duty, NOW + timedelta(days=365), held=False) == duty
