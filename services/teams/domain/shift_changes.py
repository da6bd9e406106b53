"""What happens to a shift on the day: it ends early, or runs on. Each is a change of the plan, so there is one truth about shifts."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from services.teams.domain.shifts import HORIZON, NO_END, Plan, Span, less, on_shift, shift_at
from shared.errors import Invalid, Refusal

LONGEST_OVERTIME: Final = timedelta(hours=12)
"""A longer one is another shift, and is planned as one."""
FORGOTTEN_AFTER: Final = timedelta(days=31)
"""Times that ended so long ago leave the plan when it is changed; the team's history keeps them."""


class NotOnShift(Refusal):
    """The team is not on shift, so its shift neither ends nor runs on."""

    title = "The team is not on shift"


def end_early(plan: Plan, at: datetime, *, back_at: datetime | None = None) -> Plan:
    """Return the plan with the present shift over at `at`, until `back_at` or, without it, until the shift would have ended.

    Raises NotOnShift; Invalid when a round-the-clock team does not say when it is back.
    """
    shift = _present(plan, at)
    if back_at is None and shift.ends_at == NO_END:
        raise Invalid("Its shifts have no end within a week: say when it is back.", pointer="/back_at")
    ends_at = back_at or shift.ends_at
    if not at < ends_at <= at + HORIZON:
        raise Invalid(f"It must be within {HORIZON.days} days from now.", pointer="/back_at")
    gone = Span(at, min(ends_at, shift.ends_at))
    return _tidy(replace(plan, dated=tuple(less(plan.dated, [gone])), off=(*plan.off, gone)), at)


def run_on(plan: Plan, at: datetime, *, until: datetime) -> Plan:
    """Return the plan with the present shift running on until `until`: overtime. Raises NotOnShift, Invalid."""
    shift = _present(plan, at)
    if until <= shift.ends_at:
        raise Invalid("The shift lasts longer than that already.", pointer="/until")
    if until > shift.ends_at + LONGEST_OVERTIME:
        hours = LONGEST_OVERTIME // timedelta(hours=1)
        raise Invalid(f"A shift runs on for {hours} h at most; plan another shift.", pointer="/until")
    more = Span(shift.ends_at, until)
    added = less([more], on_shift(plan, more))
    return _tidy(replace(plan, dated=tuple(sorted((*plan.dated, *added)))), at)


def _present(plan: Plan, at: datetime) -> Span:
    shift = shift_at(plan, at)
    if shift is None:
        raise NotOnShift("The team is not on shift now.")
    return shift


def _tidy(plan: Plan, at: datetime) -> Plan:
    before = at - FORGOTTEN_AFTER
    dated, off = (tuple(span for span in spans if span.ends_at > before) for spans in (plan.dated, plan.off))
    return replace(plan, dated=dated, off=off)
