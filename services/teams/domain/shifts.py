"""Planned shifts: patterns of weeks on the wall clock of a time zone, less times off, plus dated shifts.

On which days a pattern falls is `dateutil.rrule`'s to say, what a wall clock shows there `zoneinfo`'s. Wall times become
instants by the rule of RFC 5545, 3.3.5: a time that a change of clocks skips is read with the offset before the gap, one
that comes twice is its first coming. So a shift from 22:00 to 06:00 has seven hours on 14 March 2027 in Los Angeles and nine
on 7 November.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from math import lcm
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from dateutil.rrule import MO, WEEKLY, rrule

from shared.errors import Invalid

DAY_MINUTES: Final = 24 * 60
_WEEK_MINUTES: Final = 7 * DAY_MINUTES
HORIZON: Final = timedelta(days=7)
"""Cover that runs on beyond this is said to have no end."""
NO_END: Final = datetime.max.replace(tzinfo=UTC)
LONGEST: Final = timedelta(days=31)
MOST_WEEKS: Final = 8
"""A pattern may come every week, or every second up to every eighth."""
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """From `starts_at` up to, not including, `ends_at`."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Weekly:
    """One shift of every week (or every so many), in minutes after midnight of its weekday; past midnight: over 1440."""

    weekday: int
    """Monday is 0."""
    from_minute: int
    to_minute: int
    zone: str
    every_weeks: int = 1
    starts_on: date | None = None
    """The first day on which it may begin; from its week the others are counted."""
    ends_on: date | None = None
    """The last day on which it may begin."""

    def days(self, first: date, last: date) -> list[date]:
        """Return the days from `first` to `last` on which it begins."""
        counted_from = self.starts_on or first
        monday = counted_from - timedelta(days=counted_from.weekday())
        # Begun near `first`: the rule walks through every week from its start, and that may be a hundred years.
        rounds = (first - monday) // timedelta(weeks=self.every_weeks)
        start = max(counted_from, monday + rounds * timedelta(weeks=self.every_weeks))
        rule = rrule(WEEKLY, dtstart=_naive(start), interval=self.every_weeks, byweekday=self.weekday, wkst=MO)
        until = min(last, self.ends_on or last)
        return [day.date() for day in rule.between(_naive(first), _naive(until), inc=True)]

    @property
    def is_every_week(self) -> bool:
        """Say whether it comes in every week, for ever."""
        return self.every_weeks == 1 and self.starts_on is None and self.ends_on is None


@dataclass(frozen=True, slots=True)
class Plan:
    """A team's planned shifts. On shift is (weekly, less off) or dated."""

    weekly: tuple[Weekly, ...] = ()
    dated: tuple[Span, ...] = ()
    off: tuple[Span, ...] = ()

    def __hash__(self) -> int:
        """Return a hash of little: a snapshot looks up the cover of thousands of plans, and each is one shared object."""
        return hash((len(self.weekly), self.dated[-1:], self.off[-1:], self.weekly[:1] and self.weekly[0].from_minute))


def shift_at(plan: Plan, at: datetime) -> Span | None:
    """Return the unbroken cover around `at`, or None when the team is not on shift.

    Shifts that touch are one cover. One whose end is more than `HORIZON` away ends at `NO_END`.
    """
    day = at.astimezone(UTC).date()
    for span in _cover(plan, day):
        if span.starts_at <= at < span.ends_at:
            endless = span.ends_at >= _midnight(day) + HORIZON
            return Span(span.starts_at, NO_END) if endless else span
    return None


def on_shift(plan: Plan, window: Span) -> list[Span]:
    """Return when the team is on shift within the window, merged and cut to it."""
    day = timedelta(days=1)
    first, last = window.starts_at.astimezone(UTC).date() - 3 * day, window.ends_at.astimezone(UTC).date() + 3 * day
    spans = merged([*less(_occurrences(plan.weekly, first, last), plan.off), *plan.dated])
    cut = (Span(max(span.starts_at, window.starts_at), min(span.ends_at, window.ends_at)) for span in spans)
    return [span for span in cut if span.starts_at < span.ends_at]


def next_change(plan: Plan, at: datetime) -> datetime:
    """Return when the team next comes on or off shift; what lies beyond `HORIZON` is asked again then."""
    day = at.astimezone(UTC).date()
    moments = (moment for span in _cover(plan, day) for moment in span if moment > at)
    return min(moments, default=_midnight(day) + HORIZON)


def next_midnight(at: datetime) -> datetime:
    """Return when the UTC day of `at` ends, with which `HORIZON` moves on."""
    return _midnight(at.astimezone(UTC).date() + timedelta(days=1))


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
        _check_pattern(shift, f"/weekly/{place}")
        start = shift.weekday * DAY_MINUTES + shift.from_minute
        end = start + shift.to_minute - shift.from_minute
        for from_, to in ((start, end), (start - _WEEK_MINUTES, end - _WEEK_MINUTES)):  # Sunday night runs into Monday
            for other, other_start, other_end in placed:
                if from_ < other_end and other_start < to and _meet(weekly[other], shift):
                    detail = f"It overlaps weekly shift {other}."
                    raise Invalid(detail, pointer=f"/weekly/{place}")
        placed += [(place, start, end), (place, start - _WEEK_MINUTES, end - _WEEK_MINUTES)]


