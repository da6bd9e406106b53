"""The neighborhoods' map of each layer, kept in memory; which layer is in force is a row that each decision reads."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.geography import NeighborhoodMap, Resolved, resolve
from services.intake.tables import neighborhood, neighborhood_layer

EMPTY: Final = 0
"""The layer of a jurisdiction that has imported no neighborhoods."""


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
