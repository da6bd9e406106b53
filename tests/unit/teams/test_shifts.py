"""Shifts: the wall clock of Los Angeles over both changes of 2027, times off, dated shifts, and what cannot be planned."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrule

from services.teams.domain import shifts
from services.teams.domain.shifts import Plan, Span, Weekly, check, shift_at
from shared.errors import Invalid

LA = "America/Los_Angeles"
H = 60
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6


def wall(year: int, month: int, day: int, hour: int = 0, minute: int = 0, *, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(LA), fold=fold)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def offerable_minutes(plan: Plan, first: datetime, last: datetime) -> int:
    """Count the minutes on shift between two instants, by asking about each."""
    minutes = int((last - first) / timedelta(minutes=1))
    start = first.astimezone(UTC)
    return sum(shift_at(plan, start + timedelta(minutes=n)) is not None for n in range(minutes))


def weekly(weekday: int, start: int, end: int) -> Plan:
    return Plan(weekly=(Weekly(weekday, start, end, LA),))


SPRING, AUTUMN = date(2027, 3, 14), date(2027, 11, 7)
AROUND_SPRING = (wall(2027, 3, 13, 12), wall(2027, 3, 15, 12))
AROUND_AUTUMN = (wall(2027, 11, 6, 12), wall(2027, 11, 8, 12))


@pytest.mark.parametrize(
    ("weekday", "start", "end", "spring", "autumn"),
    [
        # On both days 02:00 is where the clocks change: in spring 02:00-03:00 is skipped, in autumn 01:00-02:00 comes twice.
        (SATURDAY, 22 * H, 30 * H, 7 * H, 9 * H),  # 22:00-06:00, over the change
        (SUNDAY, 0, 24 * H, 23 * H, 25 * H),  # the whole day
        (SUNDAY, 6 * H, 14 * H, 8 * H, 8 * H),  # after it
        (SATURDAY, 16 * H, 24 * H, 8 * H, 8 * H),  # before it
        (SUNDAY, 0, 2 * H, 2 * H, 3 * H),  # until the change
        (SUNDAY, 3 * H, 6 * H, 3 * H, 3 * H),  # from just after it
        (SUNDAY, 2 * H, 3 * H, 0, 1 * H),  # the hour that spring skips
        (SUNDAY, 1 * H, 2 * H, 1 * H, 2 * H),  # the hour that autumn has twice
        (SUNDAY, 1 * H, 3 * H, 1 * H, 3 * H),
        (SUNDAY, 150, 5 * H, 90, 150),  # from 02:30, which spring does not have: read as 03:30
        (SATURDAY, 22 * H, 26 * H + 30, 4 * H + 30, 5 * H + 30),  # until 02:30, read as 03:30
        (SATURDAY, 22 * H, 25 * H + 30, 3 * H + 30, 3 * H + 30),  # until 01:30: the first one
        (SUNDAY, 90, 5 * H, 2 * H + 30, 4 * H + 30),  # from 01:30: the first one
    ],
)
def test_a_weekly_shift_has_the_right_minutes_on_both_days_of_change(
    weekday: int, start: int, end: int, spring: int, autumn: int
) -> None:
    plan = weekly(weekday, start, end)
    assert offerable_minutes(plan, *AROUND_SPRING) == spring
    assert offerable_minutes(plan, *AROUND_AUTUMN) == autumn


def test_shifts_that_meet_in_the_hour_of_change_neither_overlap_nor_leave_a_gap() -> None:
    night = Plan(weekly=(Weekly(SATURDAY, 22 * H, 25 * H + 30, LA), Weekly(SUNDAY, 90, 6 * H, LA)))
    check(night)
    assert offerable_minutes(night, *AROUND_AUTUMN) == 9 * H
    assert offerable_minutes(night, *AROUND_SPRING) == 7 * H


def test_a_shift_begins_and_ends_at_its_instants() -> None:
    plan = weekly(FRIDAY, 16 * H, 24 * H)
    starts, ends = wall(2026, 11, 27, 16), wall(2026, 11, 28)
    assert shift_at(plan, starts - timedelta(microseconds=1)) is None
    assert shift_at(plan, starts) == Span(starts, ends)
    assert shift_at(plan, ends - timedelta(microseconds=1)) is not None
    assert shift_at(plan, ends) is None


def test_a_shift_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    plan = weekly(SUNDAY, 22 * H, 30 * H)
    assert shift_at(plan, wall(2026, 11, 23, 3)) == Span(wall(2026, 11, 22, 22), wall(2026, 11, 23, 6))
    assert shift_at(plan, wall(2026, 11, 22, 3)) is None


def test_shifts_that_touch_are_one_cover_and_round_the_clock_has_no_end() -> None:
    two = Plan(weekly=(Weekly(MONDAY, 8 * H, 16 * H, LA), Weekly(MONDAY, 16 * H, 24 * H, LA)))
    assert shift_at(two, wall(2026, 11, 23, 9)) == Span(wall(2026, 11, 23, 8), wall(2026, 11, 24))
    always = Plan(weekly=tuple(Weekly(day, 0, 24 * H, LA) for day in range(7)))
    span = shift_at(always, wall(2026, 11, 23, 9))
    assert span is not None
    assert span.ends_at == datetime.max.replace(tzinfo=UTC)
    for change in (SPRING, AUTUMN):
        start = datetime.combine(change, datetime.min.time(), ZoneInfo(LA)) - timedelta(days=1)
        assert offerable_minutes(always, start, start.astimezone(UTC) + timedelta(days=3)) == 3 * 24 * H


def test_time_off_is_cut_out_and_a_dated_shift_is_added_even_there() -> None:
    plan = Plan(
        weekly=(Weekly(FRIDAY, 8 * H, 16 * H, LA),),
        dated=(
            Span(wall(2026, 11, 27, 11), wall(2026, 11, 27, 12)),
            Span(wall(2026, 11, 28, 9), wall(2026, 11, 28, 10)),
        ),
        off=(Span(wall(2026, 11, 27, 10), wall(2026, 11, 27, 13)),),
    )
    check(plan)
    hours = {hour for hour in range(24) if shift_at(plan, wall(2026, 11, 27, hour)) is not None}
    assert hours == {8, 9, 11, 13, 14, 15}
    assert shift_at(plan, wall(2026, 11, 28, 9, 59)) is not None
    assert shift_at(plan, wall(2026, 12, 4, 12)) is not None  # the week after is as ever


def test_without_shifts_a_team_is_never_on_shift() -> None:
    assert shift_at(Plan(), utc(2026, 11, 23)) is None


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        (Plan(weekly=(Weekly(0, 480, 960, LA), Weekly(0, 959, 1000, LA))), "/weekly/1"),
        (Plan(weekly=(Weekly(0, 480, 960, LA), Weekly(0, 480, 960, LA))), "/weekly/1"),
        (Plan(weekly=(Weekly(0, 22 * H, 30 * H, LA), Weekly(1, 5 * H, 8 * H, LA))), "/weekly/1"),
        (Plan(weekly=(Weekly(0, 5 * H, 8 * H, LA), Weekly(SUNDAY, 22 * H, 30 * H, LA))), "/weekly/1"),
        (Plan(weekly=(Weekly(SUNDAY, 22 * H, 30 * H, LA), Weekly(0, 5 * H, 8 * H, LA))), "/weekly/1"),
        (Plan(weekly=(Weekly(0, 480, 960, "Mars/Olympus"),)), "/weekly/0/time_zone"),
        (Plan(weekly=(Weekly(0, 480, 960, "America"),)), "/weekly/0/time_zone"),
        (Plan(weekly=(Weekly(0, 480, 960, "../../etc/passwd"),)), "/weekly/0/time_zone"),
        (Plan(weekly=(Weekly(0, 480, 960, LA), Weekly(1, 480, 960, "UTC"))), "/weekly/1/time_zone"),
        (Plan(dated=(Span(utc(2027, 1, 2), utc(2027, 1, 2)),)), "/dated/0/ends_at"),
        (Plan(dated=(Span(utc(2027, 1, 2), utc(2027, 1, 1)),)), "/dated/0/ends_at"),
        (Plan(dated=(Span(utc(2027, 1, 2), utc(2027, 3, 1)),)), "/dated/0/ends_at"),
        (Plan(dated=(Span(utc(1999, 1, 2), utc(1999, 1, 3)),)), "/dated/0/starts_at"),
        (Plan(off=(Span(utc(9998, 12, 30), utc(9999, 1, 2)),)), "/off/0/starts_at"),
        (
            Plan(dated=(Span(utc(2027, 1, 2, 12), utc(2027, 1, 2, 18)), Span(utc(2027, 1, 2, 6), utc(2027, 1, 2, 13)))),
            "/dated/1",
        ),
        (
            Plan(weekly=(Weekly(FRIDAY, 480, 960, LA),), dated=(Span(wall(2026, 11, 27, 15), wall(2026, 11, 27, 18)),)),
            "/dated/0",
        ),
        (
            Plan(
                weekly=(Weekly(FRIDAY, 22 * H, 30 * H, LA),),
                dated=(Span(wall(2026, 11, 28, 5), wall(2026, 11, 28, 7)),),
            ),
            "/dated/0",
        ),
    ],
)
def test_what_cannot_be_planned_is_named(plan: Plan, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(plan)
    assert refused.value.facts["errors"][0]["pointer"] == pointer


def test_shifts_that_only_touch_are_accepted() -> None:
    check(Plan(weekly=(Weekly(SUNDAY, 22 * H, 30 * H, LA), Weekly(MONDAY, 6 * H, 14 * H, LA))))
    check(
        Plan(weekly=(Weekly(FRIDAY, 8 * H, 16 * H, LA),), dated=(Span(wall(2026, 11, 27, 16), wall(2026, 11, 27, 18)),))
    )


def test_a_pattern_that_began_long_ago_is_counted_from_near_the_days_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[datetime] = []

    def counted(*args: Any, **more: Any) -> rrule:
        begun.append(more["dtstart"])
        return rrule(*args, **more)

    monkeypatch.setattr(shifts, "rrule", counted)
    shift = Weekly(FRIDAY, 480, 960, LA, every_weeks=8, starts_on=date(2000, 1, 5))
    [day] = shift.days(date(2098, 1, 10), date(2098, 3, 6))
    assert (day - date(2000, 1, 7)) % timedelta(weeks=8) == timedelta(0)
    assert date(2098, 1, 10) - begun[0].date() <= timedelta(weeks=8)


def test_days_on_which_many_dated_shifts_lie_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[timedelta] = []
    real = shifts._occurrences

    def counted(weekly: tuple[Weekly, ...], first: date, last: date) -> list[Span]:
        looked_at.append(last - first)
        return real(weekly, first, last)

    monkeypatch.setattr(shifts, "_occurrences", counted)
    noons = [utc(2027, 1, 1, 12) + timedelta(days=n) for n in range(100)]
    far = utc(2090, 1, 1)
    dated = tuple(Span(noon, noon + timedelta(hours=1)) for noon in (*noons, far))
    check(Plan(weekly=(Weekly(FRIDAY, 0, 60, "UTC"),), dated=dated))
    assert sum(looked_at, timedelta()) == timedelta(days=102 + 3)
