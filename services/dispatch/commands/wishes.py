"""Applying intake's wish: only a higher `seq` than was seen changes anything, and an ended incident stays ended."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch import store, tables
from services.dispatch.case import AssignmentRow, Case, IncidentRow
from services.dispatch.commands import recalls
from services.dispatch.commands.recalls import UNSAID
from services.dispatch.desk import Desk
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.deadlines import Watch
from services.dispatch.domain.guards import Wish, awaited, may_be_offered
from services.dispatch.domain.refusals import WishesMissing
from services.dispatch.facts import misfit, priority_of, verdict_of
from services.dispatch.step import Step
from shared.alerts import Alarm, Severity, raise_alert
from shared.db import Unit
from shared.errors import Invalid
from shared.messages import incidents as messages

INTAKE = "service:intake"


async def receive(unit: Unit, desk: Desk, call_id: UUID, message: messages.Wish) -> bool:
    """Store the first wish of a call in one statement. False: nothing was written; `apply` the wish, which says why.

    A first wish that is already `withdrawn` is stored as ended, so that a late `civilian` finds it.
    """
    facts = _facts(message)
    ended = message.wanted == "withdrawn"
    priority = priority_of(facts) if facts else 2
    alert_after = desk.durations.waiting_alert.get(priority)
    new = store.NewIncident(
        id=call_id,
        jurisdiction=desk.jurisdiction,
        status=incidents.Status.ENDED if ended else incidents.Status.WAITING,
        seq=message.seq,
        wish=_wish(message, facts),
        priority=priority,
        facts=facts,
        assign_by=facts["assign_by"] if facts and not ended else None,
        alert_after_s=alert_after.total_seconds() if alert_after and not ended else None,
        return_reason=message.reason if ended and message.reason != recalls.CANCELLED else None,
        data=_said(message, facts),
    )
    if not await store.receive(unit.conn, new, actor=INTAKE, applied=message.applied):
        return False
    desk.effects.received(unit, call_id)
    return True


async def apply(unit: Unit, desk: Desk, call_id: UUID, message: messages.Wish) -> None:
    """Apply a wish for a known call, in the caller's transaction. An older or equal `seq` changes nothing.

    Raises WishesMissing when intake has seen more applied wishes than there are here: the database was restored.
    """
    as_of, applied = await store.read_applied(unit.conn, desk.jurisdiction)
    if message.applied > applied:
        raise WishesMissing(as_of, applied)
    facts = _facts(message)
    case = await store.lock_case(unit.conn, call_id)
    if case is None or message.seq <= case.incident.wish_seq:
        return
    step = desk.step(case, INTAKE)
    step.wish = _wish(message, facts)
    has_ended = case.incident.status is incidents.Status.ENDED
    changes = {"wish_seq": message.seq} if has_ended and message.wanted == "civilian" else _columns(message, facts)
    step.note("wish", "wish", reason=message.reason, data=_said(message, facts), **changes)
    if message.wanted == "withdrawn":
        _withdraw(step, message.reason or UNSAID)
    elif not has_ended and facts is not None:
        _review(step, desk, facts)
    await _write(unit, desk, step)
    if message.wanted == "withdrawn":
        await _tell_those_who_withdraw(unit, desk, case.incident, message.reason or UNSAID)
    await store.count_applied(unit.conn, case.incident.jurisdiction)
    if step.row is not None and step.changes.get("misfit") is not None:
        words = f"New facts no longer fit {step.row.team_name}, which is on its way or there: {step.changes['misfit']}."
        alarm = Alarm(
            "no_longer_fits", step.row.id, Severity.CALL, words, "The crew goes on; recall it if it should not."
        )
        await raise_alert(unit.conn, tables.alert, alarm)
        desk.effects.alerted(unit)


async def stop(unit: Unit, desk: Desk, call_id: UUID) -> None:
    """Stop a call that intake's heartbeat names as withdrawn, although its wish has not arrived. The wish will follow."""
    case = await store.lock_case(unit.conn, call_id)
    if case is None:
        unheard = Wish("withdrawn", may_offer=False, may_depart=False, verdict=None, reason=UNSAID)
        new = store.NewIncident(
            call_id, desk.jurisdiction, incidents.Status.ENDED, 0, unheard, 2, None, None, None, None, None
        )
        if await store.receive(unit.conn, new, actor=INTAKE):
            desk.effects.received(unit, call_id)
        return
    if case.incident.wish.wanted == "withdrawn":
        return
    step = desk.step(case, INTAKE)
    step.wish = Wish("withdrawn", may_offer=False, may_depart=False, verdict=case.incident.wish.verdict, reason=UNSAID)
    step.note(
        "wish", "withdrawn_by_heartbeat", wanted="withdrawn", may_offer=False, may_depart=False, wish_reason=UNSAID
    )
    _withdraw(step, UNSAID)
    await _write(unit, desk, step)
    await _tell_those_who_withdraw(unit, desk, case.incident, UNSAID)


