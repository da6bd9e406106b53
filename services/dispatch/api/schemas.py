"""Bodies of dispatch's own clients: tablets and supervisors."""

import json
import re
from contextlib import suppress
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError

from services.dispatch.commands.actions import CrewReport
from services.dispatch.domain.assignment import Action
from shared.edge import Answer, Latitude, Longitude, Strict, Time
from shared.errors import Invalid
from shared.messages.incidents import EventView

CrewAction = Literal["accept", "decline", "depart", "arrive", "check_in", "clear", "escalate", "acknowledge_recall"]
Outcome = Literal["agreement", "calmed", "referred", "refused", "gone_on_arrival", "unfounded", "other"]
Needs = Literal["police", "ems", "fire"]
Awaited = Literal["police_staged", "review", "safety_link"]
Note = Annotated[str, Field(max_length=2000)]
Reason = Annotated[str, Field(min_length=1, max_length=200)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]

_ID = "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c"
_UNKEEPABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""What no database keeps: NUL and half a surrogate pair."""
_BELONGS = {
    "outcome": {Action.CLEAR},
    "needs": {Action.ESCALATE},
    "expected_clear_min": {Action.ACCEPT, Action.CHECK_IN, Action.ARRIVE},
    "depart_by": {Action.ACCEPT},
}


class ActionRequest(Strict):
    """What the crew reports. Only `decline` (reason), `clear` (outcome) and `escalate` (needs) need more than the action."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "accept", "expected_clear_min": 45},
                {"action": "decline", "reason": "vehicle"},
                {"action": "clear", "outcome": "agreement", "note": "Parking agreed in writing."},
                {"action": "escalate", "needs": "police"},
            ]
        }
    )

    action: CrewAction
    version: Annotated[Version | None, Field(description="The version seen; required of a supervisor.")] = None
    at: Annotated[Time | None, Field(description="The tablet's clock: recorded, decides nothing.")] = None
    note: Note | None = None
    reason: Annotated[Reason | None, Field(description="Why the crew declines.")] = None
    outcome: Annotated[Outcome | None, Field(description="How it ended; not while withdrawing.")] = None
    needs: Annotated[Needs | None, Field(description="Who must come.")] = None
    expected_clear_min: Annotated[int, Field(ge=1, le=1440)] | None = None
    depart_by: Annotated[
        Time | None, Field(description="When a restorative-justice crew will leave: within 24 h and its shift.")
    ] = None

    def report(self) -> CrewReport:
        """Return it checked for what belongs to the action. Raises Invalid, naming the field."""
        action = Action(self.action)
        if action is Action.DECLINE and self.reason is None:
            raise Invalid("A decline needs a reason.", pointer="/reason")
        if action is Action.ESCALATE and self.needs is None:
            raise Invalid("Say who is needed: police, ems or fire.", pointer="/needs")
        for name, where in _BELONGS.items():
            if getattr(self, name) is not None and action not in where:
                raise Invalid(f"`{name}` does not belong to {action.value}.", pointer=f"/{name}")
        return CrewReport(**self.model_dump() | {"action": action})


class AssignmentState(Answer):
    """Where an assignment is now, and what the crew may do next."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "id": _ID, "incident_id": _ID, "team_id": _ID, "status": "accepted", "version": 3,
                    "act_by": "2026-11-24T02:06:30Z", "may_depart": True, "awaiting": [], "actions": ["depart", "arrive", "escalate"],
                }
            ]
        },
    )  # fmt: skip

    id: UUID
    incident_id: UUID
    team_id: UUID
    status: str
    version: int
    act_by: Time | None = Field(description="The next deadline; null once it has ended.")
    may_depart: bool
    awaiting: list[Awaited]
    actions: list[CrewAction] = Field(description="Legal now.")


class RecallView(Answer):
    """The work was taken away: why, in words for the crew, and by when it should have been read."""

    reason: str | None = Field(examples=["risk_rose"])
    words: str | None
    at: Time
    acknowledge_by: Time | None
    acknowledged_at: Time | None


class BriefingView(Answer):
    """All that triage knew: nothing is left out because it might worry the crew."""

    priority: int
    neighborhood: str | None = None
    location: dict[str, Any] = {}
    languages: dict[str, Any] = {}
    disciplines: list[str] = []
    cautions: list[str] = []
    words: list[dict[str, Any]] = []
    unknown: list[str] = []
    notes: list[str] = []
    reasons: list[dict[str, Any]] = Field(
        default=[], description="The decision's reasons, with the words that they quote."
    )


class TabletAssignment(Answer):
    """One live assignment as the crew sees it."""

    id: UUID
    incident_id: UUID
    status: str = Field(examples=["offered"])
    version: int
    respond_by: Time | None
    act_by: Time | None
    alarm: str | None = Field(
        description="The deadline that was missed, until the crew acts: `depart`, `arrive`, `check_in`, `read`, `away`, ...; "
        "else `review` while the crew is on its way or on scene and a person must look at the call again: new words are in the "
        "briefing."
    )
    eta: Time | None
    depart_by: Time | None
    may_depart: bool
    awaiting: list[Awaited]
    recall: RecallView | None
    call_cancelled_at: Time | None = Field(
        description="The caller cancelled while the crew was on scene: clear as usual."
    )
    misfit: str | None = Field(description="The rule by which new facts no longer fit this team; the crew goes on.")
    briefing: BriefingView
    actions: list[CrewAction]


class TabletList(Answer):
    """A team's live assignments; one that is being withdrawn comes first."""

    items: list[TabletAssignment]
    next: None = None


class AssignmentEvent(EventView):
    """A row of history with what the crew sent."""

    data: dict[str, Any] | None = None


