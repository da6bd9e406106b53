"""The one model of a plan's body, for the API, for files and for what is stored; docs/plan.schema.json is made of it.

`parse_plan` turns a body into the `Plan` that steers calls and names every fault by its JSON pointer. No field can make a call safe;
words that people would look for to do so are refused with the reason.
"""

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from services.intake.domain.plan import (
    DAYS,
    DEFAULT_ASSIGN_WITHIN,
    DEFAULT_ORDERS,
    Fault,
    Matters,
    NeverPlace,
    OutsideHours,
    Plan,
    PlanInvalid,
    Window,
    overlap,
)
from services.intake.domain.triage.model import Discipline
from shared.edge import Language, Latitude, Longitude, Slug, Strict

_LONGEST_MIN: Final = 7 * 24 * 60
WIDENING: Final = frozenset(
    {
        "allow",
        "allowed",
        "include",
        "includes",
        "safe",
        "waive",
        "override",
        "skip",
        "ignore",
        "permit",
        "clear",
        "bypass",
    }
)
"""Names that somebody would give to a clause that lets more calls through."""
_WIDENS: Final = (
    "would widen what is safe: a plan may only be stricter than the city's protocol. Leave it out; what should be safe everywhere "
    "is asked of whoever approves the protocol"
)


def _once(items: list[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Lines = Annotated[list[Line], Field(max_length=200), AfterValidator(_once)]
# Not \d: to Pydantic that is a digit of any script, and `time.fromisoformat` reads only these.
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$", examples=["08:00"])]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Priority = Literal["1", "2", "3"]
Minutes = Annotated[int, Field(strict=True, ge=1, le=_LONGEST_MIN)]
Order = Annotated[list[Discipline], Field(max_length=10), AfterValidator(_once)]


class BothLanguages(Strict):
    """A text in English and in Spanish."""

    en: Line
    es: Line


Text = Line | BothLanguages
"""What people read: one text, or one in each language."""


class Hours(Strict):
    """Local hours on the days named. `closes` at or before `opens` is on the next day; equal is 24 hours."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7), AfterValidator(_once)] = list(DAYS)
    opens: Clock
    closes: Clock

    def window(self) -> Window:
        """Return the hours as a value."""
        return Window(frozenset(self.days), time.fromisoformat(self.opens), time.fromisoformat(self.closes))


class Outside(Strict):
    """Outside the hours: who takes over (nobody: the call goes back) and what the call center is told."""

    served_by: Order = []
    tell: Line | None = None


class Conditions(Strict):
    """Calls of these types, between these people, or for which these rules of the protocol spoke."""

    call_types: Lines = []
    relationships: Lines = []
    reasons: Annotated[Lines, Field(description="Rule ids or reason keys of the protocol in force.")] = []

    def matters(self) -> Matters:
        """Return the conditions as a value."""
        codes = frozenset("".join(code.split()).upper() for code in self.call_types)
        return Matters(codes, frozenset(word.lower() for word in self.relationships), frozenset(self.reasons))


class Languages(Strict):
    """Languages that a team must have, and those it had better have; BCP 47."""

    required: Annotated[list[Language], Field(max_length=200), AfterValidator(_once)] = []
    preferred: Annotated[list[Language], Field(max_length=200), AfterValidator(_once)] = []


class MeetingPlace(Strict):
    """Where a team can meet people."""

    name: Short
    address: Line | None = None
    note: Line | None = None


class NeverPlaceBody(Strict):
    """Where no civilian team is sent: an address, or a circle, or both."""

    name: Short
    address: Line | None = None
    lat_deg: Latitude | None = None
    lon_deg: Longitude | None = None
    radius_m: Annotated[float, Field(gt=0, le=2000)] = 50
    reason: Line | None = None


class Places(Strict):
    """Places to meet, and places never to send a team to."""

    meet: Annotated[list[MeetingPlace], Field(max_length=50)] = []
    never: Annotated[list[NeverPlaceBody], Field(max_length=50)] = []


class Partner(Strict):
    """A community organisation, how to reach it, and when to bring it in."""

    name: Short
    contact: Line
    bring_in: Text
    languages: list[Language] = []


class Referral(Strict):
    """Where people can be referred to, and for what."""

    name: Short
    for_: Annotated[Text, Field(alias="for")]
    contact: Line
    hsds_id: Annotated[Short | None, Field(description="Its id in an HSDS directory (211).")] = None

    model_config = Strict.model_config | {"populate_by_name": True, "serialize_by_alias": True}


Measure = Literal[
    "share_served", "response_p50_min", "response_p90_min", "share_escalated", "share_agreement_or_calmed", "other"
]


class Goal(Strict):
    """What the neighborhood wants to reach, from where, by when. `other`: measured by people, not by this system."""

    text: Text
    measure: Measure
    baseline: float | None = None
    target: float
    review_by: date


class Consulted(Strict):
    """Who was asked about this plan, when and how."""

    who: Short
    on: date
    how: Short | None = None


class PlanBody(Strict):
    """A neighborhood's public safety plan. What is left out: every discipline serves what fits it, round the clock.

    It stands in place of the city's default plan, not beside it.

    It can only be stricter than the city's protocol: no field makes a call safe.
    """

    summary: Annotated[Text | None, Field(description="What this neighborhood wants, in its own words.")] = None
    disciplines: Annotated[
        dict[Discipline, Order],
        Field(description="By the discipline that fits: who is sent, in this order. An empty list: nobody."),
    ] = {}
    preferred_providers: Annotated[
        Lines, Field(description="Providers whose teams are asked first, by name or id.")
    ] = []
    hours: Annotated[
        dict[Discipline, Annotated[list[Hours], Field(max_length=50)]],
        Field(description="A discipline that is not named works round the clock; one with an empty list never works."),
    ] = {}
    outside_hours: Annotated[dict[Discipline, Outside], Field(description="What happens outside the hours.")] = {}
    exclude: Annotated[Conditions, Field(description="Never sent to civilians here: the call goes back.")] = (
        Conditions()
    )
    review: Annotated[Conditions, Field(description="A person decides first, whatever the protocol says.")] = (
        Conditions()
    )
    languages: Languages = Languages()
    assign_within_min: Annotated[
        dict[Priority, Minutes],
        Field(description="By priority: a team must have accepted by then, or the call goes back."),
    ] = {}
    arrive_within_min: Annotated[
        dict[Priority, Minutes], Field(description="By priority: the response-time target, for the measures.")
    ] = {}
    quiet_hours: Annotated[list[Hours], Field(max_length=14)] = []
    places: Places = Places()
    notes: Annotated[Lines, Field(description="For the team's briefing.")] = []
    catchment: Annotated[
        list[Slug], Field(max_length=200, description="Neighborhoods whose teams may come; empty: this one's."),
        AfterValidator(_once),
    ] = []  # fmt: skip
    partners: Annotated[list[Partner], Field(max_length=50)] = []
    referrals: Annotated[list[Referral], Field(max_length=50)] = []
    goals: Annotated[list[Goal], Field(max_length=50)] = []
    consulted: Annotated[list[Consulted], Field(max_length=100)] = []
    authors: Annotated[Lines, Field(description="Who wrote it; the one who approves it may not be the only one.")] = []
    review_by: Annotated[date | None, Field(description="Looked at again by then; later it is flagged, and stays.")] = (
        None
    )


def read_body(body: Any) -> PlanBody:
    """Return the body, checked. Raises PlanInvalid naming every field at fault."""
    try:
        read = PlanBody.model_validate(body)
    except ValidationError as error:
        faults = {
            Fault(pointer_of(e["loc"]), problem_of(e)) for e in error.errors(include_url=False, include_context=False)
        }
        raise PlanInvalid(tuple(sorted(faults))) from error
    if faults_found := tuple(_contradictions(read)):
        raise PlanInvalid(faults_found)
    return read


def parse_plan(slug: str, version: int, body: Mapping[str, Any]) -> Plan:
    """Return the plan that `body` states; what it leaves out is as in a plan that says nothing. Raises `PlanInvalid`."""
    return plan_of(slug, version, read_body(body))


def plan_of(slug: str, version: int, body: PlanBody) -> Plan:
    """Return the part of a body that steers calls."""
    within = {int(priority): timedelta(minutes=minutes) for priority, minutes in body.assign_within_min.items()}
    return Plan(
        slug=slug,
        version=version,
        orders=MappingProxyType({**DEFAULT_ORDERS, **{d: tuple(order) for d, order in body.disciplines.items()}}),
        hours=MappingProxyType({d: tuple(h.window() for h in hours) for d, hours in body.hours.items()}),
        outside_hours=MappingProxyType(
            {d: OutsideHours(tuple(o.served_by), o.tell) for d, o in body.outside_hours.items()}
        ),
        exclude=body.exclude.matters(),
        review=body.review.matters(),
        never_at=tuple(
            NeverPlace(place.name, place.lat_deg, place.lon_deg, place.radius_m, place.address)
            for place in body.places.never
        ),
        quiet_hours=tuple(hours.window() for hours in body.quiet_hours),
        languages_required=tuple(body.languages.required),
        languages_preferred=tuple(body.languages.preferred),
        assign_within=MappingProxyType({**DEFAULT_ASSIGN_WITHIN, **within}),
        preferred_providers=tuple(body.preferred_providers),
        notes=tuple(body.notes),
        more_notes=tuple(_more_notes(body)),
        catchment=tuple(body.catchment),
        review_by=body.review_by,
    )


def plan_body(body: PlanBody) -> dict[str, Any]:
    """Return the body as it is stored and answered, with every field written out; `read_body` reads it back."""
    written = body.model_dump(mode="json", by_alias=True)
    written["disciplines"] = {d.value: [o.value for o in body.disciplines.get(d, [d])] for d in Discipline}
    minutes = {str(priority): int(within.total_seconds()) // 60 for priority, within in DEFAULT_ASSIGN_WITHIN.items()}
    written["assign_within_min"] = {**minutes, **body.assign_within_min}
    return written


def told(text: Text | None, language: str = "en") -> str:
    """Return a text in one language, or in the one that it has."""
    return "" if text is None else text if isinstance(text, str) else str(getattr(text, language))


def _more_notes(body: PlanBody) -> Iterator[str]:
    """Yield what a crew must know of clauses that are not notes."""
    for meet in body.places.meet:
        yield "Meet at " + ", ".join(part for part in (meet.name, meet.address, meet.note) if part)
    for never in body.places.never:
        yield "Never go to " + ", ".join(part for part in (never.name, never.address, never.reason) if part)
    for partner in body.partners:
        yield f"Bring in {partner.name} ({partner.contact}): {told(partner.bring_in)}"
    for referral in body.referrals:
        yield f"Refer for {told(referral.for_)}: {referral.name} ({referral.contact})"


def pointer_of(loc: tuple[str | int, ...]) -> str:
    """Return the JSON pointer of Pydantic's location: without its marks for keys and the branches of unions."""
    parts = [part for part in loc if part not in ("[key]", "BothLanguages", "constrained-str") and "[" not in str(part)]
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def problem_of(error: Any) -> str:
    """Return what is wrong, from one of Pydantic's errors."""
    if error["type"] != "extra_forbidden":
        return str(error["msg"])
    return _WIDENS if str(error["loc"][-1]).lower() in WIDENING else "is not a field of a plan"


def _contradictions(body: PlanBody) -> Iterator[Fault]:
    """Yield what no field alone shows."""
    yield from _overlapping_hours(body)
    yield from _places_of_nowhere(body)
    for discipline, outside in body.outside_hours.items():
        if discipline not in body.hours:
            yield Fault(
                f"/outside_hours/{discipline}", f"has no hours to be outside of: name them at /hours/{discipline}"
            )
        elif discipline in outside.served_by:
            yield Fault(f"/outside_hours/{discipline}/served_by", "cannot name the discipline that is closed")
    for index, goal in enumerate(body.goals):
        if goal.measure.startswith("share_") and not 0 <= goal.target <= 1:
            yield Fault(f"/goals/{index}/target", "is a share: from 0 to 1")


def _overlapping_hours(body: PlanBody) -> Iterator[Fault]:
    for name, hours in [(f"/hours/{d}", h) for d, h in body.hours.items()] + [("/quiet_hours", body.quiet_hours)]:
        for (first, one), (second, other) in combinations(enumerate(h.window() for h in hours), 2):
            if overlap(one, other):
                problem = f"overlaps with {name}/{first}: join the two, or let one end where the other begins"
                yield Fault(f"{name}/{second}", problem)


def _places_of_nowhere(body: PlanBody) -> Iterator[Fault]:
    for index, never in enumerate(body.places.never):
        if (never.lat_deg is None) != (never.lon_deg is None):
            yield Fault(f"/places/never/{index}", "lat_deg and lon_deg come together")
        elif never.lat_deg is None and never.address is None:
            yield Fault(f"/places/never/{index}", "needs an address, or lat_deg and lon_deg")
