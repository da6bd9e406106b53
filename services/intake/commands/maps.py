"""The map of each layer, kept in memory; which layer is in force is a row that each decision reads."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.geography import AreaMap, Resolved, resolve
from services.intake.domain.layer_file import NEIGHBORHOODS
from services.intake.tables import area, neighborhood, neighborhood_layer

EMPTY: Final = 0
"""The layer of a jurisdiction that has imported no neighborhoods."""
_KEPT: Final = 12
"""So many maps stay in memory: those in force, and a few that old calls were resolved with."""


class Placed(NamedTuple):
    """Where a call is, by which layers, and in which other areas: what a call keeps as `located`."""

    where: Resolved
    layer: int
    layers: Mapping[str, int]
    areas: Mapping[str, Mapping[str, str]]

    @property
    def kept(self) -> dict[str, Any]:
        """Return what the call keeps; `placed` reads `layer` and `layers` back."""
        found: dict[str, Any] = {"layer": self.layer, "layers": dict(self.layers), "areas": dict(self.areas)}
        if self.where.candidates:
            found["candidates"] = [{**c._asdict(), "share": round(c.share, 4)} for c in self.where.candidates]
        if (nearest := self.where.nearest) is not None:
            found["nearest"] = {**nearest._asdict(), "distance_m": round(nearest.distance_m, 1)}
        if (remark := self.where.remark) is not None:
            found["remark"] = remark
        return found


class Maps:
    """The maps that this process has built, by kind and version; those used last are kept."""

    def __init__(self) -> None:
        self._version = EMPTY
        self._built: OrderedDict[tuple[str, int], AreaMap] = OrderedDict({(NEIGHBORHOODS, EMPTY): AreaMap(())})
        self._building = asyncio.Lock()

    @property
    def version(self) -> int:
        """The newest layer of neighborhoods that this process has built."""
        return self._version

    def guess(self, location: Mapping[str, Any] | None) -> Resolved:
        """Return where the location is by the newest map that this process has built."""
        return resolve(self._built.get((NEIGHBORHOODS, self._version)) or AreaMap(()), location)

    async def at(self, conn: AsyncConnection, version: int | None) -> AreaMap:
        """Return the map of that layer of neighborhoods, building it if it is new to this process."""
        found = await self.of(conn, NEIGHBORHOODS, version or EMPTY)
        self._version = max(self._version, version or EMPTY)
        return found

    async def of(self, conn: AsyncConnection, kind: str, version: int) -> AreaMap:
        """Return the map of one version of one kind of layer."""
        key = (kind, version)
        if key not in self._built:
            async with self._building:
                if key not in self._built:
                    built = await asyncio.to_thread(AreaMap, await _rows(conn, kind, version))
                    self._built[key] = built
                    self._forget()
        self._built.move_to_end(key)
        return self._built[key]

    async def newest(self, conn: AsyncConnection) -> AreaMap:
        """Return the map of the layer of neighborhoods in force."""
        return await self.at(conn, await conn.scalar(select(func.max(neighborhood_layer.c.version))))

    async def place(
        self, conn: AsyncConnection, location: Mapping[str, Any] | None, *, layer: int | None, layers: Mapping[str, int]
    ) -> Placed:
        """Return where the location is by these versions of the layers."""
        where = resolve(await self.at(conn, layer), location)
        areas: dict[str, dict[str, str]] = {}
        lat_deg, lon_deg = (location or {}).get("lat_deg"), (location or {}).get("lon_deg")
        if lat_deg is not None and lon_deg is not None:
            for kind, version in sorted(layers.items()):
                if (found := (await self.of(conn, kind, version)).at(lat_deg, lon_deg)) is not None:
                    areas[kind] = {"key": found[0], "name": found[1]}
        return Placed(where, layer or EMPTY, layers, areas)

    def _forget(self) -> None:
        """Drop the map that was used longest ago, but never the newest neighborhoods."""
        while len(self._built) > _KEPT:
            oldest = next(key for key in self._built if key != (NEIGHBORHOODS, self._version))
            del self._built[oldest]


async def _rows(conn: AsyncConnection, kind: str, version: int) -> list[tuple[str, str, Any]]:
    if kind == NEIGHBORHOODS:
        query = select(neighborhood.c.slug, neighborhood.c.name, neighborhood.c.geometry).where(
            neighborhood.c.layer_version == version
        )
    else:
        query = select(area.c.slug, area.c.name, area.c.geometry).where(
            area.c.kind == kind, area.c.layer_version == version
        )
    return [(row.slug, row.name, row.geometry) for row in await conn.execute(query)]
