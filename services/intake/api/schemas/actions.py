"""What a CAD and a reviewer may do with a call."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.intake.api.schemas.reports import Answers
from shared.edge import Strict


class CancelRequest(Strict):
    """The CAD calls the call off."""

    model_config = Strict.model_config | {
        "json_schema_extra": {"examples": [{"reason": "caller_withdrew", "note": "RP says it is settled."}]}
    }

    reason: Annotated[str, Field(min_length=1, max_length=200)]
    note: Annotated[str, Field(max_length=2000)] | None = None


class AcknowledgeRequest(Strict):
    """The return, or the notice named, has reached a person."""

    model_config = Strict.model_config | {"json_schema_extra": {"examples": [{"operator": "desk-4"}]}}

    notice_id: UUID | None = None
    operator: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class ReviewRequest(Strict):
    """A reviewer's word. `version` is needed to send civilians, and not to return the call."""

    model_config = Strict.model_config | {
        "json_schema_extra": {
            "examples": [
                {"decision": "send_civilian", "reason": "Called back: nobody has a weapon.", "version": 2,
                 "answers": {"weapons": "no"}},
                {"decision": "return", "reason": "Caller sounds afraid."},
            ]
        }
    }  # fmt: skip

    decision: Literal["send_civilian", "return"]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    answers: Answers | None = None
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
