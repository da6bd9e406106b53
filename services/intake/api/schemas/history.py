"""A call's history as it is answered."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.intake.api.schemas.calls import Decision
from shared.edge import Answer, Time


class TimelineItem(Answer):
    """One event of a call; `seq` counts within the service."""

    service: Literal["intake", "dispatch"]
    seq: int
    at: Time
    actor: str
    action: str
    from_: Annotated[str | None, Field(alias="from", serialization_alias="from")]
    to: str | None
    reason: str | None
    detail: dict[str, Any] | None

    model_config = Answer.model_config | {"populate_by_name": True}


class Timeline(Answer):
    """Every event of a call, across services: each service's in its own order, merged by the clocks."""

    items: list[TimelineItem]
    next: str | None = None


class ReadStatement(Answer):
    """One statement that a decision read; of another call if that is linked."""

    call_id: UUID
    seq: int
    source: str
    said_by: str
    at: Time
    truncated: bool
    body: dict[str, Any]


class ReviewView(Answer):
    """What a reviewer said about a decision, and exactly what that cleared: rule, reason and phrase."""

    decision: Literal["send_civilian", "return"]
    reason: str
    cleared: list[tuple[str, str | None, str | None]] | None
    by: str
    at: Time


class DecisionItem(Answer):
    """One decision with the evidence it read, the versions and the digest of that evidence."""

    id: UUID
    seq: int
    decision: Decision
    evidence: dict[str, Any]
    evidence_digest: Annotated[str, Field(description="SHA-256 of the canonical JSON of `evidence`.")]
    code_version: str
    at: Time
    statements: list[ReadStatement]
    review: ReviewView | None


class Decisions(Answer):
    """Every decision about a call, oldest first."""

    items: list[DecisionItem]
    next: str | None = None
