"""The neighborhoods' map of each layer, kept in memory; which layer is in force is a row that each decision reads."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from shapely import STRtree, Point
from shapely.geometry import shape

from services.intake.domain.triage.model import Place
from services.intake.tables import neighborhood, neighborhood_layer

EMPTY = 0
"""The layer of a jurisdiction that has imported no neighborhoods."""


class Resolved(NamedTuple):
    """Where a call is: what triage reads of it, and the neighborhood's name for people."""

    place: Place
    slug: str | None
    name: str | None


class NeighborhoodMap:
    """Which neighborhood contains a point."""

    def __init__(self, features):
        self._rows = list(features)
        self._names = {slug: name for slug, name, _ in self._rows}
        self._tree = STRtree([shape(geometry) for _, _, geometry in self._rows])

    def at(self, lat_deg, lon_deg):
        hits = self._tree.query(Point(lon_deg, lat_deg), predicate="intersects")
        return min((self._rows[i][:2] for i in hits), default=None)

    def named(self, slug):
        return (slug, self._names[slug]) if slug in self._names else None


def resolve(neighborhoods, location):
    if not location:
        return Resolved(Place.unknown(), None, None)
    if location.get("lat_deg") is not None and location.get("lon_deg") is not None:
        found = neighborhoods.at(location["lat_deg"], location["lon_deg"])
        return Resolved(Place.known(found[0]), *found) if found else Resolved(Place.outside(), None, None)
    found = neighborhoods.named(location.get("neighborhood") or "")
    return Resolved(Place.known(found[0]), *found) if found else Resolved(Place.unknown(), None, None)


class Maps:
    """The maps that this process has built, by the layer's version; only the newest is kept."""

    def __init__(self) -> None:
        self._version = EMPTY
        self._map = NeighborhoodMap(())
        self._building = asyncio.Lock()

    @property
    def version(self) -> int:
        return self._version

    def guess(self, location: Mapping[str, Any] | None) -> Resolved:
        """Return where the location is by the newest map that this process has built."""
        return resolve(self._map, location)

    async def at(self, conn: AsyncConnection, version: int | None) -> NeighborhoodMap:
        """Return the map of that layer, building it if it is new to this process."""
        wanted = version or EMPTY
        if wanted == self._version:
            return self._map
        async with self._building:
            if wanted != self._version:
                rows = await conn.execute(
                    select(neighborhood.c.slug, neighborhood.c.name, neighborhood.c.geometry)
                    .where(neighborhood.c.layer_version == wanted)
                    .order_by(neighborhood.c.slug)
                )
                features = [(row.slug, row.name, row.geometry) for row in rows]
                built = await asyncio.to_thread(NeighborhoodMap, features)
                self._version, self._map = wanted, built
            return self._map

    async def newest(self, conn: AsyncConnection) -> NeighborhoodMap:
        """Return the map of the layer in force."""
        return await self.at(conn, await conn.scalar(select(func.max(neighborhood_layer.c.version))))