class AssignmentDetail(Answer):
    """One assignment, why this team was chosen, and its history."""

    id: UUID
    incident_id: UUID
    team_id: UUID
    team_name: str
    status: str
    version: int
    created_at: Time
    ended_at: Time | None
    respond_by: Time | None
    act_by: Time | None
    eta: Time | None
    depart_by: Time | None
    expected_clear_at: Time | None
    recall: RecallView | None
    choice: dict[str, Any] = Field(
        description="The teams considered, with rank and cost parts or the rule that excluded them; `first` says why the call went "
        "before others, where it did."
    )
    history: list[AssignmentEvent]


class PanicPosition(Strict):
    """Where the button was pressed."""

    lat_deg: Latitude
    lon_deg: Longitude
    at: Annotated[Time | None, Field(description="When the tablet knew it.")] = None


class EmergencyRequest(Strict):
    """Panic. Everything in it is optional, and nothing in it can be refused: what cannot be read is left out."""

    position: PanicPosition | None = None
    note: Annotated[str, Field(max_length=500)] | None = None

    @classmethod
    def of(cls, body: bytes) -> "EmergencyRequest":
        """Return what can be read of a body, whatever it is. The alarm matters more than its form."""
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return cls()
        if not isinstance(said, dict):
            return cls()
        place = said.get("position", said)
        note = said.get("note")
        return cls(position=_place(place), note=_UNKEEPABLE.sub("", note)[:500] if isinstance(note, str) else None)


def _place(said: object) -> PanicPosition | None:
    if not isinstance(said, dict):
        return None
    for names in (("lat_deg", "lon_deg", "at"), ("lat_deg", "lon_deg")):  # an unreadable time does not lose the place
        with suppress(ValidationError):
            return PanicPosition.model_validate({name: said[name] for name in names if name in said})
    return None


EMERGENCY_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": False,
        "description": EmergencyRequest.__doc__,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "position": {
                            "type": "object",
                            "properties": {
                                "lat_deg": {"type": "number", "minimum": -90, "maximum": 90},
                                "lon_deg": {"type": "number", "minimum": -180, "maximum": 180},
                                "at": {"type": "string", "format": "date-time"},
                            },
                        },
                        "note": {"type": "string", "maxLength": 500},
                    },
                },
                "examples": {
                    "pressed": {"value": {"position": {"lat_deg": 34.0443, "lon_deg": -118.2106}}},
                    "nothing known": {"value": {}},
                },
            }
        },
    }
}
"""The body is read by hand, so that no panic is ever refused; this is what the OpenAPI file says of it."""


class EmergencyAnswer(Answer):
    """The alarm is out."""

    notice_id: UUID
    incident_id: UUID | None = Field(description="The call that the notice is on; null when the team has no work.")
    at: Time


class RecallRequest(Strict):
    """Call the team off and return the call."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "A neighbor phoned: the mood has changed."}]})

    reason: Reason
    version: Annotated[int | None, Field(ge=1, le=2**62, description="The incident's version seen.")] = None


class AssignRequest(Strict):
    """Send this team. Safety rules still hold; order of preference, distance and an earlier refusal do not."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"team_id": _ID, "reason": "Knows the family."}]})

    team_id: UUID
    reason: Reason
    version: Annotated[int | None, Field(ge=1, le=2**62, description="The incident's version seen.")] = None


class HoldingState(Answer):
    """A team was chosen by hand; it is being held and will be offered the call."""

    id: UUID = Field(description="The new assignment.")
    incident_id: UUID
    team_id: UUID
    status: Literal["holding"]
    version: int


class KeptFor(Answer):
    """A call is kept for a team that should be free soon."""

    team_id: UUID
    team_name: str
    words: str
    at: Time


class QueueItem(Answer):
    """An incident as a supervisor sees it in the queue."""

    id: UUID
    status: str
    version: int
    priority: int
    neighborhood: str | None
    disciplines: list[str]
    created_at: Time
    act_by: Time | None = Field(description="The nearest deadline.")
    watch: str | None = Field(description="What that deadline is about; `assign` while it waits.", examples=["respond"])
    may_offer: bool
    may_depart: bool
    awaiting: str | None
    offers: int = Field(description="How many teams declined or did not answer.")
    unmatched: str | None = Field(description="What the last round of matching found, while it waits.")
    hold: KeptFor | None = Field(description="The busy team that it is kept for, while it waits for one.")
    return_reason: str | None
    outcome: str | None
    assignment: dict[str, Any] | None


class CandidateView(Answer):
    """A team considered: its rank and cost parts, or the rule that excluded it."""

    team_id: UUID
    team_name: str
    rank: int | None
    excluded_by: str | None = Field(examples=["required_language"])
    words: str
    discipline: str | None
    drive_s: int | None
    drive_from: str | None = Field(
        description="`position`, `base`, `scene` (where its work ends) or the routing server that gave the time."
    )
    free_in_s: int | None = Field(description="Of a team that has work: in how many seconds it should be clear.")
    cost: int | None = Field(description="The sum of the parts. The least sum over all calls decides, not of one.")
    parts: dict[str, int] | None = Field(description="What the cost is made of, in seconds.")


class Candidates(Answer):
    """Every team considered, the best first, then the excluded ones."""

    as_of: Time
    decision: Literal["send", "hold", "nobody"] | None = Field(
        description="What a round of matching would decide of all waiting calls now; null for a call that is not waiting."
    )
    team_id: UUID | None = Field(description="The team that would be sent, or that the call is kept for.")
    words: str | None = Field(
        description="The decision as a dispatcher says it.",
        examples=["Team 12 should be clear in 9 min, 6 min away; best free team is 38 min away."],
    )
    items: list[CandidateView]
    next: None = None
