"""What happens when a deadline passes. Deadlines are rows; any replica's sweep may meet them."""

from collections.abc import Mapping
from typing import Final, assert_never
from uuid import UUID

from sqlalchemy import String, bindparam, text

from services.dispatch import store, tables
from services.dispatch.case import AssignmentRow, Case
from services.dispatch.commands import offers, recalls
from services.dispatch.desk import Desk
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import deadlines
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.deadlines import Act, Watch
from services.dispatch.domain.incident import ReturnReason
from services.dispatch.step import Step
from shared.alerts import Alarm, Severity, raise_again, raise_alert
from shared.db import Database, Unit

SWEEP: Final = "system:deadline"
MOST: Final = 200
_DUE: Final = text(f"""
    SELECT id FROM (
        (SELECT id, act_by FROM dispatch.incident
            WHERE jurisdiction = :jurisdiction AND act_by <= (SELECT dispatch.clock()) ORDER BY act_by LIMIT {MOST})
        UNION ALL
        (SELECT incident_id, act_by FROM dispatch.assignment
            WHERE jurisdiction = :jurisdiction AND act_by <= (SELECT dispatch.clock()) ORDER BY act_by LIMIT {MOST})
    ) due GROUP BY id ORDER BY min(act_by) LIMIT {MOST}
""").bindparams(bindparam("jurisdiction", type_=String))  # noqa: S608 - a constant of this file

RETURNS: Final[Mapping[Watch, ReturnReason]] = {
    Watch.STAGED: ReturnReason.NO_CO_RESPONSE,
    Watch.REVIEW: ReturnReason.RISK_ROSE,
    Watch.ARRIVE: ReturnReason.TEAM_SILENT,
}
_ALERTS: Final[Mapping[Watch, tuple[str, Severity, str, str]]] = {
    Watch.DEPART: ("depart_late", Severity.CALL, "{team} accepted and has not left.", "The call goes to another team."),
    Watch.STAGED: (
        "co_response_awaited", Severity.CALL, "{team} waits for police to be staged.", "The call is returned: no_co_response.",
    ),
    Watch.REVIEW: ("review_awaited", Severity.CALL, "{team} waits for a reviewer.", "The call is returned: risk_rose."),
    Watch.ARRIVE: ("arrive_late", Severity.LIFE, "{team} has not arrived.", "The call is returned: team_silent."),
    Watch.CHECK_IN: (
        "check_in_missed", Severity.LIFE, "{team} on scene has not checked in.", "The call center is asked to check on the team.",
    ),
    Watch.READ: (
        "recall_unread", Severity.LIFE, "{team} has not read its recall.", "The call center is asked to check on the team.",
    ),
    Watch.AWAY: (
        "not_away", Severity.LIFE, "{team} was called off and has not said that it is away.",
        "The call center is asked to check on the team.",
    ),
}  # fmt: skip
_CHECK_ON: Final[Mapping[Watch, str]] = {
    Watch.ARRIVE: "{team} has not arrived and does not answer. Please check on the team.",
    Watch.CHECK_IN: "{team} is on scene and has not checked in. Please check on the team.",
    Watch.READ: "{team} was called off and has not read it. Please check on the team.",
    Watch.AWAY: "{team} was called off and has not said that it is away. Please check on the team.",
}


async def due(unit: Unit, jurisdiction: str) -> list[UUID]:
    """Return incidents with a deadline that has passed, their own or their assignment's, the oldest first."""
    return list((await unit.conn.execute(_DUE, {"jurisdiction": jurisdiction})).scalars())


async def meet(db: Database, desk: Desk, incident_id: UUID) -> None:
    """Do what each passed deadline of an incident asks for; nothing if somebody else is at work on it just now."""
    async with db.transaction() as unit:
        case = await store.lock_case(unit.conn, incident_id, skip_locked=True)
        while case is not None and (step := await _next(unit, desk, case)) is not None:
            desk.effects.follow(unit, step)
            case = await store.read_case(unit.conn, incident_id)


