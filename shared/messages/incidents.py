"""Intake's wish for a call, dispatch's whole view of the incident, and the heartbeat between them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from shared.edge import Language, Latitude, Longitude, Slug, Time
from shared.messages.base import Message, Notice, Position

Discipline = Literal["mediator", "interrupter", "restorative_justice"]
Words = Annotated[str, Field(max_length=4000)]


class Languages(Message):
    """Languages that the team must have (each of them), and those it had better have; BCP 47."""

    required: list[Language] = []
    preferred: list[Language] = []


class Location(Message):
    """Where to go. Coordinates may be absent when the neighborhood is known only by name."""

    lat_deg: Latitude | None = None
    lon_deg: Longitude | None = None
    accuracy_m: Annotated[float, Field(ge=0)] | None = None
    address: Annotated[str, Field(max_length=500)] | None = None


class SourceWords(Message):
    """Words that triage read, as they were written, and where they stood."""

    source: str
    text: Annotated[str, Field(max_length=70_000)]


class Briefing(Message):
    """All that triage knew, for the crew: nothing is left out because it might worry them."""

    cautions: list[str] = []
    words: list[SourceWords] = []
    unknown: list[str] = []
    notes: list[str] = []


class Facts(Message):
    """All that dispatch needs to know of a call; dispatch asks nobody else about it."""

    decision: dict[str, Any]
    """The decision as intake answers it; dispatch reads `verdict`, `discipline` and `priority`."""
    neighborhood: Slug | None = None
    plan_version: int | None = None
    disciplines: Annotated[list[Discipline], Field(min_length=1)]
    """In order of preference; the first that has a team wins."""
    languages: Languages = Languages()
    location: Location = Location()
    address_key: str | None = None
    """A digest of the normalised address, for continuity and do-not-send; never the address itself."""
    assign_by: Time
    """A call that no team has accepted by then is returned."""
    briefing: Briefing = Briefing()
    catchment: list[Slug] = []
    """Teams that serve any of these may go."""
    preferred_providers: list[str] = []
    """Names or ids of the providers that the neighborhood's plan asks first."""


class Wish(Message):
    """What intake wants for a call now. Only a higher `seq` than the receiver has seen changes anything."""

    seq: Annotated[int, Field(ge=1, le=2**62)]
    wanted: Literal["civilian", "withdrawn"]
    may_offer: bool
    may_depart: bool
    reason: Annotated[str, Field(max_length=100)] | None = None
    """While `withdrawn`: the return reason or `cancelled`. Else what is awaited: `police_staged` or `review`."""
    facts: Facts | None = None
    """Absent only when the wish is `withdrawn`."""
    applied: Annotated[int, Field(ge=0, le=2**62)] = 0
    """The highest count of applied wishes that intake has seen from dispatch; 0 while it sends every wish again."""


class AssignmentView(Message):
    """The newest assignment of a call."""

    id: UUID
    team_id: UUID
    team_name: str
    status: str
    eta: Time | None = None


class EventView(Message):
    """One row of an incident's history; `seq` counts within the incident."""

    seq: int
    at: Time
    actor: str
    action: str
    from_: Annotated[str | None, Field(alias="from")] = None
    to: str | None = None
    reason: str | None = None

    model_config = Message.model_config | {"populate_by_name": True}


class Progress(Message):
    """Dispatch's whole view of an incident. `version` grows with every change; an older one changes nothing."""

    version: Annotated[int, Field(ge=0, le=2**62)]
    at: Time
    """Dispatch's own time when it said this."""
    status: Literal["waiting", "committed", "ended"]
    return_reason: str | None = None
    outcome: str | None = None
    needs: Literal["police", "ems", "fire"] | None = None
    """What the crew asked for when it escalated."""
    act_by: Time | None = None
    """The nearest deadline that dispatch watches; null only when the incident has ended and no team is live."""
    position: Position | None = None
    """Where the team was last seen, when somebody has to go and look for it."""
    notices: list[Notice] = []
    """Every notice that dispatch has raised for this call, oldest first; intake takes each id once."""
    assignment: AssignmentView | None = None
    events: list[EventView] = []
    """History that intake has not confirmed, oldest first; at most 100 at once."""

    model_config = Message.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "version": 7, "at": "2026-11-24T02:05:02Z", "status": "committed", "act_by": "2026-11-24T02:06:32Z",
                    "assignment": {
                        "id": "019a8f30-77aa-7c5a-9a53-0d7f6e0a1b2c", "team_id": "019a8f2e-5b1c-7c5a-9a53-0d7f6e0a1b2c",
                        "team_name": "Eastside Mediation", "status": "offered",
                    },
                    "events": [
                        {"seq": 3, "at": "2026-11-24T02:05:02Z", "actor": "system:matching", "action": "offer",
                         "from": "holding", "to": "offered"},
                    ],
                }
            ]
        }
    }  # fmt: skip


class WishAnswer(Progress):
    """Dispatch's view of the incident after a wish, and its running count of applied wishes, this one included."""

    applied: Annotated[int, Field(ge=0, le=2**62)] = 0


class ProgressReceipt(Message):
    """Intake's answer to a progress report: the call's status, and what it has now stored of dispatch's view."""

    status: str
    """The call's status at intake after this report."""
    version: int
    """The highest `Progress.version` that intake has stored."""
    events_through: int
    """Intake has every event of this incident up to this `seq`."""


class Heartbeat(Message):
    """Intake lives. Sent every 5 s; silence is counted from `echo`, the `as_of` of dispatch's last answer."""

    echo: Time | None = None
    """Null before the first answer of dispatch."""
    applied: Annotated[int, Field(ge=0, le=2**62)] = 0
    """The highest count of applied wishes that intake has seen from dispatch."""
    withdrawn: Annotated[list[UUID], Field(max_length=1000)] = []
    """Calls whose withdrawal dispatch has not confirmed; dispatch stops them at once."""

    model_config = Message.model_config | {
        "json_schema_extra": {"examples": [{"echo": "2026-11-24T02:05:00Z", "applied": 4711, "withdrawn": []}]}
    }


class HeartbeatAnswer(Message):
    """Dispatch's answer; intake echoes `as_of` in the next heartbeat."""

    as_of: Time
    applied: int
