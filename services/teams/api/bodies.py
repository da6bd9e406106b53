"""What clients send about providers, teams and duty, and the words that such bodies are made of."""

from collections.abc import Hashable
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import langcodes
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from services.teams.domain.duty import Duty, DutyStatus
from shared.edge import Language, Latitude, Longitude, Slug, Strict, Time

H = TypeVar("H", bound=Hashable)


def _different(values: list[H]) -> list[H]:
    if len(set(values)) != len(values):
        raise ValueError("Each may be named once")
    return values


def _canonical(tag: str) -> str:
    """Return a language tag in the case that BCP 47 recommends: es, zh-Hant, es-MX. ValueError: no such language."""
    if not langcodes.tag_is_valid(tag):
        raise ValueError("There is no such language in the IANA registry")
    first, *rest = tag.split("-")
    cased = [part.title() if len(part) == 4 else part.upper() if len(part) == 2 else part.lower() for part in rest]
    return "-".join([first.lower(), *cased])


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Words = Annotated[str, Field(min_length=1, max_length=500)]
MemberId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=80,
        pattern=r"^\S+$",
        description="Your own id: a badge number, say.",
        examples=["vwm-1"],
    ),
]
Discipline = Literal["mediator", "interrupter", "restorative_justice"]
Disciplines = Annotated[list[Discipline], Field(min_length=1, max_length=2), AfterValidator(_different)]
LanguageTag = Annotated[Language, AfterValidator(_canonical)]
Languages = Annotated[list[LanguageTag], Field(min_length=1, max_length=30), AfterValidator(_different)]
Strength = Literal["home", "also_serves", "mutual_aid"]
Catchment = Annotated[
    dict[Slug, Strength],
    Field(min_length=1, max_length=500, examples=[{"boyle-heights": "home", "lincoln-heights": "also_serves"}]),
]
MinimumCrew = Annotated[int, Field(strict=True, ge=1, le=20, description="Fewer on duty: not offerable.")]
Version = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1, description="If sent and not current: 412.")] | None
Flag = Annotated[bool, Field(strict=True)]
Reason = Annotated[str | None, Field(max_length=500)]


class Contact(Strict):
    """Whom to phone. For supervisors; never shown to callers."""

    name: Annotated[str | None, Field(max_length=200)] = None
    phone: Annotated[str | None, Field(max_length=50)] = None
    email: Annotated[str | None, Field(max_length=200)] = None


class Point(Strict):
    """A place, WGS 84."""

    lat_deg: Latitude
    lon_deg: Longitude


class Certification(Strict):
    """What a member is certified for, and until when."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=80,
            pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$",
            description="One named like a discipline counts: with any on the roster, a crew needs a valid one for it.",
            examples=["mediator", "first_aid"],
        ),
    ]
    until: Time | None = None


class Vehicle(Strict):
    """What the team drives. For supervisors, and for who looks for a crew that does not answer."""

    description: Annotated[str | None, Field(max_length=200, examples=["white van"])] = None
    plate: Annotated[str | None, Field(max_length=20)] = None
    seats: Annotated[int | None, Field(strict=True, ge=1, le=60)] = None


class Member(Strict):
    """A person on the roster."""

    id: MemberId
    name: Name
    languages: Annotated[list[LanguageTag], Field(max_length=30), AfterValidator(_different)] = []
    certifications: Annotated[list[Certification], Field(max_length=30)] = []


def _different_members(members: list[Member]) -> list[Member]:
    _different([member.id for member in members])
    return members


Members = Annotated[list[Member], Field(max_length=60), AfterValidator(_different_members)]


class DoNotSendRule(Strict):
    """Where a team must not be sent (a conflict of interest, a threat), and until when. One of the two places."""

    neighborhood: Slug | None = None
    address_key: Annotated[
        str | None, Field(min_length=1, max_length=200, description="As intake computes it; never an address.")
    ] = None
    reason: Words
    until: Time | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "DoNotSendRule":
        if (self.neighborhood is None) is (self.address_key is None):
            raise ValueError("Name a neighborhood or an address_key, one of the two")
        return self


DoNotSendRules = Annotated[list[DoNotSendRule], Field(max_length=100)]


class ProviderRequest(Strict):
    """A new organisation."""

    name: Name
    kind: Literal["city", "county", "nonprofit"] = "nonprofit"
    contact: Contact = Contact()

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Puente Vecinal", "kind": "nonprofit"}]})


class ProviderChange(Strict):
    """What changes; what is absent or null stays."""

    name: Name | None = None
    kind: Literal["city", "county", "nonprofit"] | None = None
    contact: Contact | None = None
    retired: Flag | None = None
    version: Version = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"contact": {"phone": "+1 213 555 0100"}, "version": 1}]})


class TeamRequest(Strict):
    """A new team. It starts off duty and without shifts."""

    provider_id: UUID
    name: Name
    disciplines: Disciplines
    languages: Languages
    catchment: Catchment
    minimum_crew: MinimumCrew = 2
    base: Point
    members: Members = []
    do_not_send: DoNotSendRules = []
    contact: Contact = Contact()
    vehicle: Vehicle = Vehicle()

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "provider_id": "019a8f2e-4a00-7c5a-9a53-0d7f6e0a1b2c",
                    "name": "Eastside Mediation",
                    "disciplines": ["mediator"],
                    "languages": ["en", "es"],
                    "catchment": {"boyle-heights": "home", "lincoln-heights": "also_serves"},
                    "minimum_crew": 2,
                    "base": {"lat_deg": 34.0443, "lon_deg": -118.2106},
                    "members": [
                        {"id": "e-1", "name": "A. Example", "languages": ["en", "es"]},
                        {"id": "e-2", "name": "B. Example", "languages": ["en"]},
                    ],
                }
            ]
        }
    )


class TeamChange(Strict):
    """What changes; what is absent or null stays. Lists and objects are replaced whole."""

    name: Name | None = None
    disciplines: Disciplines | None = None
    languages: Languages | None = None
    catchment: Catchment | None = None
    minimum_crew: MinimumCrew | None = None
    base: Point | None = None
    members: Members | None = None
    do_not_send: DoNotSendRules | None = None
    contact: Contact | None = None
    vehicle: Vehicle | None = None
    retired: Flag | None = None
    version: Version = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"minimum_crew": 3, "version": 1}]})


class DutyRequest(Strict):
    """What the crew says about itself."""

    status: DutyStatus
    crew: Annotated[
        list[MemberId] | None,
        Field(max_length=60, description="Members on duty; absent: as before. Off duty empties it."),
    ] = None
    until: Annotated[
        Time | None,
        Field(
            description="`break` and `out_of_service` then become `available`; `available` becomes `off_duty`, later while held."
        ),
    ] = None
    reason: Reason = None
    version: Version = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "available", "crew": ["e-1", "e-2"]}]})

    def duty(self) -> Duty:
        """Return the duty that is asked for."""
        return Duty(self.status, tuple(self.crew or ()), self.until, self.reason)


class HandOverRequest(Strict):
    """The next crew takes over: the whole of it, from the team's roster."""

    crew: Annotated[list[MemberId], Field(min_length=1, max_length=60)]
    reason: Reason = None
    version: Version = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"crew": ["e-3", "e-4"]}]})
