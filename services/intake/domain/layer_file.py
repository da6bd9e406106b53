"""A file of areas, read strictly: whether it can be trusted, and what was noticed or mended on the way.

Every refusal names the feature and says what to do. `layer_fit.py` judges how the areas of one layer fit together.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Polygon, mapping, shape
from shapely.geometry.base import BaseGeometry

from services.intake.domain.geography import Area
from services.intake.domain.layer_fit import Finding, mend_fit

NEIGHBORHOODS: Final = "neighborhoods"
MOST_FEATURES: Final = 20_000
MOST_POINTS: Final = 3_000_000
_NAME_KEYS: Final = ("name", "NAME", "Name", "neighborhood", "COMMUNITY")
"""Where cities write an area's name; the first one there counts."""
_KEYS: Final = ("slug", "rd", "district", "number", "nc_id", "station", "id")
"""Where they write what tells one area from another."""
_MOST_CHANGED: Final = 0.01
"""Mending that changes an area by more than this share changes what was meant."""
_SLUG_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_WGS84: Final = re.compile(r"(CRS:?84|EPSG:+4326|EPSG/0/4326|WGS ?84)", re.IGNORECASE)
_SAY_WGS84: Final = "GeoJSON needs longitude, latitude in degrees (EPSG:4326)."
_CONVERT: Final = "Convert it first, for example with `ogr2ogr -t_srs EPSG:4326 out.geojson in.geojson`."
Box = tuple[float, float, float, float]


class LayerInvalidError(ValueError):
    """The file cannot be used as a layer of areas; the message says which feature and what to do."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The areas of a file that can be used, and what was noticed or mended on the way."""

    areas: tuple[Area, ...]
    findings: tuple[Finding, ...]


def read_layer(collection: Any, *, kind: str = NEIGHBORHOODS, key: str | None = None, near: Box | None = None) -> Layer:
    """Return the areas of a GeoJSON FeatureCollection.

    A neighborhood's key is its `slug`, or one made of its name; other kinds take the property `key`, or the first of those
    that are usual. `near`: the bounds of the layer in force, which show when the coordinates are swapped. Raises LayerInvalidError.
    """
    features = collection.get("features") if isinstance(collection, Mapping) else None
    if not isinstance(features, list) or collection.get("type") != "FeatureCollection" or not features:
        raise LayerInvalidError("Not a GeoJSON FeatureCollection with at least one feature.")
    if len(features) > MOST_FEATURES:
        raise LayerInvalidError(
            f"/features: {len(features)} features; more than {MOST_FEATURES} are no layer of a city."
        )
    _check_reference_system(collection.get("crs"))
    key = key or (None if kind == NEIGHBORHOODS else _usual_key(features))
    found: list[Finding] = []
    places: dict[str, str] = {}
    names: list[str] = []
    shapes: list[BaseGeometry] = []
    for number, feature in enumerate(features):
        where = f"/features/{number}"
        slug, name = _labels(feature, where, kind, key)
        if slug in places:
            raise LayerInvalidError(
                f"{where}: the slug '{slug}' stands twice, first at {places[slug]}; slugs must be unique. "
                "Join the two features to one, or tell them apart."
            )
        places[slug] = where
        names.append(name)
        shapes.append(_area(feature, f"{where} ({slug})", found))
    if sum(shapely.get_num_coordinates(area) for area in shapes) > MOST_POINTS:
        raise LayerInvalidError(f"More than {MOST_POINTS} points; simplify the boundaries to about 3 m first.")
    _check_where(shapes, near, found)
    slugs = list(places)
    shapes = mend_fit(slugs, shapes, found)
    rows = (Area(slug, name, mapping(area)) for slug, name, area in zip(slugs, names, shapes, strict=True))
    return Layer(tuple(sorted(rows, key=lambda row: row.slug)), tuple(found))


