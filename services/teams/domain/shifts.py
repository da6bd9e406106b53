"""Planned shifts: a weekly pattern on the wall clock of a time zone, less times off, plus dated shifts.

Wall times become instants by the rule of RFC 5545, 3.3.5: a time that a change of clocks skips is read with the offset before
the gap, one that comes twice is its first coming. So a shift from 22:00 to 06:00 has seven hours on 14 March 2027 in
Los Angeles and nine on 7 November.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from shared.errors import Invalid

DAY_MINUTES: Final = 24 * 60
_WEEK_MINUTES: Final = 7 * DAY_MINUTES
HORIZON: Final = timedelta(days=7)
"""Cover that runs on beyond this is said to have no end."""
LONGEST: Final = timedelta(days=31)
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """From `starts_at` up to, not including, `ends_at`."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Weekly:
    """One shift of every week, in minutes after midnight of its weekday; one past midnight ends after minute 1440."""

    weekday: int
    """Monday is 0."""
    from_minute: int
    to_minute: int
    zone: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A team's planned shifts. On shift is (weekly, less off) or dated."""

    weekly: tuple[Weekly, ...] = ()
    dated: tuple[Span, ...] = ()
    off: tuple[Span, ...] = ()


def shift_at(plan: Plan, at: datetime) -> Span | None:
    """Return the unbroken cover around `at`, or None when the team is not on shift.

    Shifts that touch are one cover. One whose end is more than `HORIZON` away ends at `datetime.max`.
    """
    day = at.astimezone(UTC).date()
    for span in _cover(plan, day):
        if span.starts_at <= at < span.ends_at:
            endless = span.ends_at >= _midnight(day) + HORIZON
            return Span(span.starts_at, datetime.max.replace(tzinfo=UTC)) if endless else span
    return None


def check(plan: Plan) -> None:
    """Raise Invalid, with a pointer to the entry, for what cannot be planned: overlaps, unknown zones, empty or endless spans."""
    for kind, spans in (("dated", plan.dated), ("off", plan.off)):
        for place, span in enumerate(spans):
            _check_span(span, f"/{kind}/{place}")
    _check_weekly(plan.weekly)
    _check_dated(plan)


def _check_span(span: Span, pointer: str) -> None:
    if span.ends_at <= span.starts_at:
        raise Invalid("It must end after it starts.", pointer=f"{pointer}/ends_at")
    if span.ends_at - span.starts_at > LONGEST:
        raise Invalid(f"It may last {LONGEST.days} days at most.", pointer=f"{pointer}/ends_at")
    if not _EARLIEST <= span.starts_at <= _LATEST:
        raise Invalid("The year must be from 2000 to 2099.", pointer=f"{pointer}/starts_at")


def _check_weekly(weekly: tuple[Weekly, ...]) -> None:
    placed: list[tuple[int, int, int]] = []
    for place, shift in enumerate(weekly):
        if shift.zone not in _zones():
            raise Invalid(
                "There is no such time zone; write one like America/Los_Angeles.", pointer=f"/weekly/{place}/time_zone"
            )
        if shift.zone != weekly[0].zone:
            raise Invalid("All weekly shifts of a team are in one time zone.", pointer=f"/weekly/{place}/time_zone")
        start = shift.weekday * DAY_MINUTES + shift.from_minute
        end = start + shift.to_minute - shift.from_minute
        for from_, to in ((start, end), (start - _WEEK_MINUTES, end - _WEEK_MINUTES)):  # Sunday night runs into Monday
            for other, other_start, other_end in placed:
                if from_ < other_end and other_start < to:
                    detail = f"It overlaps weekly shift {other}."
                    raise Invalid(detail, pointer=f"/weekly/{place}")
        placed += [(place, start, end), (place, start - _WEEK_MINUTES, end - _WEEK_MINUTES)]


def _check_dated(plan: Plan) -> None:
    in_order = sorted(enumerate(plan.dated), key=lambda entry: entry[1])
    for (first, earlier), (second, later) in pairwise(in_order):
        if later.starts_at < earlier.ends_at:
            raise Invalid(f"It overlaps dated shift {min(first, second)}.", pointer=f"/dated/{max(first, second)}")
    for place, span in enumerate(plan.dated):
        days = _days(span.starts_at.date() - timedelta(days=2), span.ends_at.date() + timedelta(days=1))
        for worked in _less(_occurrences(plan.weekly, days), plan.off):
            if worked.starts_at < span.ends_at and span.starts_at < worked.ends_at:
                detail = "It overlaps a weekly shift; put the time that it replaces under `off`."
                raise Invalid(detail, pointer=f"/dated/{place}")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@lru_cache(maxsize=8192)
def _cover(plan: Plan, day: date) -> tuple[Span, ...]:
    """Return the merged spans that touch the UTC day or the `HORIZON` after it."""
    days = _days(day - timedelta(days=3), day + HORIZON + timedelta(days=3))
    window = Span(_midnight(day) - timedelta(days=2), _midnight(day) + HORIZON + timedelta(days=2))
    spans = [*_less(_occurrences(plan.weekly, days), plan.off), *plan.dated]
    return tuple(_merged(s for s in spans if s.starts_at < window.ends_at and window.starts_at < s.ends_at))


def _occurrences(weekly: tuple[Weekly, ...], days: Iterable[date]) -> list[Span]:
    spans = []
    for day in days:
        for shift in weekly:
            if shift.weekday == day.weekday():
                zone = ZoneInfo(shift.zone)
                span = Span(_instant(day, shift.from_minute, zone), _instant(day, shift.to_minute, zone))
                if span.starts_at < span.ends_at:  # a shift inside the hour that spring skips does not take place
                    spans.append(span)
    return spans


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    days, rest = divmod(minute, DAY_MINUTES)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone).astimezone(UTC)


def _less(spans: Iterable[Span], off: Iterable[Span]) -> list[Span]:
    left = list(spans)
    for gone in off:
        cut: list[Span] = []
        for span in left:
            if gone.ends_at <= span.starts_at or span.ends_at <= gone.starts_at:
                cut.append(span)
                continue
            if span.starts_at < gone.starts_at:
                cut.append(Span(span.starts_at, gone.starts_at))
            if gone.ends_at < span.ends_at:
                cut.append(Span(gone.ends_at, span.ends_at))
        left = cut
    return left


def _merged(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.starts_at <= joined[-1].ends_at:
            joined[-1] = Span(joined[-1].starts_at, max(joined[-1].ends_at, span.ends_at))
        else:
            joined.append(span)
    return joined