def _check_pattern(shift: Weekly, pointer: str) -> None:
    if not 1 <= shift.every_weeks <= MOST_WEEKS:
        raise Invalid(f"A pattern comes every week up to every {MOST_WEEKS} weeks.", pointer=f"{pointer}/every_weeks")
    if shift.every_weeks > 1 and shift.starts_on is None:
        raise Invalid("Say from which week the others are counted.", pointer=f"{pointer}/starts_on")
    for name, day in (("starts_on", shift.starts_on), ("ends_on", shift.ends_on)):
        if day is not None and not _EARLIEST.date() <= day <= _LATEST.date():
            raise Invalid("The year must be from 2000 to 2099.", pointer=f"{pointer}/{name}")
    if shift.starts_on and shift.ends_on and shift.ends_on < shift.starts_on:
        raise Invalid("It must end after it starts.", pointer=f"{pointer}/ends_on")


def _meet(one: Weekly, other: Weekly) -> bool:
    """Say whether two shifts that share minutes of the week ever fall into the same time by the wall clock."""
    if one.is_every_week and other.is_every_week:
        return True
    first = max(one.starts_on or _EARLIEST.date(), other.starts_on or _EARLIEST.date()) - timedelta(weeks=1)
    last = first + timedelta(weeks=2 * lcm(one.every_weeks, other.every_weeks) + 2)
    walls = [
        [(_naive(day) + timedelta(minutes=s.from_minute), _naive(day) + timedelta(minutes=s.to_minute)) for day in s.days(first, last)]
        for s in (one, other)
    ]  # fmt: skip
    return any(a[0] < b[1] and b[0] < a[1] for a in walls[0] for b in walls[1])


def _check_dated(plan: Plan) -> None:
    in_order = sorted(enumerate(plan.dated), key=lambda entry: entry[1])
    for (first, earlier), (second, later) in pairwise(in_order):
        if later.starts_at < earlier.ends_at:
            raise Invalid(f"It overlaps dated shift {min(first, second)}.", pointer=f"/dated/{max(first, second)}")
    worked = _worked_around(plan)
    ends = [span.ends_at for span in worked]
    for place, span in enumerate(plan.dated):
        next_one = bisect_right(ends, span.starts_at)  # the first weekly shift that does not end before
        if next_one < len(worked) and worked[next_one].starts_at < span.ends_at:
            detail = "It overlaps a weekly shift; put the time that it replaces under `off`."
            raise Invalid(detail, pointer=f"/dated/{place}")


def _worked_around(plan: Plan) -> list[Span]:
    """Return the weekly shifts, less `off`, on the days of the dated shifts and near them: each once, merged and in order."""
    day = timedelta(days=1)
    near = merged(
        Span(_midnight(span.starts_at.date() - 2 * day), _midnight(span.ends_at.date() + day)) for span in plan.dated
    )
    worked: list[Span] = []
    for first, last in near:
        off = [gone for gone in plan.off if gone.starts_at < last + 3 * day and first - 2 * day < gone.ends_at]
        worked += less(_occurrences(plan.weekly, first.date(), last.date()), off)
    return merged(worked)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


def _naive(day: date) -> datetime:
    return datetime.combine(day, time(0))


@lru_cache(maxsize=8192)
def _cover(plan: Plan, day: date) -> tuple[Span, ...]:
    """Return the merged spans that touch the UTC day or the `HORIZON` after it."""
    first, last = day - timedelta(days=3), day + HORIZON + timedelta(days=3)
    window = Span(_midnight(day) - timedelta(days=2), _midnight(day) + HORIZON + timedelta(days=2))
    spans = [*less(_occurrences(plan.weekly, first, last), plan.off), *plan.dated]
    return tuple(merged(s for s in spans if s.starts_at < window.ends_at and window.starts_at < s.ends_at))


def _occurrences(weekly: tuple[Weekly, ...], first: date, last: date) -> list[Span]:
    spans = []
    for shift in weekly:
        zone = ZoneInfo(shift.zone)
        for day in shift.days(first, last):
            span = Span(_instant(day, shift.from_minute, zone), _instant(day, shift.to_minute, zone))
            if span.starts_at < span.ends_at:  # a shift inside the hour that spring skips does not take place
                spans.append(span)
    return spans


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    days, rest = divmod(minute, DAY_MINUTES)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone).astimezone(UTC)


def less(spans: Iterable[Span], off: Iterable[Span]) -> list[Span]:
    """Return what is left of `spans` without `off`."""
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


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, with those that touch made one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.starts_at <= joined[-1].ends_at:
            joined[-1] = Span(joined[-1].starts_at, max(joined[-1].ends_at, span.ends_at))
        else:
            joined.append(span)
    return joined
