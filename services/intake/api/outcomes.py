"""What a neighborhood's plan is measured by: its goals beside what happened."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from services.intake.api.refs import TheDesk
from services.intake.commands.desk import Desk
from services.intake.domain.outcomes import Outcomes, measure, suppress
from services.intake.plan_model import PlanBody, read_body, told
from services.intake.queries import plans
from services.intake.queries.outcomes import calls_between
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.edge import Answer
from shared.errors import Invalid, NotFound
from shared.problems import answers

router = APIRouter(prefix="/v1/neighborhoods", tags=["plans"])
_FIRST, _LAST = date(2000, 1, 1), date(2200, 1, 1)
_LONGEST: Final = timedelta(days=3 * 366)
Count = Annotated[int | None, Field(description="Null: left out, because it is under 5 or would show one that is.")]
Counts = dict[str, Count]


class GoalAnswer(Answer):
    """One goal of the plan, and what it comes to in the period."""

    text: str
    measure: str
    baseline: float | None
    target: float
    review_by: date
    measured: Annotated[
        float | None, Field(description="Null: nothing to measure, too few calls, or measured by people.")
    ]


class OutcomesAnswer(Answer):
    """What became of a neighborhood's calls in a period."""

    slug: str
    from_day: date
    to_day: Annotated[date, Field(description="The day after the last.")]
    plan_version: int
    goals: list[GoalAnswer]
    calls: Count
    verdicts: Counts
    kinds: Annotated[Counts, Field(description="By how the people know each other; `not_said`.")]
    eligible: Annotated[Count, Field(description="Queued once, or sent back for a reason that was no danger.")]
    served: Annotated[Count, Field(description="Of the eligible: a crew arrived.")]
    not_served: Count
    not_served_because: Counts
    outcomes: Counts
    escalated: Count
    response_p50_min: Annotated[float | None, Field(description="Minutes from the report to the crew on scene.")]
    response_p90_min: float | None
    suppressed: Annotated[bool, Field(description="Something was left out because it is too small.")]


@router.get("/{slug}/outcomes", summary="The plan's goals beside what happened", responses=answers(404))
async def get_outcomes(
    request: Request,
    slug: Annotated[str, Path(max_length=80, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["boyle-heights"])],
    desk: TheDesk,
    caller: Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR, Role.REVIEWER, Role.ADMIN)],
    from_day: Annotated[date | None, Query(alias="from", examples=["2026-08-01"])] = None,
    to_day: Annotated[
        date | None, Query(alias="to", examples=["2026-11-01"], description="The day after the last.")
    ] = None,
) -> OutcomesAnswer:
    """Without days: the three whole months before this one. Days are those of the neighborhood's wall clock.

    For every role but auditor: whole months that are over (two periods that differ by a day would show that day), and without
    numbers under 5.
    """
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        if (await desk.maps.newest(unit.conn)).named(slug) is None:
            raise NotFound("There is no such neighborhood.")
        today = desk.local(await plans.database_time(unit.conn)).date()
        begin, end = _period(from_day, to_day, today, any_days=caller.role is Role.AUDITOR)
        found = await plans.plan_in_force(unit.conn, slug)
        written = found or await plans.default_in_force(unit.conn)
        calls = await calls_between(unit.conn, desk.jurisdiction, slug, _midnight(desk, begin), _midnight(desk, end))
    numbers = measure(calls)
    if caller.role is not Role.AUDITOR:
        numbers = suppress(numbers, arrived=sum(call.arrived_after is not None for call in calls))
    body = read_body(written.body) if written else PlanBody()
    return OutcomesAnswer.model_validate({
        "slug": slug, "from_day": begin, "to_day": end, "plan_version": found.version if found else 0,
        "goals": _goals(body, numbers), **{name: getattr(numbers, name) for name in Outcomes.__slots__},
    })  # fmt: skip


def _goals(body: PlanBody, numbers: Outcomes) -> list[dict[str, Any]]:
    return [
        {
            "text": told(goal.text), "measure": goal.measure, "baseline": goal.baseline, "target": goal.target,
            "review_by": goal.review_by, "measured": numbers.measure(goal.measure),
        }
        for goal in body.goals
    ]  # fmt: skip


def _period(begin: date | None, end: date | None, today: date, *, any_days: bool) -> tuple[date, date]:
    """Return the period asked for. Raises Invalid for one that nobody, or not this caller, may ask for."""
    this_month = today.replace(day=1)
    end = end or this_month
    if not _FIRST <= end <= _LAST:
        raise Invalid("`to` is a day of this century or the next.", pointer="to")
    begin = begin or _months_before(end.replace(day=1), 3)
    if not _FIRST <= begin < end:
        raise Invalid("`from` is a day before `to`, in this century or the next.", pointer="from")
    if end - begin > _LONGEST:
        raise Invalid("At most three years at once.", pointer="from")
    if not any_days and (begin.day, end.day) != (1, 1):
        raise Invalid(
            "Whole months only: `from` and `to` are first days of months. Only an auditor may ask for days.",
            pointer="from",
        )
    if not any_days and end > this_month:
        raise Invalid(f"Only months that are over: `to` is {this_month} at the latest.", pointer="to")
    return begin, end


def _months_before(day: date, months: int) -> date:
    for _ in range(months):
        day = (day - timedelta(days=1)).replace(day=1)
    return day


def _midnight(desk: Desk, day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(desk.settings.timezone))
