"""Importing a layer of neighborhoods: the whole map is replaced at once, and every earlier layer is kept."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import insert, select, text

from services.intake.commands.evidence import digest
from services.intake.tables import neighborhood, neighborhood_layer
from shared.clock import clock
from shared.db import Database
from shared.errors import Invalid

_NAME_KEYS: Final = ("name", "NAME", "Name", "neighborhood", "COMMUNITY", "LABEL")
_SLUG: Final = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What an import did: the layer's version, how many neighborhoods it has, and what to know about it."""

    version: int
    neighborhoods: int
    changed: bool
    """False: the same layer was in force already."""
    repaired: tuple[str, ...]
    """Neighborhoods whose outline crossed itself and was repaired."""
    overlapping: tuple[tuple[str, str], ...]
    """Pairs whose overlap is over a thousandth of the smaller one; a point in both goes to the first slug."""


async def replace_layer(db: Database, collection: Mapping[str, Any], *, source: str, approximate: bool) -> LayerReport:
    """Put a GeoJSON FeatureCollection in force as the newest layer. Raises Invalid naming the feature at fault.

    Each feature needs a polygon or multipolygon in WGS 84 and a name in its properties; a slug is made where there is none.
    """
    rows, repaired = _read(collection)
    content = digest([source, approximate, rows])
    async with db.transaction() as unit:
        await unit.conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('intake.neighborhood_layer', 1))"))
        newest = (
            await unit.conn.execute(
                select(neighborhood_layer.c.version, neighborhood_layer.c.digest)
                .order_by(neighborhood_layer.c.version.desc())
                .limit(1)
            )
        ).one_or_none()
        if newest is not None and newest.digest == content:
            return LayerReport(newest.version, len(rows), changed=False, repaired=repaired, overlapping=_overlaps(rows))
        version = newest.version + 1 if newest else 1
        await unit.conn.execute(
            insert(neighborhood_layer).values(
                version=version, source=source, approximate=approximate, digest=content, at=clock("intake")
            )
        )
        await unit.conn.execute(insert(neighborhood), [{"layer_version": version, **row} for row in rows])
    return LayerReport(version, len(rows), changed=True, repaired=repaired, overlapping=_overlaps(rows))


async def import_file(
    dsn: str, path: Path | str, *, source: str | None = None, approximate: bool = False
) -> LayerReport:
    """Put the GeoJSON file at `path` in force on the server at `dsn`. Raises Invalid for a file that cannot be read."""
    file = Path(path)
    try:
        collection = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"{file.name} cannot be read as GeoJSON: {error}") from error
    db = Database(dsn, application="intake-import", pool_size=2)
    try:
        return await replace_layer(db, collection, source=source or file.name, approximate=approximate)
    finally:
        await db.close()


def _read(collection: Mapping[str, Any]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    features = collection.get("features") if isinstance(collection, Mapping) else None
    if not isinstance(features, list) or not features:
        raise Invalid("A GeoJSON FeatureCollection with at least one feature is needed.", pointer="/features")
    rows: dict[str, dict[str, Any]] = {}
    repaired = []
    for index, feature in enumerate(features):
        slug, name = _named(feature, f"/features/{index}")
        outline, was_broken = _outline(feature, f"/features/{index}")
        if slug in rows:
            raise Invalid(f"Two features have the slug {slug}.", pointer=f"/features/{index}/properties")
        rows[slug] = {"slug": slug, "name": name, "geometry": json.loads(json.dumps(mapping(outline)))}
        if was_broken:
            repaired.append(slug)
    return [rows[slug] for slug in sorted(rows)], tuple(repaired)


def _named(feature: Any, where: str) -> tuple[str, str]:
    properties = feature.get("properties") if isinstance(feature, Mapping) else None
    if not isinstance(properties, Mapping):
        raise Invalid("A feature needs properties.", pointer=f"{where}/properties")
    name = next((properties[key] for key in _NAME_KEYS if isinstance(properties.get(key), str)), "").strip()
    if not name:
        raise Invalid(f"A feature needs one of {', '.join(_NAME_KEYS)}.", pointer=f"{where}/properties")
    slug = properties.get("slug")
    slug = slug if isinstance(slug, str) and slug else slug_of(name)
    if not _SLUG.fullmatch(slug) or len(slug) > 80 or len(name) > 200:  # noqa: PLR2004
        raise Invalid("The slug must be small letters, digits and single hyphens.", pointer=f"{where}/properties/slug")
    return slug, name


def slug_of(name: str) -> str:
    """Return a name as a slug: `Boyle Heights` is `boyle-heights`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _outline(feature: Mapping[str, Any], where: str) -> tuple[BaseGeometry, bool]:
    try:
        outline = shape(feature["geometry"])
    except (ShapelyError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Invalid("The geometry cannot be read.", pointer=f"{where}/geometry") from error
    if outline.geom_type not in {"Polygon", "MultiPolygon"} or outline.is_empty:
        raise Invalid("The geometry must be a polygon or a multipolygon.", pointer=f"{where}/geometry")
    west, south, east, north = outline.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004
        raise Invalid("Coordinates must be longitude and latitude, WGS 84.", pointer=f"{where}/geometry")
    if outline.is_valid:
        return outline, False
    parts = [part for part in shapely.get_parts(shapely.make_valid(outline)) if part.geom_type in {"Polygon", "MultiPolygon"}]
    return shapely.union_all(parts), True


def _overlaps(rows: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    outlines = [shape(row["geometry"]) for row in rows]
    tree = shapely.STRtree(outlines)
    found = []
    for one, other in zip(*tree.query(outlines, predicate="intersects"), strict=True):
        if one < other:
            common = outlines[one].intersection(outlines[other]).area
            if common > min(outlines[one].area, outlines[other].area) / 1000:
                found.append((rows[one]["slug"], rows[other]["slug"]))
    return tuple(sorted(found))