async def _write(unit: Unit, desk: Desk, step: Step) -> None:
    written = await store.write(unit.conn, step)
    assert written is not None, "the incident is locked, so nobody else moved it"
    desk.effects.follow(unit, step)


def _withdraw(step: Step, reason: str) -> None:
    incident = step.case.incident
    if incident.status is incidents.Status.ENDED:
        if incident.wish.reason == UNSAID and incident.ended_unsaid:  # by a heartbeat alone: here is the true reason
            cancelled = reason == recalls.CANCELLED
            step.incident_changes |= {"call_cancelled_at": step.case.now} if cancelled else {"return_reason": reason}
    elif reason == recalls.CANCELLED:
        recalls.cancel_call(step)
    else:
        recalls.return_call(step, reason)


async def _tell_those_who_withdraw(unit: Unit, desk: Desk, incident: IncidentRow, reason: str) -> None:
    """Tell every crew that left the call for a harmless reason why it was withdrawn, whether or not another team has it now.

    `incident` is as it was before the withdrawal.
    """
    if reason == recalls.CANCELLED or recalls.is_echo(incident, reason):
        return
    while True:
        case = await store.read_case(unit.conn, incident.id)
        assert case is not None, "incidents are never deleted"
        step = recalls.tell_worse_news(desk.step(case, INTAKE), reason)
        if step.row is None:
            return
        await _write(unit, desk, step)


def _review(step: Step, desk: Desk, facts: dict[str, Any]) -> None:
    """Look again at whoever has the call: does the wish still allow it, and does the team still fit?"""
    case = step.case
    assign_by = datetime.fromisoformat(facts["assign_by"])
    step.incident_changes |= {
        "call_cancelled_at": None,
        **recalls.waiting_deadline(step, assign_by, priority_of(facts)),
    }
    row = case.committed
    if row is None:
        return
    rule = misfit(facts, row.team_id, row.team_name, row.team, case.now)
    if row.status in assignments.BEFORE_ACCEPTANCE:
        if rule is not None or not may_be_offered(step.wish):
            reason = "no_longer_fits" if rule else awaited(step.wish)[0]
            step.assignment(row, assignments.Action.RECALL, reason=reason, data={"rule": rule} if rule else None)
            recalls.requeue(step, reason, counts=False, most_offers=desk.most_offers)
    elif rule is not None and row.status is assignments.Status.ACCEPTED:
        step.assignment(row, assignments.Action.CANCEL, reason="no_longer_fits", data={"rule": rule})
        recalls.requeue(step, "no_longer_fits", counts=False, most_offers=desk.most_offers)
    else:
        _keep(step, case, row, rule)


def _keep(step: Step, case: Case, row: AssignmentRow, rule: str | None) -> None:
    """The crew goes on; what it may do, and whether it still fits, is shown to it."""
    if row.status in assignments.UNDER_WAY:
        step.incident_changes |= {"act_by": None}
    if awaited(step.wish) != awaited(case.incident.wish) and not _runs_on(row):
        step.rewatch(row, "may_depart" if step.wish.may_depart else (step.wish.reason or "review"))
    step.row = row
    step.changes["misfit"] = rule


def _runs_on(row: AssignmentRow) -> bool:
    """Say whether what is watched stays, whatever the wish: a crew on scene checks in, and one that has not arrived in time is missed."""
    return row.status is assignments.Status.ON_SCENE or (row.watch == Watch.ARRIVE and row.stage > 0)


def _facts(message: messages.Wish) -> dict[str, Any] | None:
    if message.facts is None:
        if message.wanted == "civilian":
            raise Invalid("A wish for a civilian team comes with its facts.", pointer="/facts")
        return None
    return message.facts.model_dump(mode="json")


def _wish(message: messages.Wish, facts: dict[str, Any] | None) -> Wish:
    return Wish(
        message.wanted, message.may_offer, message.may_depart, verdict_of(facts) if facts else None, message.reason
    )


def _columns(message: messages.Wish, facts: dict[str, Any] | None) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "wish_seq": message.seq,
        "wanted": message.wanted,
        "may_offer": message.may_offer,
        "may_depart": message.may_depart,
        "wish_reason": message.reason,
    }
    if facts is not None:
        columns |= {
            "facts": facts,
            "verdict": verdict_of(facts),
            "priority": priority_of(facts),
            "assign_by": facts["assign_by"],
        }
    return columns


def _said(message: messages.Wish, facts: dict[str, Any] | None) -> dict[str, Any]:
    """What history keeps of a wish: never words or persons, always versions."""
    decision = facts["decision"] if facts else {}
    return {
        "seq": message.seq,
        "wanted": message.wanted,
        "may_offer": message.may_offer,
        "may_depart": message.may_depart,
        "verdict": decision.get("verdict"),
        "protocol_version": decision.get("protocol_version"),
        "plan_version": facts.get("plan_version") if facts else None,
    }
