"""The neighborhoods in force."""

from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import area_layer, neighborhood, neighborhood_layer


class LayerInForce(NamedTuple):
    """The newest layer of neighborhoods."""

    version: int
    source: str | None
    approximate: bool


NO_LAYER = LayerInForce(0, None, approximate=True)


class Area(NamedTuple):
    """One neighborhood of a layer."""

    slug: str
    name: str
    geometry: Any


async def layer_in_force(conn: AsyncConnection) -> LayerInForce:
    """Return the newest layer; version 0 where none was imported."""
    columns = neighborhood_layer.c
    row = (
        await conn.execute(
            select(columns.version, columns.source, columns.approximate).order_by(columns.version.desc()).limit(1)
        )
    ).one_or_none()
    return LayerInForce(*row) if row else NO_LAYER


async def area_layers(conn: AsyncConnection) -> dict[str, int]:
    """Return the version in force of each other kind of layer."""
    rows = await conn.execute(
        select(area_layer.c.kind, func.max(area_layer.c.version).label("version")).group_by(area_layer.c.kind)
    )
    return {row.kind: row.version for row in rows}


async def areas(conn: AsyncConnection, layer_version: int, *, slug: str | None = None) -> list[Area]:
    """Return the neighborhoods of a layer by slug, or the one of that slug."""
    query = select(neighborhood.c.slug, neighborhood.c.name, neighborhood.c.geometry).where(
        neighborhood.c.layer_version == layer_version
    )
    if slug is not None:
        query = query.where(neighborhood.c.slug == slug)
    return [Area(*row) for row in await conn.execute(query.order_by(neighborhood.c.slug))]
