"""Areas on a map: which of them contains a point, which of them an uncertain place may lie in, and which is nearest.

Coordinates are WGS 84 degrees; GeoJSON writes longitude first, our functions take latitude first and say so in their names.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, shape

from services.intake.domain.triage.model import Place

M_PER_DEG: Final = 111_195.0
"""Metres in a degree of latitude, on a sphere of the earth's mean radius."""
_CELLS: Final = 96
"""The grid has so many cells along each side: fine enough that most points of a city lie in a cell of one area alone."""
_SHARED, _EMPTY = -2, -1
_WORTH_NAMING: Final = 0.01
"""A candidate with less than this share of the circle is not named."""


class Area(NamedTuple):
    """One area as stored: its key (a neighborhood's slug), its name for people, its GeoJSON geometry."""

    slug: str
    name: str
    geometry: Mapping[str, Any]


class Candidate(NamedTuple):
    """An area in which an uncertain place may lie, and how much of the circle lies in it."""

    slug: str
    name: str
    share: float


class Nearest(NamedTuple):
    """The area that is nearest to a point outside all of them."""

    slug: str
    name: str
    distance_m: float


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a call is: what triage reads of it, the neighborhood's name for people, and how sure that is."""

    place: Place
    slug: str | None = None
    name: str | None = None
    candidates: tuple[Candidate, ...] = ()
    """More than one: the circle crosses a boundary, and the first was taken. A candidate without a slug is outside."""
    nearest: Nearest | None = None
    """Filled when the place is outside."""

    @property
    def remark(self) -> str | None:
        """Return what a person should know about how the place was found; None: nothing."""
        if self.nearest is not None:
            return f"Nearest: {self.nearest.name}, {distance(self.nearest.distance_m)} away."
        if len(self.candidates) > 1:
            shares = ", ".join(f"{c.name} {c.share:.0%}" for c in self.candidates)
            return f"The location is not exact and may lie in: {shares}. {self.candidates[0].name} was taken."
        return None


OUTSIDE_NAME: Final = "outside the service area"


