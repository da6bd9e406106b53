"""Shaping rows and steps into the answers of tablets and supervisors."""

from collections.abc import Mapping
from typing import Any

from services.dispatch.api import schemas
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.guards import Wish, awaited, open_actions
from services.dispatch.domain.silence import heard_recently
from services.dispatch.step import Step


def state_after(step: Step) -> schemas.AssignmentState:
    """Return the assignment as the written step left it."""
    row, move = step.row, step.move
    assert row is not None
    assert move is not None
    status = move.after
    waits = _awaiting(step.wish, status, is_heard=step.case.is_heard)
    return schemas.AssignmentState(
        id=row.id,
        incident_id=row.incident_id,
        team_id=row.team_id,
        status=status.value,
        version=row.version + (not move.is_mark),
        act_by=step.changes.get("act_by", row.act_by),
        may_depart=not waits,
        awaiting=waits,
        actions=[action.value for action in open_actions(status, step.wish, is_heard=step.case.is_heard)],
    )


def tablet_item(row: Mapping[Any, Any]) -> schemas.TabletAssignment:
    """Return one live assignment as its crew sees it."""
    status = Status(row["status"])
    wish = Wish(row["wanted"], row["may_offer"], row["may_depart"], row["verdict"], row["wish_reason"])
    is_heard = heard_recently(row["heard_as_of"], row["now"])
    waits = _awaiting(wish, status, is_heard=is_heard)
    plain = {
        name: row[name]
        for name in (
            "id", "incident_id", "version", "respond_by", "act_by", "eta", "depart_by", "misfit", "call_cancelled_at",
        )
    }  # fmt: skip
    return schemas.TabletAssignment(
        status=status.value,
        alarm=row["watch"] if row["stage"] else None,
        may_depart=not waits and status is not Status.WITHDRAWING,
        awaiting=waits,
        recall=recall(row),
        briefing=briefing(row["facts"] or {}, row["priority"]),
        actions=[action.value for action in open_actions(status, wish, is_heard=is_heard)],
        **plain,
    )


def recall(row: Mapping[Any, Any]) -> schemas.RecallView | None:
    """Return why the work was taken away, if it was."""
    if row["recalled_at"] is None:
        return None
    return schemas.RecallView(
        reason=row["recall_reason"],
        words=row["recall_words"],
        at=row["recalled_at"],
        acknowledge_by=row["acknowledge_by"],
        acknowledged_at=row["acknowledged_at"],
    )


def briefing(facts: Mapping[str, Any], priority: int) -> schemas.BriefingView:
    """Return what the crew is told of the call."""
    parts = ("neighborhood", "location", "languages", "disciplines")
    said = {name: facts[name] for name in parts if facts.get(name) is not None}
    reasons = facts.get("decision", {}).get("reasons") or []
    return schemas.BriefingView(priority=priority, reasons=reasons, **said, **facts.get("briefing", {}))


def _awaiting(wish: Wish, status: Status, *, is_heard: bool) -> list[Any]:
    if status is Status.WITHDRAWING:
        return []
    return [*awaited(wish), *([] if is_heard else ["safety_link"])]
