"""Neighborhoods as areas: which one contains a point, and whether a file of them can be trusted.

Coordinates are WGS 84 degrees; GeoJSON writes longitude first, our functions take latitude first and say so in their names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Point, Polygon, mapping, shape
from shapely.geometry.base import BaseGeometry

from services.intake.domain.triage.model import Place

_SMALLEST_SHARE: Final = 0.001
"""Overlaps below this share of the smaller area are slivers of drawing, not of meaning."""
_SLUG_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class LayerInvalidError(ValueError):
    """The file cannot be used as a layer of neighborhoods; the message says which feature and what to do."""


class Neighborhood(NamedTuple):
    """One neighborhood as stored: its slug, its name for people, its GeoJSON geometry."""

    slug: str
    name: str
    geometry: Mapping[str, Any]


class Resolved(NamedTuple):
    """Where a call is: what triage reads of it, and the neighborhood's name for people."""

    place: Place
    slug: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Layer:
    """The neighborhoods of a file that can be used, and what was noticed or mended on the way."""

    neighborhoods: tuple[Neighborhood, ...]
    remarks: tuple[str, ...]


class NeighborhoodMap:
    """Answers which neighborhood contains a point. A point on a shared edge belongs to the first slug in the alphabet."""

    def __init__(self, neighborhoods: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        self._rows = [Neighborhood(*row) for row in neighborhoods]
        self._shapes = [shape(row.geometry) for row in self._rows]
        shapely.prepare(self._shapes)
        self._names = {row.slug: row.name for row in self._rows}
        self._tree = shapely.STRtree(self._shapes)

    def at(self, lat_deg: float, lon_deg: float) -> tuple[str, str] | None:
        """Return slug and name of the neighborhood that contains the point, or None outside all of them."""
        hits = self._tree.query(Point(lon_deg, lat_deg), predicate="intersects")
        return min(((self._rows[i].slug, self._rows[i].name) for i in hits), default=None)

    def named(self, slug: str) -> tuple[str, str] | None:
        """Return slug and name of the neighborhood of that slug, or None."""
        return (slug, self._names[slug]) if slug in self._names else None


def resolve(neighborhoods: NeighborhoodMap, location: Mapping[str, Any] | None) -> Resolved:
    """Return where a report's `location` is.

    A point decides; without one the slug does; an address alone is a place that nobody has resolved: unknown, never outside.
    """
    if not location:
        return Resolved(Place.unknown(), None, None)
    lat_deg, lon_deg = location.get("lat_deg"), location.get("lon_deg")
    if lat_deg is not None and lon_deg is not None:
        found = neighborhoods.at(lat_deg, lon_deg)
        return Resolved(Place.known(found[0]), *found) if found else Resolved(Place.outside(), None, None)
    found = neighborhoods.named(location.get("neighborhood") or "")
    return Resolved(Place.known(found[0]), *found) if found else Resolved(Place.unknown(), None, None)


def read_layer(collection: Mapping[str, Any]) -> Layer:
    """Return the neighborhoods of a GeoJSON FeatureCollection with `slug` and `name` on each feature.

    Invalid rings are mended where that keeps an area, and said; overlaps are said. Raises LayerInvalidError for anything
    that cannot be trusted: no features, a geometry that is not an area, a repeated or unusable slug, swapped coordinates.
    """
    features = collection.get("features") if isinstance(collection, Mapping) else None
    if collection.get("type") != "FeatureCollection" or not isinstance(features, list) or not features:
        raise LayerInvalidError("Not a GeoJSON FeatureCollection with at least one feature.")
    remarks: list[str] = []
    rows: list[Neighborhood] = []
    shapes: list[BaseGeometry] = []
    for number, feature in enumerate(features):
        where = f"features[{number}]"
        slug, name = _labels(feature, where)
        if any(row.slug == slug for row in rows):
            raise LayerInvalidError(f"{where}: the slug '{slug}' stands twice; slugs must be unique.")
        area = _area(feature, f"{where} ({slug})", remarks)
        rows.append(Neighborhood(slug, name, mapping(area)))
        shapes.append(area)
    remarks.extend(_overlaps(rows, shapes))
    return Layer(tuple(rows), tuple(remarks))


def _labels(feature: Any, where: str) -> tuple[str, str]:
    properties = feature.get("properties") if isinstance(feature, Mapping) else None
    if not isinstance(properties, Mapping):
        raise LayerInvalidError(f"{where}: has no properties; `slug` and `name` are needed.")
    slug, name = properties.get("slug"), properties.get("name")
    if not isinstance(name, str) or not name.strip():
        raise LayerInvalidError(f"{where}: `name` is missing.")
    if not isinstance(slug, str) or not slug or not set(slug) <= _SLUG_CHARACTERS or len(slug) > 80:
        raise LayerInvalidError(
            f"{where}: `slug` must be lower-case letters, digits and hyphens, such as boyle-heights."
        )
    return slug, name.strip()


def _area(feature: Mapping[str, Any], where: str, remarks: list[str]) -> Polygon | MultiPolygon:
    try:
        area = shape(feature["geometry"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ShapelyError) as error:
        raise LayerInvalidError(f"{where}: the geometry cannot be read: {error}.") from error
    if not isinstance(area, Polygon | MultiPolygon) or area.is_empty:
        raise LayerInvalidError(
            f"{where}: the geometry is a {area.geom_type}; an area (Polygon or MultiPolygon) is needed."
        )
    west, south, east, north = area.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        hint = "latitude and longitude are swapped" if abs(south) > 90 else "the coordinates are not WGS 84 degrees"
        raise LayerInvalidError(f"{where}: {hint}; GeoJSON needs longitude, latitude in degrees (EPSG:4326).")
    if not area.is_valid:
        mended = [part for part in _parts(shapely.make_valid(area)) if part.area > 0]
        if not mended:
            raise LayerInvalidError(f"{where}: {shapely.is_valid_reason(area)}, and nothing is left when mended.")
        remarks.append(f"{where}: {shapely.is_valid_reason(area)}; mended.")
        area = mended[0] if len(mended) == 1 else MultiPolygon(mended)
    return area


def _parts(geometry: BaseGeometry) -> list[Polygon]:
    if isinstance(geometry, Polygon):
        return [geometry]
    return [polygon for part in getattr(geometry, "geoms", ()) for polygon in _parts(part)]


def _overlaps(rows: Sequence[Neighborhood], shapes: Sequence[BaseGeometry]) -> list[str]:
    found: list[str] = []
    tree = shapely.STRtree(shapes)
    for first, second in sorted(zip(*tree.query(shapes, predicate="intersects").tolist(), strict=True)):
        if first >= second:
            continue
        shared = shapes[first].intersection(shapes[second]).area
        if shared > _SMALLEST_SHARE * min(shapes[first].area, shapes[second].area):
            found.append(
                f"{rows[first].slug} and {rows[second].slug} overlap; a point in both belongs to the first by name."
            )
    return found
