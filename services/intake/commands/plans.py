"""Public safety plans: a new version is written beside the old ones and takes effect at its time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.commands.alarms import alarm, quiet
from services.intake.commands.desk import Desk
from services.intake.domain.plan import DEFAULT_SLUG, PlanInvalid
from services.intake.domain.plan_draft import only_author
from services.intake.plan_model import PlanBody, plan_body, plan_of, read_body
from services.intake.queries.plans import database_time, latest_version, plans_in_force
from services.intake.queries.protocols import version_in_force
from services.intake.store.plans import PlanVersion, add_plan, hold_decisions, hold_plan
from shared.alerts import Alarm, Severity
from shared.db import Database, Unit
from shared.errors import Invalid, NotFound, Refusal, VersionStale

REVIEW_DUE = "plan_review_due"


class PlanRefused(Refusal):
    """The plan breaks its rules; `errors` names each field."""

    title = "Invalid request"


class ApproverWroteIt(Invalid):
    """Whoever approves the plan is the only one who wrote it."""


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan as a supervisor enters it."""

    slug: str
    body: Any
    approved_by: str
    entered_by: str
    effective_from: datetime | None
    """None: now."""
    version: int | None
    """The version that it follows, if the supervisor says so."""
    authors: tuple[str, ...] = ()
    """Who wrote it, besides those whom its body names; nobody at all: whoever enters it."""
    draft_id: UUID | None = None


async def enter_plan(unit: Unit, desk: Desk, new: NewPlan) -> PlanVersion:
    """Write the next version of a neighborhood's plan and return it. Raises PlanRefused, ApproverWroteIt, NotFound and VersionStale.

    It is in force for the calls that come in from its time on, by our clock, and for no earlier one: decisions wait while it is
    written. What was decided stays decided under the plan that was in force then.
    """
    body = await checked(unit.conn, desk, new.slug, new.body)
    if only_author(new.approved_by, (*body.authors, *new.authors) or (new.entered_by,)):
        raise ApproverWroteIt(
            "Whoever approves a plan may not be the only one who wrote it: name another approver, or the other authors.",
            pointer="/approved_by",
        )
    await hold_plan(unit.conn, new.slug)
    newest = await latest_version(unit.conn, new.slug)
    if new.version is not None and new.version != newest:
        raise VersionStale("The plan has changed since you read it.", current_version=newest)
    now = await hold_decisions(unit.conn)
    effective_from = new.effective_from or now
    if effective_from < now:
        raise Invalid("A plan takes effect now or later.", pointer="/effective_from")
    written = PlanVersion(
        new.slug, newest + 1, plan_body(body), effective_from, new.approved_by, new.entered_by, now, new.draft_id
    )
    await add_plan(unit.conn, written)
    return written


async def checked(conn: AsyncConnection, desk: Desk, slug: str, body: Any) -> PlanBody:
    """Return a body that may become a plan of the neighborhood. Raises PlanRefused and NotFound."""
    area = await desk.maps.newest(conn)
    if area.named(slug) is None:
        raise NotFound("There is no such neighborhood.")
    try:
        read = read_body(body)
    except PlanInvalid as error:
        raise refused([{"pointer": f"/plan{f.field}", "detail": f.problem} for f in error.faults]) from error
    errors = [
        {"pointer": f"/plan/catchment/{index}", "detail": "There is no such neighborhood." + hint(other, area.keys)}
        for index, other in enumerate(read.catchment)
        if area.named(other) is None
    ]
    errors += unknown_rules(read, await rules_in_force(conn, desk))
    if errors:
        raise refused(errors)
    return read


async def rules_in_force(conn: AsyncConnection, desk: Desk) -> frozenset[str] | None:
    """Return every rule id and reason key of the protocol in force; None if this process does not have it."""
    protocol = desk.protocols.known(await version_in_force(conn))
    if protocol is None:
        return None
    rules = protocol.rules.values()
    return frozenset(rule.id for rule in rules) | frozenset(rule.reason for rule in rules if rule.reason)


def unknown_rules(body: PlanBody, known: frozenset[str] | None) -> list[dict[str, str]]:
    """Return a fault for each rule that the protocol in force does not have."""
    return [
        {
            "pointer": f"/plan/{name}/reasons/{index}",
            "detail": "The protocol in force has no such rule or reason." + hint(rule, known),
        }
        for name, listed in (("exclude", body.exclude.reasons), ("review", body.review.reasons))
        for index, rule in enumerate(listed)
        if known is not None and rule not in known
    ]


def hint(word: str, known: Any) -> str:
    """Return which known word somebody may have meant, as a sentence; empty: none is close."""
    close = get_close_matches(word, sorted(known or ()), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def refused(errors: list[dict[str, str]]) -> PlanRefused:
    """Return the refusal that names these faults."""
    return PlanRefused(f"Cannot be accepted: {', '.join(e['pointer'] for e in errors[:3])}.", errors=errors)


async def flag_plans_due(db: Database, desk: Desk) -> None:
    """Alert for each plan in force whose review date has passed, and take the alert back once it was reviewed."""
    async with db.transaction() as unit:
        now = await database_time(unit.conn)
        today = desk.local(now).date()
        for version in await plans_in_force(unit.conn):
            if await _flag(unit.conn, version, overdue=_is_overdue(version.slug, version.body, today)):
                desk.tell_alerts(unit)


async def _flag(conn: AsyncConnection, version: PlanVersion, *, overdue: bool) -> bool:
    if not overdue:
        return await quiet(conn, version.slug, REVIEW_DUE)
    whose = "The city's default plan" if version.slug == DEFAULT_SLUG else "A neighborhood's plan"
    title = f"{whose} has not been reviewed by its date; it stays in force."
    return await alarm(conn, Alarm("plan_review_due", version.slug, Severity.SERVICE, title))


def _is_overdue(slug: str, body: Mapping[str, Any], today: Any) -> bool:
    try:
        return plan_of(slug, 0, read_body(body)).review_is_overdue(today)
    except PlanInvalid:
        return False