async def _next(unit: Unit, desk: Desk, case: Case) -> Step | None:
    """Write the step of the first deadline that has passed; None when none has."""
    for row in case.assignments:
        if row.act_by is not None and row.act_by <= case.now:
            return await _meet_assignment(unit, desk, case, row)
    if case.incident.act_by is not None and case.incident.act_by <= case.now:
        return await _meet_incident(unit, desk, case)
    return None


async def _meet_assignment(unit: Unit, desk: Desk, case: Case, row: AssignmentRow) -> Step:
    step, watch = desk.step(case, SWEEP), Watch(row.watch or "")
    match deadlines.act(watch, row.stage):
        case Act.ABANDON:
            offers.let_go(step, row, desk.most_offers, "not_held_in_time")
            await _write(unit, step)
        case Act.EXPIRE:
            reason = "no_answer" if watch is Watch.RESPOND else "not_departed"
            step.assignment(row, assignments.Action.EXPIRE, reason=reason)
            recalls.requeue(step, reason, counts=True, most_offers=desk.most_offers)
            await _write(unit, step)
        case Act.ALERT:
            step.deadline(row, deadlines.after(watch, row.stage, case.now, desk.durations), "nudge", watch.value)
            await _write(unit, step)
            await _alert(unit, desk, step, row, watch)
        case Act.NOTICE:
            step.deadline(row, deadlines.after(watch, row.stage, case.now, desk.durations), "overdue", watch.value)
            await _check_on(unit, desk, step, row, watch)
        case Act.RETURN:
            recalls.return_call(step, RETURNS[watch].value)
            if watch is Watch.ARRIVE:
                await _check_on(unit, desk, step, row, watch)
            else:
                await _write(unit, step)
        case other:
            assert_never(other)
    return step


async def _meet_incident(unit: Unit, desk: Desk, case: Case) -> Step:
    incident, step = case.incident, desk.step(case, SWEEP)
    if deadlines.act(Watch.ASSIGN, incident.stage) is Act.ALERT and incident.assign_by is not None:
        step.note("deadline", "nudge", reason=Watch.ASSIGN.value, act_by=incident.assign_by, stage=1)
        await _write(unit, step)
        waited = int((case.now - incident.created_at).total_seconds() // 60)
        alarm = Alarm(
            "waiting_long", incident.id, Severity.CALL, f"A call has waited {waited} min for a team.", "It is returned.",
            incident.assign_by - case.now,
        )  # fmt: skip
        await raise_alert(unit.conn, tables.alert, alarm)
        desk.effects.alerted(unit)
        return step
    awaits_review = not incident.wish.may_offer and incident.wish.reason == "review"
    made = incident.offers + (case.committed is not None)
    reason = incidents.why_unassigned(offers=made, seen=incident.unmatched, awaits_review=awaits_review)
    recalls.return_call(step, reason.value)
    await _write(unit, step)
    return step


async def _write(unit: Unit, step: Step) -> None:
    written = await store.write(unit.conn, step)
    assert written is not None, "the incident is locked, so nobody else moved it"


async def _alert(unit: Unit, desk: Desk, step: Step, row: AssignmentRow, watch: Watch) -> None:
    kind, severity, words, then = _ALERTS[watch]
    within = step.changes["act_by"] - step.case.now
    alarm = Alarm(kind, row.id, severity, words.format(team=row.team_name), then, within)
    await raise_again(unit.conn, tables.alert, alarm)
    desk.effects.alerted(unit)


async def _check_on(unit: Unit, desk: Desk, step: Step, row: AssignmentRow, watch: Watch) -> None:
    """Ask the call center to check on the team, with its last position, and keep an alert open until the crew is heard from."""
    position = desk.roster.position(row.team_id) or row.position
    step.note("notice", "check_on_team", reason=watch.value, position=position)
    await _write(unit, step)
    words = _CHECK_ON[watch].format(team=row.team_name)
    await store.add_notice(unit.conn, step, kind="check_on_team", words=words, team_id=row.team_id, position=position)
    alarm = Alarm("check_on_team", row.id, Severity.LIFE, words, "The call center was asked to check on the team.")
    await raise_again(unit.conn, tables.alert, alarm)
    desk.effects.alerted(unit)
