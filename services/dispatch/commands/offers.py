"""From a choice to an open offer: commit the incident to a team, hold the team, offer; or let it go again.

A crash between any two of these leaves a `holding` assignment with a deadline, which the sweep resolves.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prometheus_client import Histogram

from services.dispatch import store
from services.dispatch.case import AssignmentRow, Case
from services.dispatch.commands import recalls
from services.dispatch.desk import Desk
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.pool import Team
from services.dispatch.facts import team_as_stored
from services.dispatch.step import Step
from shared.db import Database, Unit
from shared.ids import uuid7

TO_OFFER_S = Histogram(
    "dispatch_seconds_to_offer",
    "From a call's arrival to an offer",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3600),
)
MATCHING = "system:matching"


async def commit(
    unit: Unit, desk: Desk, case: Case, team: Team, choice: Mapping[str, Any], *, scheduled: bool, actor: str = MATCHING
) -> UUID | None:
    """Give a waiting incident to a team and return the new assignment, which is `holding`.

    None: the incident changed, may not be offered, intake is silent, or the team or the incident has a live assignment.
    """
    assignment_id = uuid7()
    best: Mapping[str, Any] = next((one for one in choice.get("considered", ()) if one["team_id"] == str(team.id)), {})
    step = desk.step(case, actor).incident(incidents.Action.COMMIT, hold=None)
    step.events.insert(0, {
        "n": 1, "machine": "assignment", "action": "hold", "before": None, "after": assignments.Status.HOLDING.value,
        "reason": choice.get("reason"), "assignment_id": assignment_id, "data": {"team_id": team.id},
    })  # fmt: skip
    step.events[1]["n"] = 2
    new = store.NewAssignment(
        id=assignment_id,
        team_id=team.id,
        team_name=team.name,
        provider_id=team.provider_id,
        choice={**choice, "team": team_as_stored(team)},
        scheduled=scheduled,
        drive_s=best.get("drive_s"),
        position=desk.roster.position(team.id),
    )
    hold_by = (case.now + desk.durations.hold).isoformat()
    if not await store.commit(unit.conn, step, new, hold_by=hold_by):
        return None
    desk.effects.follow(unit, step)
    return assignment_id


async def offer(db: Database, desk: Desk, assignment_id: UUID) -> bool:
    """Put a held team's offer on its tablet. False: it may not be offered (any more), and the team is let go."""
    async with db.autocommit() as unit:
        for _ in range(5):
            found = await _holding(unit, assignment_id)
            if found is None:
                return False
            case, row = found
            step = desk.step(case, MATCHING).assignment(row, assignments.Action.OFFER)
            if await store.write(unit.conn, step) is not None:
                desk.effects.follow(unit, step)
                TO_OFFER_S.observe(max(0.0, (case.now - case.incident.created_at).total_seconds()))
                return True
    await abandon(db, desk, assignment_id, "may_not_be_offered")
    return False


async def abandon(db: Database, desk: Desk, assignment_id: UUID, reason: str) -> None:
    """Let a team go that was chosen but not offered to; its hold is released, even one that is still on its way."""
    async with db.transaction() as unit:
        found = await _holding(unit, assignment_id, lock=True)
        if found is None:
            return
        case, row = found
        step = desk.step(case, MATCHING)
        let_go(step, row, desk.most_offers, reason)
        if await store.write(unit.conn, step) is not None:
            desk.effects.follow(unit, step)


def let_go(step: Step, row: AssignmentRow, most_offers: int, reason: str) -> None:
    """End a `holding` assignment and let the incident wait again."""
    step.assignment(row, assignments.Action.ABANDON, reason=reason)
    recalls.requeue(step, reason, counts=False, most_offers=most_offers)


async def _holding(unit: Unit, assignment_id: UUID, *, lock: bool = False) -> tuple[Case, AssignmentRow] | None:
    case = await store.read_case_of(unit.conn, assignment_id)
    if case is not None and lock:
        case = await store.lock_case(unit.conn, case.incident.id)
    row = case.named(assignment_id) if case else None
    return (case, row) if case and row and row.status is assignments.Status.HOLDING else None
