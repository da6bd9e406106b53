"""Public safety plans: a new version is written beside the old ones and takes effect at its time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from services.intake.commands.desk import Desk
from services.intake.domain.plan import Plan, PlanInvalid
from services.intake.domain.plan_body import parse_plan, plan_body
from services.intake.queries.plans import latest_version
from services.intake.store.plans import PlanVersion, add_plan, hold_plan
from shared.clock import clock
from shared.db import Unit
from shared.errors import Invalid, NotFound, Refusal, VersionStale

_LANGUAGE: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"


class PlanRefused(Refusal):
    """The plan breaks its rules; `errors` names each field."""

    title = "Invalid request"


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan as a supervisor enters it."""

    slug: str
    body: Mapping[str, Any]
    approved_by: str
    entered_by: str
    effective_from: datetime | None
    """None: now."""
    version: int | None
    """The version that it follows, if the supervisor says so."""


async def enter_plan(unit: Unit, desk: Desk, new: NewPlan) -> PlanVersion:
    """Write the next version of a neighborhood's plan and return it. Raises PlanRefused, NotFound and VersionStale.

    It is never in force before now: what was decided stays decided under the plan that was in force then.
    """
    area = await desk.maps.newest(unit.conn)
    if area.named(new.slug) is None:
        raise NotFound("There is no such neighborhood.")
    await hold_plan(unit.conn, new.slug)
    newest = await latest_version(unit.conn, new.slug)
    if new.version is not None and new.version != newest:
        raise VersionStale("The plan has changed since you read it.", current_version=newest)
    try:
        plan = parse_plan(new.slug, newest + 1, new.body)
    except PlanInvalid as error:
        raise _refused([{"pointer": f"/plan{f.field}", "detail": f.problem} for f in error.faults]) from error
    _check_words(plan, {slug for slug in plan.catchment if area.named(slug) is None})
    now: datetime = (await unit.conn.execute(select(clock("intake")))).scalar_one()
    effective_from = new.effective_from or now
    if effective_from < now and new.effective_from is not None:
        raise Invalid("A plan takes effect now or later.", pointer="/effective_from")
    written = PlanVersion(new.slug, plan.version, plan_body(plan), effective_from, new.approved_by, new.entered_by, now)
    await add_plan(unit.conn, written)
    return written


def _check_words(plan: Plan, unknown_slugs: set[str]) -> None:
    errors = [
        {"pointer": f"/plan/catchment/{index}", "detail": "There is no such neighborhood."}
        for index, slug in enumerate(plan.catchment)
        if slug in unknown_slugs
    ]
    for name, tags in (("required", plan.languages_required), ("preferred", plan.languages_preferred)):
        errors += [
            {"pointer": f"/plan/languages/{name}/{index}", "detail": "Must be a BCP 47 language tag."}
            for index, tag in enumerate(tags)
            if not re.fullmatch(_LANGUAGE, tag) or len(tag) > 35
        ]
    if errors:
        raise _refused(errors)


def _refused(errors: list[dict[str, str]]) -> PlanRefused:
    return PlanRefused(f"Cannot be accepted: {', '.join(e['pointer'] for e in errors[:3])}.", errors=errors)
