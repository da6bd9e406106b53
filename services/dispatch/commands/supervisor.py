"""What a supervisor does by hand: call a team off, and send one. Safety rules hold for supervisors too."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.dispatch import store
from services.dispatch.case import Case
from services.dispatch.commands import offers, recalls
from services.dispatch.desk import Desk
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from services.dispatch.domain import matching
from services.dispatch.domain.assignment import IllegalTransition, legal_actions
from services.dispatch.domain.explanation import Considered
from services.dispatch.domain.guards import awaited, may_be_offered
from services.dispatch.domain.incident import IncidentOver, ReturnReason
from services.dispatch.domain.pool import Team, Waiting
from services.dispatch.domain.refusals import MayNotBeOffered, SafetyLinkDown, TeamNotEligible
from shared.auth import Caller
from shared.db import Unit
from shared.errors import NotFound, VersionStale


async def recall(
    unit: Unit, desk: Desk, incident_id: UUID, *, reason: str, version: int | None, caller: Caller
) -> None:
    """Call off whoever has the incident and return the call with `supervisor_recalled`.

    Raises NotFound, VersionStale, and IncidentOver when it has ended already.
    """
    case = await _lock(unit, incident_id, version, caller)
    step = desk.step(case, caller.actor)
    recalls.return_call(step, ReturnReason.SUPERVISOR_RECALLED.value)
    step.events[-1]["data"] = {"words": reason}
    if "recall_words" in step.changes:
        step.changes["recall_words"] = f"{step.changes['recall_words']} {reason}"
    if await store.write(unit.conn, step) is not None:
        desk.effects.follow(unit, step)


@dataclass(frozen=True, slots=True)
class ByHand:
    """A supervisor's choice: this team for this call, and why. `seen`: the incident's version of which the call was read."""

    call: Waiting
    seen: int
    team: Team
    considered: tuple[Considered, ...]
    scheduled: bool
    reason: str
    version: int | None = None


async def assign(unit: Unit, desk: Desk, chosen: ByHand, caller: Caller) -> UUID:
    """Give the incident to this team, taking it back from one that has not answered yet, and return the new assignment.

    Raises NotFound, VersionStale (also when the incident has changed since it was weighed), IncidentOver, IllegalTransition (a
    team has accepted), MayNotBeOffered, SafetyLinkDown, TeamNotEligible.
    """
    call, team = chosen.call, chosen.team
    case = await _lock(unit, call.id, chosen.version, caller)
    _check(desk, case, chosen, caller)
    row = case.committed
    if row is not None:
        step = desk.step(case, caller.actor).assignment(row, assignments.Action.CANCEL, reason="reassigned")
        recalls.requeue(step, "reassigned", counts=False, most_offers=desk.most_offers)
        await store.write(unit.conn, step)
        desk.effects.follow(unit, step)
        again = await store.read_case(unit.conn, call.id)
        assert again is not None, "incidents are never deleted"
        case = again
    choice: dict[str, Any] = {
        "by": caller.actor,
        "reason": chosen.reason,
        "at": case.now,
        "considered": [
            one._asdict() | {"team_id": str(one.team_id)} for one in chosen.considered if one.team_id == team.id
        ],
    }
    made = await offers.commit(unit, desk, case, team, choice, scheduled=chosen.scheduled, actor=caller.actor)
    if made is None:
        raise TeamNotEligible("The team or the incident got other work at this moment.", rule="busy_here")
    return made


def _check(desk: Desk, case: Case, chosen: ByHand, caller: Caller) -> None:
    if caller.provider_id is not None and caller.provider_id != chosen.team.provider_id:
        raise NotFound("There is no such team.")
    if case.incident.status is incidents.Status.ENDED:
        raise IncidentOver("The incident has ended.", incident_status="ended", actions=[])
    row = case.committed
    if row is not None and row.status not in assignments.BEFORE_ACCEPTANCE:
        raise IllegalTransition(
            "A team has accepted this call; recall it first.",
            assignment_status=row.status.value,
            actions=[action.value for action in legal_actions(row.status)],
        )
    if not may_be_offered(case.incident.wish):
        raise MayNotBeOffered(
            "The newest decision does not allow this now.", awaiting=list(awaited(case.incident.wish))
        )
    if not case.is_heard:
        raise SafetyLinkDown("Intake has not been heard from for 30 s, so nobody is sent now.", retry_after_s=5)
    _check_version(case, chosen.seen)  # the rules below read the call as it was weighed
    if rule := matching.why_not_by_hand(chosen.call, chosen.team, desk.policy, case.now):
        raise TeamNotEligible(rule.words, rule=rule.name)


async def _lock(unit: Unit, incident_id: UUID, version: int | None, caller: Caller) -> Case:
    case = await store.lock_case(unit.conn, incident_id)
    if case is None:
        raise NotFound("There is no such incident.")
    row = case.committed
    if caller.provider_id is not None and row is not None and row.provider_id != caller.provider_id:
        raise NotFound("There is no such incident.")
    if version is not None:
        _check_version(case, version)
    return case


def _check_version(case: Case, version: int) -> None:
    if version != case.incident.version:
        raise VersionStale(
            f"The incident is at version {case.incident.version}.", current_version=case.incident.version
        )
