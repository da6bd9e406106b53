"""Neighborhoods and other areas, and where a place was found."""

from typing import Annotated, Any, Literal

from pydantic import Field

from shared.edge import Answer


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
