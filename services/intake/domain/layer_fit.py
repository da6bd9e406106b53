"""How the areas of one layer fit together: overlaps, gaps and slivers, each told with what became of it."""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from services.intake.domain.geography import M_PER_DEG

SLIVER_M: Final = 10.0
"""What is on average narrower than this is a slip of drawing; nobody meant it."""
_LEAST_M2: Final = 1.0
"""Smaller than this is rounding."""


class Finding(NamedTuple):
    """One thing that an import noticed: its kind, where in the file, what it is, and how it was handled."""

    kind: str
    """`invalid_ring`, `overlap`, `sliver_overlap`, `gap`, `sliver_gap` or `elsewhere`."""
    where: str
    what: str
    handled: str

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.kind}: {self.where}: {self.what} {self.handled}"


def mend_fit(slugs: Sequence[str], shapes: Sequence[BaseGeometry], found: list[Finding]) -> list[BaseGeometry]:
    """Return the areas with slivers between them closed; adds to `found` every overlap and gap.

    An overlap stays: a point in both belongs to the first by name, always. A sliver between areas goes to the neighbor with the
    longest border on it; a wider gap stays a place that nobody serves.
    """
    scale = _Scale(shapes)
    _tell_overlaps(slugs, shapes, scale, found)
    mended = list(shapes)
    tree = shapely.STRtree(shapes)
    for hole in _holes(shapes):
        area_m2, width_m = scale.area_m2(hole), scale.width_m(hole)
        if area_m2 < _LEAST_M2:
            continue
        where = f"around {_middle(hole)}"
        what = f"{area_m2:,.0f} m² that belong to nobody, {width_m:.1f} m wide on average."
        if width_m >= SLIVER_M:
            found.append(Finding("gap", where, what, "Kept: a call there is outside the service area."))
            continue
        index = _longest_border(hole, shapes, tree)
        mended[index] = shapely.union(mended[index], hole)
        found.append(Finding("sliver_gap", where, what, f"Closed: it is {slugs[index]} now."))
    return mended


def _tell_overlaps(slugs: Sequence[str], shapes: Sequence[BaseGeometry], scale: "_Scale", found: list[Finding]) -> None:
    tree = shapely.STRtree(shapes)
    pairs = zip(*tree.query(shapes, predicate="intersects").tolist(), strict=True)
    for first, second in sorted((a, b) for a, b in pairs if a < b):
        shared = shapes[first].intersection(shapes[second])
        area_m2 = scale.area_m2(shared)
        if area_m2 < _LEAST_M2:
            continue
        one, other = sorted((slugs[first], slugs[second]))
        sliver = scale.width_m(shared) < SLIVER_M
        found.append(
            Finding(
                "sliver_overlap" if sliver else "overlap",
                f"{one} and {other}",
                f"overlap by {area_m2:,.0f} m².",
                f"Kept: a point in both belongs to {one}, the first by name.",
            )
        )


def _holes(shapes: Sequence[BaseGeometry]) -> list[Polygon]:
    """Return what lies between the areas and in none of them."""
    whole = shapely.union_all(list(shapes))
    polygons = whole.geoms if isinstance(whole, MultiPolygon) else [whole]
    return [Polygon(ring) for polygon in polygons for ring in getattr(polygon, "interiors", ())]


def _longest_border(hole: Polygon, shapes: Sequence[BaseGeometry], tree: shapely.STRtree) -> int:
    touching = np.sort(tree.query(hole, predicate="intersects"))
    lengths = [shapely.length(shapely.intersection(hole.boundary, shapes[i])) for i in touching]
    return int(touching[int(np.argmax(lengths))])


def _middle(geometry: BaseGeometry) -> str:
    point = geometry.representative_point()
    return f"{point.y:.5f}, {point.x:.5f}"


class _Scale:
    """Square metres of small shapes somewhere on this layer."""

    def __init__(self, shapes: Sequence[BaseGeometry]) -> None:
        _, south, _, north = shapely.total_bounds(list(shapes))
        self._squeeze = max(0.01, math.cos(math.radians((south + north) / 2)))

    def _on_ground(self, geometry: BaseGeometry) -> Any:
        return shapely.transform(geometry, lambda points: points * (self._squeeze * M_PER_DEG, M_PER_DEG))

    def area_m2(self, geometry: BaseGeometry) -> float:
        return float(shapely.area(self._on_ground(geometry)))

    def width_m(self, geometry: BaseGeometry) -> float:
        """Return the mean width of a shape: its area by half its outline."""
        there = self._on_ground(geometry)
        outline = float(shapely.length(there))
        return 2 * float(shapely.area(there)) / outline if outline else 0.0
