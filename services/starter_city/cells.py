"""Approximate neighborhood cells: each point of the city belongs to the neighborhood whose center is nearest.

A first start needs neighborhoods before a city has imported its official boundaries. The cells are drawn from facts
alone, the centers in `neighborhoods.csv` and a rough outline set by hand, and say of themselves that they are approximate.
"""

import csv
import json
import math
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import shapely
from shapely.geometry import MultiPoint, MultiPolygon, Point, Polygon, mapping
from shapely.geometry.base import BaseGeometry

LABEL: Final = "Approximate: nearest center within a rough outline. Not an official boundary."

OUTLINE: Final[tuple[tuple[float, float], ...]] = (
    # San Fernando Valley and the Verdugo foothills, from the north-west, clockwise
    (-118.50, 34.33), (-118.40, 34.335), (-118.39, 34.30), (-118.34, 34.28), (-118.30, 34.295), (-118.24, 34.28),
    (-118.25, 34.25), (-118.27, 34.22), (-118.34, 34.215), (-118.36, 34.18), (-118.345, 34.155),
    # Griffith Park, Eagle Rock, the Eastside
    (-118.285, 34.16), (-118.27, 34.145), (-118.24, 34.155), (-118.25, 34.12), (-118.225, 34.14), (-118.18, 34.155),
    (-118.17, 34.115), (-118.155, 34.10), (-118.155, 34.06), (-118.19, 34.055), (-118.19, 34.015),
    # South Los Angeles, then the strip to Wilmington and San Pedro
    (-118.235, 34.005), (-118.24, 33.975), (-118.225, 33.955), (-118.225, 33.93), (-118.28, 33.92), (-118.28, 33.83),
    (-118.225, 33.83), (-118.22, 33.76), (-118.27, 33.70), (-118.30, 33.705), (-118.33, 33.735), (-118.31, 33.765),
    (-118.31, 33.87), (-118.30, 33.88), (-118.30, 33.92), (-118.32, 33.965), (-118.345, 33.97),
    # Baldwin Hills, around Culver City, the airport and the coast
    (-118.36, 34.005), (-118.385, 34.02), (-118.40, 34.015), (-118.41, 34.005), (-118.395, 33.98), (-118.36, 33.965),
    (-118.365, 33.93), (-118.435, 33.925), (-118.475, 33.985), (-118.48, 34.00), (-118.455, 34.015), (-118.475, 34.035),
    (-118.495, 34.05), (-118.52, 34.025), (-118.575, 34.04),
    # the Santa Monica Mountains and the west end of the Valley
    (-118.60, 34.11), (-118.57, 34.13), (-118.60, 34.145), (-118.65, 34.165), (-118.67, 34.19), (-118.665, 34.24),
    (-118.63, 34.26), (-118.63, 34.285), (-118.58, 34.305), (-118.54, 34.30),
)  # fmt: skip
"""The city's rough outline, (longitude, latitude) in WGS 84, to about a kilometre; set by hand."""

ENCLAVES: Final[tuple[tuple[tuple[float, float], ...], ...]] = (
    # Beverly Hills and West Hollywood
    ((-118.42, 34.07), (-118.41, 34.095), (-118.39, 34.095), (-118.35, 34.092), (-118.365, 34.083), (-118.385, 34.075),
     (-118.388, 34.06), (-118.405, 34.062)),
    # San Fernando
    ((-118.45, 34.28), (-118.435, 34.295), (-118.42, 34.285), (-118.435, 34.275)),
)  # fmt: skip
"""Other cities inside the outline: a call there is outside the service area."""


class Neighborhood(NamedTuple):
    """One row of the table: a name, a slug, the center and the part of the city."""

    slug: str
    name: str
    lat_deg: float
    lon_deg: float
    region: str


@cache
def neighborhoods() -> tuple[Neighborhood, ...]:
    """The 114 neighborhoods, by slug."""
    with files(__package__).joinpath("neighborhoods.csv").open(encoding="utf-8") as table:
        return tuple(
            Neighborhood(row["slug"], row["name"], float(row["lat_deg"]), float(row["lon_deg"]), row["region"])
            for row in csv.DictReader(table)
        )


def outline() -> Polygon:
    """The rough outline without the other cities inside it."""
    return Polygon(OUTLINE, ENCLAVES)


@cache
def feature_collection() -> dict[str, Any]:
    """The cells as GeoJSON: one feature for each neighborhood, with `slug`, `name` and `approximate: true`.

    Each cell is not empty and contains its center. Treat the answer as read-only: it is computed once.
    """
    rows = neighborhoods()
    # Distances are compared on a plane where a degree of longitude is as long as it is at this latitude.
    squeeze = math.cos(math.radians(sum(row.lat_deg for row in rows) / len(rows)))
    city = _scaled(outline(), squeeze)
    centers = [Point(row.lon_deg * squeeze, row.lat_deg) for row in rows]
    regions = shapely.voronoi_polygons(MultiPoint(centers), extend_to=city).geoms
    tree = shapely.STRtree(list(regions))
    features = []
    for row, center in zip(rows, centers, strict=True):
        [index] = tree.query(center, predicate="within")
        cell = _scaled(regions[int(index)].intersection(city), 1 / squeeze)
        features.append(
            {
                "type": "Feature",
                "properties": {"slug": row.slug, "name": row.name, "region": row.region, "approximate": True},
                "geometry": json.loads(json.dumps(mapping(shapely.set_precision(_polygons(cell), 0.00001)))),
            }
        )
    return {"type": "FeatureCollection", "label": LABEL, "features": features}


def _scaled(shape: BaseGeometry, factor: float) -> BaseGeometry:
    return shapely.transform(shape, lambda points: points * (factor, 1.0))


def _polygons(shape: BaseGeometry) -> MultiPolygon:
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon)]
    return MultiPolygon(parts)
