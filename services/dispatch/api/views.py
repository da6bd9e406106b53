"""Shaping rows and steps into the answers of tablets and supervisors."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.api import schemas
from services.dispatch.domain import explanation
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.explanation import Considered
from services.dispatch.domain.guards import Wish, awaited, open_actions
from services.dispatch.domain.matching import Choice, Hold, Plan
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
        alarm=row["watch"] if row["stage"] else worse_news(wish, status),
        may_depart=not waits and status is not Status.WITHDRAWING,
        awaiting=waits,
        recall=recall(row),
        briefing=briefing(row["facts"] or {}, row["priority"]),
        actions=[action.value for action in open_actions(status, wish, is_heard=is_heard)],
        **plain,
    )


def worse_news(wish: Wish, status: Status) -> str | None:
    """Return `review` for a crew on its way or with people whose call a person must look at again: it must notice now."""
    moving = status in {Status.EN_ROUTE, Status.ON_SCENE}
    return "review" if moving and "review" in awaited(wish) else None


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


def queue_item(row: Mapping[Any, Any]) -> schemas.QueueItem:
    """Return an incident as the queue shows it, with the nearest of its deadlines."""
    watched = [
        (at, watch)
        for at, watch in ((row["assign_act_by"], "assign"), (row["assignment_act_by"], row["watch"]))
        if at is not None
    ]
    act_by, watch = min(watched) if watched else (None, None)
    newest = None
    if row["assignment_id"] is not None:
        newest = {
            "id": row["assignment_id"], "team_id": row["team_id"], "team_name": row["team_name"],
            "status": row["assignment_status"], "eta": row["eta"], "misfit": row["misfit"],
        }  # fmt: skip
    plain = {
        name: row[name]
        for name in (
            "id", "status", "version", "priority", "neighborhood", "created_at", "may_offer", "may_depart", "offers", "unmatched", "hold",
            "return_reason", "outcome",
        )
    }  # fmt: skip
    return schemas.QueueItem(
        disciplines=row["disciplines"] or [],
        act_by=act_by,
        watch=watch,
        awaiting=row["wish_reason"] if row["wanted"] == "civilian" else None,
        assignment=newest,
        **plain,
    )


def candidate(one: Considered) -> schemas.CandidateView:
    """Return a team considered."""
    return schemas.CandidateView(**one._asdict())


def ranked(considered: Sequence[Considered], as_of: datetime) -> schemas.Candidates:
    """Return the teams for a call about which a round has nothing to decide."""
    items = [candidate(one) for one in considered]
    return schemas.Candidates(as_of=as_of, decision=None, team_id=None, words=None, items=items)


def candidates(plan: Plan, incident_id: UUID, as_of: datetime) -> schemas.Candidates:
    """Return what a round would decide for a waiting call, and every team with it."""
    board = plan.board
    row = next(place for place, call in enumerate(board.calls) if call.id == incident_id)
    served: tuple[Choice | Hold, ...] = (*plan.choices, *plan.holds)
    found = next((one for one in served if one.incident_id == incident_id), None)
    column = None if found is None else plan.place_of(incident_id, found.team.id)[1]
    why = explanation.explain(board, row, column, len(board.teams))
    items = [candidate(one) for one in explanation.in_full(board, row, why)]
    if found is None or column is None:
        words = explanation.nobody_words(board, row, plan.sent)
        return schemas.Candidates(as_of=as_of, decision="nobody", team_id=None, words=words, items=items)
    if isinstance(found, Hold):
        words = explanation.hold_words(board, row, column, plan.sent)
        return schemas.Candidates(as_of=as_of, decision="hold", team_id=found.team.id, words=words, items=items)
    words = " ".join(filter(None, (f"{found.team.name}: {items[0].words}", explanation.first_words(board, row))))
    return schemas.Candidates(as_of=as_of, decision="send", team_id=found.team.id, words=words, items=items)


def detail(row: Mapping[Any, Any], history: list[Mapping[Any, Any]]) -> schemas.AssignmentDetail:
    """Return one assignment with its history."""
    names = schemas.AssignmentDetail.model_fields.keys() - {"recall", "history"}
    return schemas.AssignmentDetail(
        recall=recall(row),
        history=[schemas.AssignmentEvent.model_validate(dict(event)) for event in history],
        **{name: row[name] for name in names},
    )
