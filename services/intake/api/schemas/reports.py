"""What a CAD says: a report, strictly, and the fields that an update shares with it."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from services.intake.commands.evidence import TEXT_LIMIT
from services.intake.commands.reports import Report as ReportCommand
from services.intake.commands.statements import Said
from services.intake.domain.triage.model import FACT_KEYS
from shared.edge import Language, Latitude, Longitude, Slug, Strict, Time

CadSystem = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$", description="Name of the CAD; no colon.", examples=["lapd-cad"]
    ),
]
CadEventId = Annotated[
    str,
    Field(
        min_length=1, max_length=100, pattern=r"^[^/:\x00-\x20\x7f]+$",
        description="The CAD's own id of the event; no colon, slash or blank.", examples=["LPD261123000871"],
    ),
]  # fmt: skip
Attempt = Annotated[int, Field(ge=1, le=1000, description="A returned call may be tried again as the next attempt.")]
Narrative = Annotated[
    str,
    Field(max_length=TEXT_LIMIT, description="What the call-taker wrote, in any language.",
          examples=["RP and downstairs neighbor arguing over parking. Verbal only. NWS, no threats, nobody hurt."]),
]  # fmt: skip
CallTypeCode = Annotated[str, Field(max_length=40, examples=["415N"])]
CallTypeText = Annotated[str, Field(max_length=500, examples=["NEIGHBOR DISPUTE"])]
FactValue = Literal["yes", "no", "unknown"]
Word = Annotated[str, StringConstraints(max_length=60)]
LinkedTo = Annotated[
    list[CadEventId], Field(max_length=50, description="Events of the same CAD that belong to this one.")
]


class Answers(Strict):
    """What was asked and answered. A fact is `yes`, `no` or `unknown`; absent means `unknown`, and unknown is never no."""

    weapons: FactValue | None = None
    violence: FactValue | None = None
    injuries: FactValue | None = None
    threats: FactValue | None = None
    suspect_on_scene: FactValue | None = None
    intoxication: FactValue | None = None
    minors_at_risk: FactValue | None = None
    suicidal: FactValue | None = None
    fire_medical: FactValue | None = None
    caller_safe: FactValue | None = None
    consent: FactValue | None = None
    mental_health_crisis: FactValue | None = None
    dv_relation: FactValue | None = None
    location_known: FactValue | None = None
    relationship: Annotated[Word | None, Field(examples=["neighbor"])] = None
    parties: Annotated[int | None, Field(ge=0, le=10_000, strict=True, examples=[2])] = None
    location_type: Annotated[Word | None, Field(examples=["apartment"])] = None


assert set(FACT_KEYS) <= set(Answers.model_fields), "every fact of triage can be answered"


class Location(Strict):
    """Where it is. Latitude and longitude come together, or not at all."""

    lat_deg: Latitude | None = None
    lon_deg: Longitude | None = None
    accuracy_m: Annotated[float, Field(ge=0, le=1_000_000, strict=True, examples=[30])] | None = None
    address: Annotated[str, Field(max_length=500, examples=["E 1st St / S Boyle Ave"])] | None = None
    neighborhood: Slug | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> "Location":
        if (self.lat_deg is None) != (self.lon_deg is None):
            raise ValueError("lat_deg and lon_deg come together")
        return self


class CallerInfo(Strict):
    """Who called, if they said."""

    name: Annotated[str, Field(max_length=200)] | None = None
    phone: Annotated[str, Field(max_length=50)] | None = None
    language: Language | None = None


REPORT_EXAMPLE: Final[dict[str, Any]] = {
    "cad_system": "lapd-cad",
    "cad_event_id": "LPD261123000871",
    "received_at": "2026-11-23T18:04:11-08:00",
    "call_type_code": "415N",
    "call_type_text": "NEIGHBOR DISPUTE",
    "narrative": "RP and downstairs neighbor arguing over parking. Verbal only. NWS, no threats, nobody hurt.",
    "language": "en",
    "answers": {
        "weapons": "no", "violence": "no", "injuries": "no", "threats": "no", "suspect_on_scene": "yes",
        "relationship": "neighbor", "parties": 2, "caller_safe": "yes", "consent": "yes",
    },
    "location": {"lat_deg": 34.0443, "lon_deg": -118.2106, "accuracy_m": 30, "address": "E 1st St / S Boyle Ave"},
    "caller": {"name": "A. Caller", "phone": "213-555-0100", "language": "es"},
}  # fmt: skip


class Report(Strict):
    """A call as a CAD reports it. A partial report is accepted and triaged as what it is."""

    model_config = Strict.model_config | {"json_schema_extra": {"examples": [REPORT_EXAMPLE]}}

    cad_system: CadSystem
    cad_event_id: CadEventId
    attempt: Attempt = 1
    received_at: Annotated[Time, Field(description="When the CAD received the call.")]
    call_type_code: CallTypeCode | None = None
    call_type_text: CallTypeText | None = None
    narrative: Narrative | None = None
    language: Annotated[Language | None, Field(description="Of the words.")] = None
    answers: Answers | None = None
    location: Location | None = None
    caller: CallerInfo | None = None
    linked_to: LinkedTo | None = None

    @field_validator("attempt", mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return 1 if value is None else value

    def command(self, reporter: str) -> ReportCommand:
        """Return the command that this body asks for."""
        body = self.model_dump(mode="json", exclude_none=True)
        linked = tuple(dict.fromkeys(event for event in self.linked_to or () if event != self.cad_event_id))
        said = Said("update", body, reporter, linked_to=linked)
        return ReportCommand(self.cad_system, self.cad_event_id, self.attempt, self.received_at, said)
