"""A call as intake answers it."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from services.intake.api.schemas.places import Located
from services.intake.commands.desk import Desk
from services.intake.commands.moves import hand_back_by
from services.intake.queries.calls import CallView
from shared.edge import Answer, Time
from shared.messages.base import NoticeKind

CallStatus = Literal[
    "in_review", "queued", "offered", "accepted", "en_route", "on_scene", "closed", "returned", "cancelled"
]
Verdict = Literal["safe", "review", "unsafe"]
ReturnReason = Literal[
    "unsafe", "review_refused", "review_timeout", "no_reviewer", "no_team_on_duty", "all_teams_busy", "no_team_accepted",
    "outside_service_area", "outside_hours", "plan_excludes", "caller_wants_police", "risk_rose", "team_escalated",
    "team_silent", "no_co_response", "supervisor_recalled", "system_fault",
]  # fmt: skip
Recommended = Literal["police", "ems_fire", "crisis_line"]


class Reason(Answer):
    """One rule that spoke, and the words that made it speak, with their offsets in the text named by `source`."""

    rule: str
    reason: str | None
    effect: Literal["unsafe", "return", "review", "safe", "note"]
    source: str
    quote: str | None
    start: int | None
    end: int | None
    explanation: str


class AskNext(Answer):
    """The one question whose answer would most likely settle the call."""

    fact: str
    en: str
    es: str


class Decision(Answer):
    """What triage, or a reviewer, decided, and why."""

    verdict: Verdict
    disposition: Literal["civilian", "civilian_with_co_response", "review", "police", "ems_fire", "crisis_line"]
    discipline: Literal["mediator", "interrupter", "restorative_justice"] | None
    priority: Annotated[int, Field(ge=1, le=3)]
    recommended_response: Recommended | None = None
    reasons: list[Reason]
    missing: list[str]
    ask_next: AskNext | None
    protocol_version: str
    plan_version: int
    decided_by: str
    decided_at: Time


class Neighborhood(Answer):
    slug: str
    name: str


class Assignment(Answer):
    """The newest assignment of a call, as dispatch told it."""

    id: UUID
    team_id: UUID
    team_name: str
    status: str
    eta: Time | None = None


class NoticePosition(Answer):
    lat_deg: float
    lon_deg: float
    at: Time | None = None


class CallNotice(Answer):
    """Something that the call center must do or know now; acknowledge it."""

    id: UUID
    kind: NoticeKind
    text: str
    position: NoticePosition | None
    at: Time
    acknowledged_at: Time | None


class StatementView(Answer):
    """One thing said about the call, as it was received."""

    seq: int
    source: str
    said_by: str
    at: Time
    truncated: bool
    body: dict[str, Any]


CALL_EXAMPLE: Final[dict[str, Any]] = {
    "id": "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c", "cad_system": "lapd-cad", "cad_event_id": "LPD261123000871",
    "attempt": 1, "received_at": "2026-11-24T02:04:11Z", "reported_at": "2026-11-24T02:04:12Z", "late": False,
    "status": "queued", "version": 2, "hand_back_by": "2026-11-24T02:06:12Z", "review_by": None, "outcome": None,
    "notices": [], "neighborhood": {"slug": "boyle-heights", "name": "Boyle Heights"},
    "decision": {
        "verdict": "safe", "disposition": "civilian", "discipline": "mediator", "priority": 2, "recommended_response": None,
        "reasons": [{
            "rule": "core_four_denied", "reason": None, "effect": "safe", "source": "answers", "quote": None, "start": None,
            "end": None,
            "explanation": "Weapons, violence, injuries and threats were each denied, or a reviewer cleared it.",
        }],
        "missing": [], "ask_next": None, "protocol_version": "2026-11-01", "plan_version": 3, "decided_by": "protocol",
        "decided_at": "2026-11-24T02:04:12Z",
    },
    "return_reason": None, "recommended_response": None, "acknowledge_by": None, "acknowledged_at": None,
    "assignment": None, "statements": None,
}  # fmt: skip


class CallAnswer(Answer):
    """A call as it is now. Without a newer answer by `hand_back_by` the CAD takes the call back itself."""

    model_config = Answer.model_config | {"json_schema_extra": {"examples": [CALL_EXAMPLE]}}

    id: UUID
    cad_system: str
    cad_event_id: str
    attempt: int
    received_at: Time
    reported_at: Annotated[Time, Field(description="When the report reached us, by our clock.")]
    late: Annotated[bool, Field(description="received_at was over an hour old.")]
    status: CallStatus
    version: int
    hand_back_by: Time | None
    review_by: Time | None
    outcome: str | None
    notices: list[CallNotice]
    neighborhood: Neighborhood | None
    located: Annotated[Located | None, Field(description="How the place was found, and how sure that is.")] = None
    decision: Decision
    return_reason: ReturnReason | None
    recommended_response: Recommended | None
    acknowledge_by: Annotated[
        Time | None,
        Field(description="The call is returned and nobody has acknowledged it: when an alert comes (again)."),
    ]
    acknowledged_at: Time | None
    assignment: Assignment | None
    statements: Annotated[
        list[StatementView] | None,
        Field(description="What was said; only in GET of one call and in the reviewers' queue."),
    ] = None


class CallPage(Answer):
    """A page of calls; `next` is the cursor of the page after it, or null."""

    items: list[CallAnswer]
    next: str | None = None


def state_of(view: CallView) -> dict[str, Any]:
    """Return what the answer about a call says apart from the time of answering."""
    call = view.call
    return {
        "id": str(call.id),
        "cad_system": call.cad_system,
        "cad_event_id": call.cad_event_id,
        "attempt": call.attempt,
        "received_at": call.received_at,
        "reported_at": call.reported_at,
        "late": call.late,
        "status": str(call.status),
        "version": call.version,
        "hand_back_by": None,
        "review_by": call.review_by,
        "outcome": call.outcome,
        "notices": [dict(notice) for notice in view.notices],
        "neighborhood": {"slug": call.neighborhood, "name": call.neighborhood_name} if call.neighborhood else None,
        "located": dict(call.located) if call.located else None,
        "decision": dict(view.decision),
        "return_reason": str(call.return_reason) if call.return_reason else None,
        "recommended_response": call.recommended_response,
        "acknowledge_by": call.acknowledge_by,
        "acknowledged_at": call.acknowledged_at,
        "assignment": dict(call.assignment) if call.assignment else None,
        "statements": [dict(said) for said in view.statements] if view.statements is not None else None,
    }


def answer_of(desk: Desk, view: CallView) -> CallAnswer:
    """Return the answer about a call, with the time until which the CAD may rely on it."""
    return CallAnswer.model_validate(state_of(view) | dated(desk, view))


def dated(desk: Desk, view: CallView) -> dict[str, datetime | None]:
    """Return the part of an answer that depends on when it is given."""
    return {"hand_back_by": hand_back_by(desk, view.call, view.now)}
