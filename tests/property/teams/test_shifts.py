"""What no plan of shifts may break, whatever it says and whenever it is asked."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from services.teams.domain.shifts import DAY_MINUTES, Plan, Span, Weekly, check, shift_at
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
