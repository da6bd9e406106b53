"""What every message between services is built on."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.edge import Latitude, Longitude, Time


class Message(BaseModel):
    """A body between services: immutable, and tolerant of fields that a newer version added."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Position(Message):
    """Where something was, and when it was seen there."""

    lat_deg: Latitude
    lon_deg: Longitude
    at: Time | None = None


NoticeKind = Literal["send_police", "check_on_team", "team_emergency", "police_no_longer_needed"]


class Notice(Message):
    """Something that the call center must do or know now; it asks for an acknowledgement."""

    id: UUID
    kind: NoticeKind
    text: Annotated[str, Field(max_length=2000)]
    position: Position | None = None
    at: Time


class LooseNotice(Message):
    """A notice without a call (a panic without work); it goes to every CAD's feed."""

    kind: NoticeKind
    team_id: UUID | None = None
    text: Annotated[str, Field(max_length=2000)]
    position: Position | None = None
    at: Time

    model_config = Message.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "kind": "team_emergency",
                    "team_id": "019a8f2e-5b1c-7c5a-9a53-0d7f6e0a1b2c",
                    "text": "Eastside Mediation calls an emergency. Send help.",
                    "position": {"lat_deg": 34.0443, "lon_deg": -118.2106, "at": "2026-11-24T02:05:00Z"},
                    "at": "2026-11-24T02:05:02Z",
                }
            ]
        }
    }
