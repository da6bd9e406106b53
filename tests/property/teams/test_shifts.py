"""What no plan of shifts may break, whatever it says and whenever it is asked."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import MO, WEEKLY, rrule
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.teams.domain.shifts import DAY_MINUTES, Plan, Span, Weekly, check, on_shift, shift_at
from shared.errors import Invalid

ZONES = ("America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu")
START = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.integers(0, 2 * 365 * DAY_MINUTES).map(lambda minute: START + timedelta(minutes=minute))


@st.composite
def weeklies(draw: st.DrawFn, zone: str | None = None) -> Weekly:
    start = draw(st.integers(0, DAY_MINUTES - 1))
    length = draw(st.integers(1, DAY_MINUTES))
    return Weekly(draw(st.integers(0, 6)), start, start + length, zone or draw(st.sampled_from(ZONES)))


@st.composite
def spans(draw: st.DrawFn) -> Span:
    starts_at = draw(moments)
    return Span(starts_at, starts_at + timedelta(minutes=draw(st.integers(1, 3 * DAY_MINUTES))))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    zone = draw(st.sampled_from(ZONES))
    return Plan(
        tuple(draw(st.lists(weeklies(zone), max_size=6))),
        tuple(draw(st.lists(spans(), max_size=3))),
        tuple(draw(st.lists(spans(), max_size=3))),
    )


def on_shift_by_the_wall(shift: Weekly, at: datetime) -> bool:
    """Say what a person with a clock on the wall would: valid where no clocks change near."""
    local = at.astimezone(ZoneInfo(shift.zone))
    minute = local.hour * 60 + local.minute
    today = local.weekday() == shift.weekday and shift.from_minute <= minute < shift.to_minute
    yesterday = (local.weekday() - 1) % 7 == shift.weekday and minute < shift.to_minute - DAY_MINUTES
    return today or yesterday


def clocks_change_near(zone: str, at: datetime) -> bool:
    offsets = {(at + timedelta(days=n)).astimezone(ZoneInfo(zone)).utcoffset() for n in range(-3, 4)}
    return len(offsets) > 1


@given(weeklies(), moments)
def test_away_from_changes_of_clocks_a_shift_is_what_the_wall_clock_says(shift: Weekly, at: datetime) -> None:
    assume(not clocks_change_near(shift.zone, at))
    assert (shift_at(Plan((shift,)), at) is not None) is on_shift_by_the_wall(shift, at)


@given(plans(), moments)
def test_a_cover_holds_its_moment_and_ends_where_nobody_is_on_shift(plan: Plan, at: datetime) -> None:
    span = shift_at(plan, at)
    if span is None:
        return
    assert span.starts_at <= at < span.ends_at
    if span.ends_at < datetime.max.replace(tzinfo=UTC):
        assert shift_at(plan, span.ends_at) is None
        last = shift_at(plan, span.ends_at - timedelta(microseconds=1))
        assert last is not None
        assert last.ends_at == span.ends_at


@given(plans(), moments)
def test_time_off_is_off_but_for_dated_shifts(plan: Plan, at: datetime) -> None:
    off = any(span.starts_at <= at < span.ends_at for span in plan.off)
    dated = any(span.starts_at <= at < span.ends_at for span in plan.dated)
    found = shift_at(plan, at) is not None
    if dated:
        assert found
    elif off:
        assert not found
    else:
        assert found is (shift_at(Plan(plan.weekly), at) is not None)


@given(st.lists(weeklies("UTC"), max_size=5))
def test_a_weekly_plan_is_refused_exactly_when_two_shifts_share_a_minute(shifts: list[Weekly]) -> None:
    week = 7 * DAY_MINUTES
    taken: set[int] = set()
    overlap = False
    for shift in shifts:
        start = shift.weekday * DAY_MINUTES + shift.from_minute
        minutes = {minute % week for minute in range(start, start + shift.to_minute - shift.from_minute)}
        overlap |= bool(taken & minutes)
        taken |= minutes
    try:
        check(Plan(tuple(shifts)))
    except Invalid:
        assert overlap
    else:
        assert not overlap


days = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@st.composite
def patterns(draw: st.DrawFn, zone: str | None = None) -> Weekly:
    shift = draw(weeklies(zone))
    every_weeks = draw(st.integers(1, 8))
    starts_on = draw(days if every_weeks > 1 else st.none() | days)
    return replace(shift, every_weeks=every_weeks, starts_on=starts_on, ends_on=draw(st.none() | days))


def days_counted_from_the_start(shift: Weekly, first: date, last: date) -> list[date]:
    """Return the days of a pattern by walking through all of its weeks: plain, and slow."""
    start = max(first, shift.starts_on or first) if shift.every_weeks == 1 else (shift.starts_on or first)
    begin, from_, until = (datetime.combine(day, time(0)) for day in (start, first, min(last, shift.ends_on or last)))
    rule = rrule(WEEKLY, dtstart=begin, interval=shift.every_weeks, byweekday=shift.weekday, wkst=MO)
    return [day.date() for day in rule.between(from_, until, inc=True)]


@given(patterns(), days, st.integers(-3, 120))
@example(Weekly(0, 0, 60, "UTC", 2, date(2000, 1, 2)), date(2000, 1, 1), 30)  # counted from the week of a Sunday
@example(Weekly(6, 0, 60, "UTC", 8, date(2026, 1, 1), date(2026, 1, 4)), date(2026, 1, 4), 0)
def test_a_pattern_falls_on_the_days_that_its_weeks_counted_from_the_start_give(
    shift: Weekly, first: date, length: int
) -> None:
    last = min(first, date(2099, 6, 1)) + timedelta(days=length)
    assert shift.days(first, last) == days_counted_from_the_start(shift, first, last)


@st.composite
def crowded(draw: st.DrawFn) -> Plan:
    """A plan whose weekly and dated shifts and times off are all in the same few weeks."""
    zone = draw(st.sampled_from(ZONES))
    minutes = st.integers(0, 40 * DAY_MINUTES)
    near = st.builds(
        lambda start, length: Span(START + timedelta(minutes=start), START + timedelta(minutes=start + length)),
        minutes, st.integers(1, 2000),
    )  # fmt: skip
    weekly = draw(st.lists(weeklies(zone), max_size=2))
    return Plan(tuple(weekly), tuple(draw(st.lists(near, max_size=3))), tuple(draw(st.lists(near, max_size=3))))


@given(crowded())
def test_a_dated_shift_is_refused_exactly_where_it_overlaps_one_of_the_week(plan: Plan) -> None:
    try:
        check(replace(plan, dated=()))
        check(replace(plan, weekly=()))
    except Invalid:
        assume(False)
    weekly_only = replace(plan, dated=())
    overlaps = [bool(on_shift(weekly_only, span)) for span in plan.dated]
    if not any(overlaps):
        check(plan)
        return
    with pytest.raises(Invalid) as refused:
        check(plan)
    assert refused.value.facts["errors"][0]["pointer"] == f"/dated/{overlaps.index(True)}"
