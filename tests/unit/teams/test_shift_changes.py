"""A shift that ends early or runs on, patterns of several weeks, and missing cover."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.teams.domain.cover import DISCIPLINES, Gap, Serving, gaps
from services.teams.domain.shift_changes import NotOnShift, end_early, run_on
from services.teams.domain.shifts import Plan, Span, Weekly, check, next_change, on_shift, shift_at
from shared.errors import Invalid

LA = "America/Los_Angeles"
H = 60
FRIDAY = 4
DAY = Plan(weekly=(Weekly(FRIDAY, 8 * H, 16 * H, LA),))  # 16:00 to 24:00 UTC in winter
ALWAYS = Plan(weekly=tuple(Weekly(day, 0, 24 * H, LA) for day in range(7)))


def friday(hour: float, week: int = 0) -> datetime:
    return datetime(2026, 11, 27, tzinfo=UTC) + timedelta(hours=hour, weeks=week)


def test_a_shift_that_ends_early_is_over_and_the_next_ones_stay() -> None:
    plan = end_early(DAY, friday(18))
    check(plan)
    assert on_shift(plan, Span(friday(0), friday(48))) == [Span(friday(16), friday(18))]
    assert shift_at(plan, friday(18, week=1)) is not None


def test_a_dated_shift_ends_early_too() -> None:
    dated = Plan(dated=(Span(friday(9), friday(12)), Span(friday(13), friday(14))))
    plan = end_early(dated, friday(10))
    assert on_shift(plan, Span(friday(0), friday(24))) == [Span(friday(9), friday(10)), Span(friday(13), friday(14))]


def test_a_team_may_be_back_before_its_shift_would_have_ended() -> None:
    plan = end_early(DAY, friday(17), back_at=friday(20))
    assert on_shift(plan, Span(friday(0), friday(24))) == [Span(friday(16), friday(17)), Span(friday(20), friday(24))]
    assert end_early(DAY, friday(17), back_at=friday(40)).off == (Span(friday(17), friday(24)),)


def test_a_round_the_clock_team_says_when_it_is_back() -> None:
    with pytest.raises(Invalid) as refused:
        end_early(ALWAYS, friday(12))
    assert refused.value.facts["errors"][0]["pointer"] == "/back_at"
    assert shift_at(end_early(ALWAYS, friday(12), back_at=friday(20)), friday(19)) is None
    for wrong in (friday(12), friday(12, week=2)):
        with pytest.raises(Invalid):
            end_early(ALWAYS, friday(12), back_at=wrong)


def test_overtime_lets_the_shift_run_on_up_to_the_next_one() -> None:
    plan = run_on(DAY, friday(20), until=friday(26))
    check(plan)
    assert shift_at(plan, friday(20)) == Span(friday(16), friday(26))
    two = Plan(weekly=DAY.weekly, dated=(Span(friday(25), friday(30)),))
    joined = run_on(two, friday(20), until=friday(27))
    check(joined)
    assert shift_at(joined, friday(20)) == Span(friday(16), friday(30))


@pytest.mark.parametrize("until", [friday(23), friday(24), friday(36.1)])
def test_overtime_must_be_longer_than_the_shift_and_by_twelve_hours_at_most(until: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        run_on(DAY, friday(20), until=until)
    assert refused.value.facts["errors"][0]["pointer"] == "/until"


def test_off_shift_there_is_nothing_to_end_or_to_extend() -> None:
    with pytest.raises(NotOnShift):
        end_early(DAY, friday(10))
    with pytest.raises(NotOnShift):
        run_on(DAY, friday(10), until=friday(12))


def test_what_is_long_over_leaves_the_plan_when_it_changes() -> None:
    old, recent = Span(friday(0, -9), friday(1, -9)), Span(friday(0, -2), friday(1, -2))
    plan = end_early(Plan(DAY.weekly, dated=(old, recent), off=(old,)), friday(18))
    assert (plan.dated, plan.off) == ((recent,), (Span(friday(18), friday(24)),))


def test_every_second_week_is_counted_from_the_week_it_starts_in() -> None:
    plan = Plan(weekly=(Weekly(FRIDAY, 8 * H, 16 * H, LA, every_weeks=2, starts_on=date(2026, 11, 25)),))
    assert [shift_at(plan, friday(18, week)) is not None for week in range(-2, 5)] == [
        False, False, True, False, True, False, True,
    ]  # fmt: skip


def test_a_pattern_begins_and_ends_on_its_days() -> None:
    shift = Weekly(FRIDAY, 8 * H, 16 * H, LA, starts_on=date(2026, 11, 27), ends_on=date(2026, 12, 4))
    assert [shift_at(Plan((shift,)), friday(18, week)) is not None for week in (-1, 0, 1, 2)] == [
        False, True, True, False,
    ]  # fmt: skip


def alternating(first: date, *, every: int = 2, to: int = 16 * H) -> Weekly:
    return Weekly(FRIDAY, 8 * H, to, LA, every_weeks=every, starts_on=first)


def test_two_patterns_overlap_only_if_they_ever_meet() -> None:
    check(Plan(weekly=(alternating(date(2026, 11, 27)), alternating(date(2026, 12, 4)))))
    for other in (alternating(date(2026, 12, 11)), alternating(date(2026, 12, 4), every=3), DAY.weekly[0]):
        with pytest.raises(Invalid) as refused:
            check(Plan(weekly=(alternating(date(2026, 11, 27)), other)))
        assert refused.value.facts["errors"][0]["pointer"] == "/weekly/1"
    over = Weekly(FRIDAY, 8 * H, 16 * H, LA, ends_on=date(2026, 11, 20))
    check(Plan(weekly=(alternating(date(2026, 11, 27)), over)))


@pytest.mark.parametrize(
    ("shift", "pointer"),
    [
        (Weekly(0, 0, 60, LA, every_weeks=2), "/weekly/0/starts_on"),
        (Weekly(0, 0, 60, LA, every_weeks=9, starts_on=date(2027, 1, 1)), "/weekly/0/every_weeks"),
        (Weekly(0, 0, 60, LA, starts_on=date(1980, 1, 1)), "/weekly/0/starts_on"),
        (Weekly(0, 0, 60, LA, starts_on=date(2027, 1, 2), ends_on=date(2027, 1, 1)), "/weekly/0/ends_on"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(shift: Weekly, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(Plan(weekly=(shift,)))
    assert refused.value.facts["errors"][0]["pointer"] == pointer


def test_the_next_change_is_where_a_shift_begins_or_ends() -> None:
    assert next_change(DAY, friday(10)) == friday(16)
    assert next_change(DAY, friday(16)) == friday(24)
    assert next_change(ALWAYS, friday(10)) > friday(10)
    assert next_change(Plan(), friday(10)) == datetime(2026, 12, 4, tzinfo=UTC)


WINDOW = Span(friday(0), friday(24))


def test_a_gap_is_where_no_own_team_is_on_shift_and_says_whether_somebody_helps_out() -> None:
    home = Serving(("mediator",), {"boyle-heights": "home"}, DAY)
    helps = Serving(("mediator",), {"boyle-heights": "mutual_aid"}, Plan(dated=(Span(friday(12), friday(20)),)))
    found = gaps([home, helps], WINDOW, neighborhoods=(), disciplines=["mediator"])
    assert found == [
        Gap(friday(0), "boyle-heights", "mediator", friday(12), mutual_aid=False),
        Gap(friday(12), "boyle-heights", "mediator", friday(16), mutual_aid=True),
    ]


def test_a_neighborhood_or_discipline_that_nobody_serves_is_one_whole_gap() -> None:
    home = Serving(("mediator",), {"boyle-heights": "also_serves"}, ALWAYS)
    assert gaps([home], WINDOW, neighborhoods=(), disciplines=["mediator"]) == []
    found = gaps([home], WINDOW, neighborhoods=["venice"], disciplines=DISCIPLINES)
    assert {(gap.neighborhood, gap.discipline, gap.starts_at, gap.ends_at) for gap in found} == {
        ("venice", discipline, *WINDOW) for discipline in DISCIPLINES
    }
