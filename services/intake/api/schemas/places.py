"""Neighborhoods and their public safety plans."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from shared.edge import Answer, Strict, Time

PLAN_EXAMPLE: Final[dict[str, Any]] = {
    "disciplines": {"mediator": ["mediator", "interrupter"], "interrupter": ["interrupter"],
                    "restorative_justice": ["restorative_justice"]},
    "hours": {"restorative_justice": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "18:00"}]},
    "exclude": {"call_types": ["242"], "relationships": [], "reasons": []},
    "languages": {"required": [], "preferred": ["es"]},
    "assign_within_min": {"1": 20, "2": 60, "3": 1440},
    "notes": ["Meet at the community center on 1st Street."],
    "catchment": ["boyle-heights"],
}  # fmt: skip


class PlanRequest(Strict):
    """The next version of a plan. What `plan` leaves out is as without a plan: every discipline, round the clock."""

    model_config = Strict.model_config | {
        "json_schema_extra": {"examples": [{"plan": PLAN_EXAMPLE, "approved_by": "Neighborhood council, 2026-11-10"}]}
    }

    plan: Annotated[
        dict[str, Any],
        Field(description="`disciplines`, `hours`, `exclude`, `languages`, `assign_within_min`, `notes`, `catchment`."),
    ]
    approved_by: Annotated[str, Field(min_length=1, max_length=300)]
    effective_from: Annotated[Time | None, Field(description="Now or later; absent: now.")] = None
    version: Annotated[int | None, Field(ge=0, le=2**31 - 1, description="The newest version that you have seen.")] = (
        None
    )


class PlanAnswer(Answer):
    """One version of a neighborhood's plan. Version 0 is the plan of a neighborhood that has written none."""

    slug: str
    version: int
    plan: dict[str, Any]
    effective_from: Time | None
    approved_by: str | None
    entered_by: str | None
    entered_at: Time | None


class PlanPage(Answer):
    """The versions of a plan, the newest first."""

    items: list[PlanAnswer]
    next: str | None = None


class NeighborhoodProperties(Answer):
    slug: str
    name: str
    approximate: bool


class Feature(Answer):
    """A GeoJSON feature: one neighborhood."""

    type: Literal["Feature"] = "Feature"
    properties: NeighborhoodProperties
    geometry: dict[str, Any]


class LocatedCandidate(Answer):
    """An area in which an uncertain place may lie; without a slug: outside."""

    slug: str
    name: str
    share: float


class LocatedNearest(Answer):
    """The neighborhood nearest to a place outside all of them."""

    slug: str
    name: str
    distance_m: float


class LocatedArea(Answer):
    key: str
    name: str


class Located(Answer):
    """How a place was found: by which layers, how sure that is, and in which other areas it lies."""

    layer: Annotated[int, Field(description="The layer of neighborhoods; 0 where none is imported.")]
    layers: Annotated[dict[str, int], Field(description="The layer of each other kind of area.")] = {}
    areas: Annotated[
        dict[str, LocatedArea], Field(description="By kind: police_area, council_district and the like.")
    ] = {}
    candidates: Annotated[
        list[LocatedCandidate], Field(description="The circle of `accuracy_m` crosses a boundary; the first was taken.")
    ] = []
    nearest: Annotated[LocatedNearest | None, Field(description="Only outside the service area.")] = None
    remark: Annotated[str | None, Field(description="The same for a person.")] = None


class FeatureCollection(Answer):
    """A GeoJSON FeatureCollection of the neighborhoods in force; `layer` counts the imports."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    layer: int
    source: str | None
    features: list[Feature]
    located: Located | None = None