class AreaMap:
    """Answers which area contains a point. A point on a shared edge belongs to the first key in the alphabet.

    A grid answers for cells that lie in one area or in none; elsewhere prepared geometries are asked.
    """

    def __init__(self, areas: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        self._rows = sorted((Area(*row) for row in areas), key=lambda row: row.slug)
        self._shapes: NDArray[Any] = np.array([shape(row.geometry) for row in self._rows], dtype=object)
        shapely.prepare(self._shapes)
        self._by_slug = {row.slug: row for row in self._rows}
        self._tree = shapely.STRtree(self._shapes)
        self._grid = _Grid(self._shapes, self._tree)

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, lat_deg: float, lon_deg: float) -> tuple[str, str] | None:
        """Return key and name of the area that contains the point, or None outside all of them."""
        owner = self._grid.owner(lat_deg, lon_deg)
        if owner == _SHARED:
            owner = next(
                (
                    i
                    for i in self._grid.candidates(lat_deg, lon_deg)
                    if shapely.intersects_xy(self._shapes[i], lon_deg, lat_deg)
                ),
                _EMPTY,
            )
        return None if owner == _EMPTY else self._rows[owner][:2]

    def at_many(self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return for each point the number of its area in `keys`, or -1."""
        owners = self._grid.owners(lat_deg, lon_deg)
        open_ones = np.flatnonzero(owners == _SHARED)
        lon, lat = lon_deg[open_ones], lat_deg[open_ones]
        which, areas = self._tree.query(shapely.points(lon, lat))
        hit = shapely.intersects_xy(self._shapes[areas], lon[which], lat[which])
        found = np.full(len(open_ones), len(self._rows), dtype=np.int32)
        np.minimum.at(found, which[hit], areas[hit].astype(np.int32))
        owners[open_ones] = np.where(found == len(self._rows), _EMPTY, found)
        return owners

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all areas, as `at_many` numbers them."""
        return tuple(row.slug for row in self._rows)

    def named(self, slug: str) -> tuple[str, str] | None:
        """Return key and name of the area of that key, or None."""
        return self._by_slug[slug][:2] if slug in self._by_slug else None

    def shares(self, lat_deg: float, lon_deg: float, radius_m: float) -> tuple[Candidate, ...]:
        """Return the areas that a circle reaches into with their share of it, the greatest first; the rest is outside."""
        around = circle(lat_deg, lon_deg, radius_m)
        hits = np.sort(self._tree.query(around))
        parts = shapely.area(shapely.intersection(self._shapes[hits], around)) / around.area
        rows = (self._rows[i] for i in hits)
        found = [Candidate(row.slug, row.name, float(part)) for row, part in zip(rows, parts, strict=True) if part > 0]
        found.append(Candidate("", OUTSIDE_NAME, max(0.0, 1.0 - sum(c.share for c in found))))
        return tuple(sorted((c for c in found if c.share >= _WORTH_NAMING), key=lambda c: -c.share))

    def nearest(self, lat_deg: float, lon_deg: float) -> Nearest | None:
        """Return the nearest area and how far away it is; None on an empty map."""
        if not self._rows:
            return None
        squeeze, shapes, tree = self._plane
        point = Point(lon_deg * squeeze, lat_deg)
        index = int(np.min(tree.query_nearest(point)))
        row = self._rows[index]
        there = shapely.get_coordinates(shapely.shortest_line(shapes[index], point))[0]
        return Nearest(row.slug, row.name, distance_m(lat_deg, lon_deg, there[1], there[0] / squeeze))

    @cached_property
    def _plane(self) -> tuple[float, NDArray[Any], shapely.STRtree]:
        """The areas on a plane where a degree of longitude is as long as it is at this map's latitude."""
        _, south, _, north = shapely.total_bounds(self._shapes)
        squeeze = max(0.01, math.cos(math.radians((south + north) / 2)))
        shapes = shapely.transform(self._shapes, lambda points: points * (squeeze, 1.0))
        return squeeze, shapes, shapely.STRtree(shapes)


class _Grid:
    """Whose each cell is: an area's number, `_EMPTY` for nobody's, `_SHARED` where geometry must be asked."""

    def __init__(self, shapes: NDArray[Any], tree: shapely.STRtree) -> None:
        bounds = shapely.total_bounds(shapes) if len(shapes) else (0.0, 0.0, 0.0, 0.0)
        self._west, self._south, self._east, self._north = (float(bound) for bound in bounds)
        self._columns_per_deg = _CELLS / max(self._east - self._west, 1e-9)
        self._rows_per_deg = _CELLS / max(self._north - self._south, 1e-9)
        row, column = np.divmod(np.arange(_CELLS * _CELLS), _CELLS)
        # A cell is drawn a hair larger than it is, so that no rounding puts a point into a cell that does not hold it.
        cells = shapely.box(
            self._west + (column - 0.001) / self._columns_per_deg, self._south + (row - 0.001) / self._rows_per_deg,
            self._west + (column + 1.001) / self._columns_per_deg, self._south + (row + 1.001) / self._rows_per_deg,
        )  # fmt: skip
        cell, area = tree.query(cells, predicate="intersects") if len(shapes) else (np.empty(0, int), np.empty(0, int))
        self._owners = np.full(len(cells), _EMPTY, dtype=np.int32)
        self._owners[cell] = _SHARED
        alone = np.bincount(cell, minlength=len(cells))[cell] == 1
        cell_alone, area_alone = cell[alone], area[alone]
        inside = shapely.contains_properly(shapes[area_alone], cells[cell_alone])
        self._owners[cell_alone[inside]] = area_alone[inside]
        self._candidates: dict[int, list[int]] = {}
        for number, which in sorted(zip(cell.tolist(), area.tolist(), strict=True)):
            self._candidates.setdefault(number, []).append(which)
        self._listed = self._owners.tolist()

    def _cell(self, lat_deg: float, lon_deg: float) -> int:
        if not (self._west <= lon_deg <= self._east and self._south <= lat_deg <= self._north):
            return -1
        column = min(int((lon_deg - self._west) * self._columns_per_deg), _CELLS - 1)
        return min(int((lat_deg - self._south) * self._rows_per_deg), _CELLS - 1) * _CELLS + column

    def owner(self, lat_deg: float, lon_deg: float) -> int:
        """Return whose the point's cell is."""
        cell = self._cell(lat_deg, lon_deg)
        return _EMPTY if cell < 0 else int(self._listed[cell])

    def candidates(self, lat_deg: float, lon_deg: float) -> list[int]:
        """Return the numbers of the areas that reach into the point's cell, in order."""
        return self._candidates.get(self._cell(lat_deg, lon_deg), [])

    def owners(self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return whose each point's cell is."""
        column = np.clip((lon_deg - self._west) * self._columns_per_deg, 0, _CELLS - 1).astype(np.int32)
        row = np.clip((lat_deg - self._south) * self._rows_per_deg, 0, _CELLS - 1).astype(np.int32)
        inside = (lon_deg >= self._west) & (lon_deg <= self._east) & (lat_deg >= self._south) & (lat_deg <= self._north)
        return np.where(inside, self._owners[row * _CELLS + column], np.int32(_EMPTY)).astype(np.int32)


def circle(lat_deg: float, lon_deg: float, radius_m: float) -> Any:
    """Return a circle on the ground as a polygon in degrees."""
    squeeze = max(0.01, math.cos(math.radians(lat_deg)))
    unit = shapely.buffer(Point(0, 0), radius_m / M_PER_DEG, quad_segs=16)
    return shapely.transform(unit, lambda points: points / (squeeze, 1.0) + (lon_deg, lat_deg))


def distance_m(lat_deg: float, lon_deg: float, other_lat_deg: float, other_lon_deg: float) -> float:
    """Return the distance on the ground between two points (haversine)."""
    a, b = math.radians(lat_deg), math.radians(other_lat_deg)
    east = math.radians(other_lon_deg - lon_deg)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
    return 2 * math.degrees(1) * M_PER_DEG * math.asin(min(1.0, math.sqrt(half)))


def distance(metres: float) -> str:
    """Return a distance as people say it."""
    return f"{metres:.0f} m" if metres < 1000 else f"{metres / 1000:.1f} km"


def resolve(neighborhoods: AreaMap, location: Mapping[str, Any] | None) -> Resolved:
    """Return where a report's `location` is.

    A point decides; without one the slug does; an address alone is a place that nobody has resolved: unknown, never outside.
    """
    if not location:
        return Resolved(Place.unknown())
    lat_deg, lon_deg = location.get("lat_deg"), location.get("lon_deg")
    if lat_deg is not None and lon_deg is not None:
        return _at_point(neighborhoods, lat_deg, lon_deg, location.get("accuracy_m") or 0.0)
    found = neighborhoods.named(location.get("neighborhood") or "")
    return Resolved(Place.known(found[0]), *found) if found else Resolved(Place.unknown())


def _at_point(neighborhoods: AreaMap, lat_deg: float, lon_deg: float, accuracy_m: float) -> Resolved:
    """Return where a circle is. It lies in the neighborhood with the greatest share of it.

    Outside has it only if the point itself is outside and outside has the greatest share: the sea before a beach has no calls.
    """
    found = neighborhoods.at(lat_deg, lon_deg)
    shares = neighborhoods.shares(lat_deg, lon_deg, accuracy_m) if accuracy_m > 0 else ()
    if len(shares) > 1:
        taken = next((c for c in shares if c.slug or found is None), shares[0])
        ordered = (taken, *(c for c in shares if c is not taken))
        if not taken.slug:
            return Resolved(Place.outside(), candidates=ordered, nearest=neighborhoods.nearest(lat_deg, lon_deg))
        return Resolved(Place.known(taken.slug), taken.slug, taken.name, ordered)
    if found is None:
        return Resolved(Place.outside(), nearest=neighborhoods.nearest(lat_deg, lon_deg))
    return Resolved(Place.known(found[0]), *found)