def slug_of(name: str) -> str:
    """Return a name as a slug: `Boyle Heights` is `boyle-heights`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _check_reference_system(crs: Any) -> None:
    """Raise LayerInvalidError if the file names a reference system that is not WGS 84."""
    if crs is not None and not _WGS84.search(str(crs)):
        raise LayerInvalidError(f"/crs: the file says that it is in {str(crs)[:120]}; {_SAY_WGS84} {_CONVERT}")


def _usual_key(features: Sequence[Any]) -> str | None:
    """Return the first usual key that every feature has and that tells them apart."""
    rows = [p for f in features if isinstance(f, Mapping) and isinstance(p := f.get("properties"), Mapping)]
    for key in _KEYS:
        values = {str(row[key]) for row in rows if row.get(key) not in (None, "")}
        if len(values) == len(features):
            return key
    return None


def _labels(feature: Any, where: str, kind: str, key: str | None) -> tuple[str, str]:
    properties = feature.get("properties") if isinstance(feature, Mapping) else None
    if not isinstance(properties, Mapping):
        raise LayerInvalidError(f"{where}: has no properties; `slug` and `name` are needed.")
    name = next((properties[k] for k in _NAME_KEYS if isinstance(properties.get(k), str)), "").strip()
    value = properties.get(key or "slug")
    if value in (None, "") and key is None:
        value = slug_of(name)
    slug = slug_of(str(value)) if kind != NEIGHBORHOODS and isinstance(value, int | str) else value
    if value in (None, "") and kind != NEIGHBORHOODS:
        raise LayerInvalidError(
            f"{where}/properties: {key or 'no property'} tells this {kind} from the others; name one that does: "
            f"--layer {kind}:<property>=<file>."
        )
    if not name and kind != NEIGHBORHOODS:
        name = str(value)
    if not name:
        raise LayerInvalidError(f"{where}/properties: `name` is missing.")
    if not isinstance(slug, str) or not slug or not set(slug) <= _SLUG_CHARACTERS or len(slug) > 80:
        raise LayerInvalidError(
            f"{where}/properties: `slug` must be lower-case letters, digits and hyphens, such as boyle-heights."
        )
    return slug, name


def _area(feature: Mapping[str, Any], where: str, found: list[Finding]) -> Polygon | MultiPolygon:
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
        swapped = abs(south) <= 180 and abs(north) <= 180 and abs(west) <= 90 and abs(east) <= 90
        hint = "latitude and longitude are swapped" if swapped else "the coordinates are not WGS 84 degrees"
        todo = "Write each pair the other way round." if swapped else _CONVERT
        raise LayerInvalidError(f"{where}: {hint}; {_SAY_WGS84} {todo}")
    if not area.is_valid:
        area = _mended(area, where, found)
    return area


def _mended(area: BaseGeometry, where: str, found: list[Finding]) -> Polygon | MultiPolygon:
    """Return an area whose ring touches itself as the valid one that it encloses, and say so.

    A ring that really crosses itself encloses other ground than its author meant: that is refused.
    """
    why = shapely.is_valid_reason(area)
    parts = [part for part in _parts(shapely.make_valid(area)) if part.area > 0]
    kept = parts[0] if len(parts) == 1 else MultiPolygon(parts)
    if abs(kept.area - area.area) > _MOST_CHANGED * max(kept.area, area.area):
        raise LayerInvalidError(
            f"{where}: the ring crosses itself ({why}), and what it encloses cannot be told. Draw it again there."
        )
    found.append(Finding("invalid_ring", where, f"{why}.", "Mended: what its rings enclose was kept."))
    return kept


def _parts(geometry: BaseGeometry) -> list[Polygon]:
    if isinstance(geometry, Polygon):
        return [geometry]
    return [polygon for part in getattr(geometry, "geoms", ()) for polygon in _parts(part)]


def _check_where(shapes: Sequence[BaseGeometry], near: Box | None, found: list[Finding]) -> None:
    """Raise LayerInvalidError if the layer lies elsewhere than the one in force and would meet it with swapped coordinates."""
    if near is None:
        return
    west, south, east, north = (float(bound) for bound in shapely.total_bounds(list(shapes)))
    here = shapely.box(*near)
    if shapely.box(west, south, east, north).intersects(here):
        return
    if shapely.box(south, west, north, east).intersects(here):
        raise LayerInvalidError(
            f"Latitude and longitude are swapped: so read, the layer meets the one in force. {_SAY_WGS84}"
        )
    found.append(
        Finding(
            "elsewhere",
            "/features",
            "The layer lies nowhere near the one in force.",
            "Kept as it is; is it the right city?",
        )
    )
