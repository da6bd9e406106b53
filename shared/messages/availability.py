"""What dispatch reads from teams: who can go now, and the holds that keep them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.edge import Time
from shared.messages.base import Message, Position


class DoNotSend(Message):
    """A team must not be sent to a neighborhood or an address (conflict of interest), until it expires."""

    neighborhood: str | None = None
    address_key: str | None = None
    until: Time | None = None


class HoldView(Message):
    """The live hold of a team: the assignment that holds it."""

    assignment_id: UUID
    incident_id: UUID
    since: Time


class Base(Message):
    """Where a team starts from when its position is not known."""

    lat_deg: float
    lon_deg: float


class TeamAvailability(Message):
    """One team as matching sees it; `reasons` says why it is not offerable."""

    team_id: UUID
    team_name: str
    provider_id: UUID
    provider_name: str | None = None
    """A neighborhood's plan may name the providers it asks first. Absent from an older teams service."""
    offerable: bool
    reasons: list[str] = []
    disciplines: list[str]
    languages: list[str]
    catchment: dict[str, Literal["home", "also_serves", "mutual_aid"]]
    position: Position | None = None
    base: Base | None = None
    crew: int
    minimum_crew: int
    shift_ends_at: Time | None = None
    do_not_send: list[DoNotSend] = []
    hold: HoldView | None = None


class Availability(Message):
    """A snapshot of the teams."""

    items: list[TeamAvailability]
    next: None = None


class HoldRequest(Message):
    """Hold a team for an incident."""

    team_id: UUID
    incident_id: UUID
    restore: bool = False
    """Put back the missing hold of a live assignment: the team's shift, duty and crew are not asked."""

    model_config = Message.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "team_id": "019a8f2e-5b1c-7c5a-9a53-0d7f6e0a1b2c",
                    "incident_id": "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c",
                }
            ]
        }
    }


class Hold(Message):
    """A hold as teams keeps it; `released_at` is set once it is over, and then it can never be held again."""

    assignment_id: UUID
    team_id: UUID | None = None
    incident_id: UUID | None = None
    held_at: Time | None = None
    released_at: Time | None = None


class Holds(Message):
    """The live holds, with how old each is."""

    items: list[Annotated["LiveHold", Field()]]
    next: None = None


class LiveHold(Message):
    """One live hold."""

    assignment_id: UUID
    team_id: UUID
    incident_id: UUID
    held_at: Time
    age_s: float
