"""What a crew reports: accept, decline, depart, arrive, check in, clear, escalate, and that it has read a recall.

The status is the fence: the order of arrival decides every race, and the loser is told the state that won.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.dispatch import store
from services.dispatch.case import AssignmentRow, Case
from services.dispatch.commands import emergencies, recalls
from services.dispatch.desk import Desk
from services.dispatch.domain import deadlines, guards
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.assignment import Action, IllegalTransition, Status
from services.dispatch.domain.deadlines import Watch
from services.dispatch.domain.guards import Guard
from services.dispatch.domain.refusals import MayNotBeOffered, MayNotGoYet, SafetyLinkDown
from services.dispatch.step import Step
from shared.auth import Caller, Role
from shared.db import Unit
from shared.errors import Invalid, NotFound, Unavailable, VersionStale

_TRIES: Final = 8
_ESCALATED: Final = incidents.ReturnReason.TEAM_ESCALATED.value


@dataclass(frozen=True, slots=True)
class CrewReport:
    """One action of a crew, checked for form."""

    action: Action
    version: int | None = None
    at: datetime | None = None
    note: str | None = None
    reason: str | None = None
    outcome: str | None = None
    needs: str | None = None
    expected_clear_min: int | None = None
    depart_by: datetime | None = None

    def recorded(self) -> dict[str, Any] | None:
        """Return what history keeps of it beside the move."""
        kept = {
            "tablet_at": self.at, "note": self.note, "outcome": self.outcome, "needs": self.needs,
            "expected_clear_min": self.expected_clear_min, "depart_by": self.depart_by,
        }  # fmt: skip
        return {name: value for name, value in kept.items() if value is not None} or None


async def act(unit: Unit, desk: Desk, assignment_id: UUID, report: CrewReport, caller: Caller) -> Step:
    """Carry out what a crew reports and return the step as it was written.

    Raises NotFound (also for another team's assignment), VersionStale, IllegalTransition with the state and the legal actions,
    SafetyLinkDown, MayNotGoYet. Two statements: one reads, one writes if nothing moved in between; else it reads and decides again.
    An escalation may take more (see `_help_on_its_way_out`): give it a transaction.
    """
    for _ in range(_TRIES):
        case, row = await find(unit, assignment_id, caller)
        _check_version(row, report, caller)
        step = _decide(desk, case, row, report, caller.actor)
        check_guards(step)
        if await store.write(unit.conn, step) is not None:
            desk.effects.follow(unit, step)
            if report.action is Action.ESCALATE and step.move is not None and step.move.is_mark:
                await _help_on_its_way_out(unit, desk, row, report, caller)
            return step
    raise Unavailable("Others are changing this incident at the moment; nothing was decided. Try again.")


async def find(unit: Unit, assignment_id: UUID, caller: Caller) -> tuple[Case, AssignmentRow]:
    """Return an assignment with its case. Raises NotFound, also for what this caller may not see."""
    case = await store.read_case_of(unit.conn, assignment_id)
    row = case.named(assignment_id) if case else None
    if case is None or row is None or not may_see(caller, row.team_id, row.provider_id):
        raise NotFound("There is no such assignment.")
    return case, row


def may_see(caller: Caller, team_id: UUID, provider_id: UUID | None) -> bool:
    """A team sees its own assignments, a supervisor of one provider those of its teams, anybody else all."""
    if caller.role is Role.TEAM:
        return caller.team_id == team_id
    return caller.provider_id is None or caller.provider_id == provider_id


def _check_version(row: AssignmentRow, report: CrewReport, caller: Caller) -> None:
    if report.version is None and caller.role is Role.SUPERVISOR:
        raise Invalid("A supervisor who acts for a crew says which version was seen.", pointer="/version")
    if report.version is not None and report.version != row.version:
        raise VersionStale(
            f"The assignment is at version {row.version}.",
            current_version=row.version,
            assignment_status=row.status.value,
        )


def check_guards(step: Step) -> None:
    """Say why a guard does not hold, as far as the case shows it; the statement that writes checks them again."""
    if Guard.OPEN in step.needs and step.row is not None and not guards.is_open(step.row.respond_by, step.case.now):
        raise IllegalTransition("The offer's time has passed.", assignment_status=Status.EXPIRED.value, actions=[])
    if Guard.HEARD in step.needs and not step.case.is_heard:
        raise SafetyLinkDown(
            "Intake has not been heard from for 30 s, so nobody is sent now. Stop short and wait.",
            retry_after_s=5,
            awaiting=["safety_link"],
        )
    if Guard.OFFERABLE in step.needs and not guards.may_be_offered(step.wish):
        raise MayNotBeOffered("The newest decision does not allow this now.", awaiting=list(guards.awaited(step.wish)))
    if Guard.DEPARTABLE in step.needs and not guards.may_be_departed_for(step.wish):
        awaiting = list(guards.awaited(step.wish))
        raise MayNotGoYet(
            "Go no further than the staging point yet.",
            awaiting=awaiting,
            assignment_status=step.row.status.value if step.row else None,
        )


def _decide(desk: Desk, case: Case, row: AssignmentRow, report: CrewReport, actor: str) -> Step:
    reason = _ESCALATED if report.action is Action.ESCALATE else report.reason
    step = desk.step(case, actor).assignment(row, report.action, reason=reason, data=report.recorded())
    if step.move is not None and step.move.after is Status.CLEARED and report.outcome is None:
        raise Invalid("Say how it ended.", pointer="/outcome")
    step.changes |= _changes(step, row, report)
    if report.expected_clear_min is not None:
        step.changes["expected_clear_at"] = case.now + timedelta(minutes=report.expected_clear_min)
    seen = desk.roster.position(row.team_id)
    if seen is not None:
        step.changes["position"] = seen
    _incident(desk, step, report, seen or row.position)
    return step


def _changes(step: Step, row: AssignmentRow, report: CrewReport) -> dict[str, Any]:
    """What an action sets on the assignment beside its status and the deadline that follows from it."""
    now, durations = step.case.now, step.durations
    match report.action:
        case Action.ACCEPT:
            return _acceptance(step, row, report)
        case Action.DEPART:
            return {"eta": now + timedelta(seconds=row.drive_s) if row.drive_s is not None else None}
        case Action.CHECK_IN if row.watch == Watch.ARRIVE and row.act_by is not None:
            return {"act_by": max(now + durations.arrive_grace, row.act_by), "stage": 0}
        case Action.CHECK_IN if row.watch == Watch.CHECK_IN:
            return {"act_by": now + durations.check_in, "stage": 0}
        case Action.ACKNOWLEDGE_RECALL if row.acknowledged_at is None:
            trip = row.trip(None, recall_read=True)
            return {"acknowledged_at": now, **_watching(deadlines.first(row.status, step.wish, trip, now, durations))}
        case _:
            return {}


def _acceptance(step: Step, row: AssignmentRow, report: CrewReport) -> dict[str, Any]:
    if report.depart_by is None:
        return {}
    _check_depart_by(step, row, report.depart_by)
    trip = row.trip(None, depart_by=report.depart_by)
    deadline = deadlines.first(Status.ACCEPTED, step.wish, trip, step.case.now, step.durations)
    return {"depart_by": report.depart_by, **_watching(deadline)}


def _watching(deadline: deadlines.Deadline | None) -> dict[str, Any]:
    assert deadline is not None, "a live assignment always watches something"
    return {"act_by": deadline.act_by, "watch": deadline.watch.value, "stage": deadline.stage}


def _check_depart_by(step: Step, row: AssignmentRow, depart_by: datetime) -> None:
    if not row.scheduled:
        raise Invalid("Only a restorative-justice crew names its departure.", pointer="/depart_by")
    latest = step.case.now + step.durations.depart_longest
    if (shift_ends_at := row.team.get("shift_ends_at")) is not None:
        latest = min(latest, datetime.fromisoformat(shift_ends_at))
    if not step.case.now <= depart_by <= latest:
        raise Invalid("The departure must lie ahead, within 24 h and within the team's shift.", pointer="/depart_by")


def _incident(desk: Desk, step: Step, report: CrewReport, position: Any) -> None:
    """What an action means for the incident."""
    if report.action is Action.ACCEPT:
        step.incident_changes["act_by"] = None
        step.resolves.append(str(step.case.incident.id))
    elif report.action is Action.DECLINE:
        recalls.requeue(step, report.reason, counts=True, most_offers=desk.most_offers)
    elif step.move is not None and step.move.after is Status.CLEARED:
        step.incident(incidents.Action.CLOSE, reason=report.outcome, outcome=report.outcome)
    elif report.action is Action.ESCALATE and step.move is not None and not step.move.is_mark:
        changes = {"return_reason": _ESCALATED, "needs": report.needs, "position": position}
        step.incident(incidents.Action.RETURN, reason=_ESCALATED, **changes)


async def _help_on_its_way_out(unit: Unit, desk: Desk, row: AssignmentRow, report: CrewReport, caller: Caller) -> None:
    """Sound the alarm for a crew that asks for help after its work was taken away.

    The call is with the call center, or with another team, or cancelled: nobody comes to this crew because of it. Its press may be
    older than the recall and have waited in a dead spot.
    """
    words = f"It asks for {report.needs} while it is being called off." + (f" {report.note}" if report.note else "")
    await emergencies.alarm(unit, desk, row.team_id, position=None, note=words, actor=caller.actor)
