"""The feed of changes as a CAD reads it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.intake.api.schemas.calls import CALL_EXAMPLE, CallAnswer, NoticePosition
from shared.edge import Answer, Time
from shared.messages.base import NoticeKind


class FeedNotice(Answer):
    """A notice that belongs to no call: a team's panic without work. It shows in every CAD's feed."""

    id: UUID
    team_id: UUID | None
    kind: NoticeKind
    text: str
    position: NoticePosition | None
    at: Time
    acknowledged_at: Time | None


class ChangeItem(Answer):
    """Something happened to a call (`call` shows it as it is now, not as it was then), or a notice came without one."""

    cursor: str
    at: Time
    what: Literal["reported", "updated", "reviewed", "progress", "returned", "cancelled", "acknowledged", "notice"]
    call: CallAnswer | None
    notice: FeedNotice | None


class ChangesAnswer(Answer):
    """Changes after the cursor, oldest first. Empty: nothing new in time; the answer still counts."""

    model_config = Answer.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "items": [
                        {"cursor": "WzEsODMxLDQyXQ", "at": "2026-11-24T02:04:12Z", "what": "reported",
                         "call": CALL_EXAMPLE, "notice": None}
                    ],
                    "next": "WzEsODMxLDQyXQ",
                    "hand_back_by": "2026-11-24T02:06:12Z",
                }
            ]
        }
    }  # fmt: skip

    items: list[ChangeItem]
    next: Annotated[str, Field(description="Send it as `after`; it never expires.")]
    hand_back_by: Annotated[
        Time,
        Field(description="This answer counts as a newer one about every open call of the caller: none is due before."),
    ]
