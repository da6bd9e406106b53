"""Neighborhoods, and where a point is."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.intake.api.refs import TheDesk
from services.intake.api.schemas.places import (
    Feature,
    FeatureCollection,
    Located,
    NeighborhoodProperties,
)
from services.intake.queries import places
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.errors import Invalid
from shared.problems import answers

router = APIRouter(prefix="/v1/neighborhoods", tags=["neighborhoods"])
Anybody = Annotated[Caller, allow(*Role)]
"""Also teams, which asks what neighborhoods there are before it accepts a catchment."""


@router.get("", summary="The neighborhoods in force, as GeoJSON", responses=answers())
async def get_neighborhoods(
    request: Request,
    desk: TheDesk,
    _caller: Anybody,
    lat: Annotated[float | None, Query(ge=-90, le=90, allow_inf_nan=False, examples=[34.0443])] = None,
    lon: Annotated[float | None, Query(ge=-180, le=180, allow_inf_nan=False, examples=[-118.2106])] = None,
    accuracy_m: Annotated[float, Query(ge=0, le=100_000, allow_inf_nan=False, examples=[30])] = 0.0,
) -> FeatureCollection:
    """With `lat` and `lon`: only the one that a call there belongs to, and `located`: how sure that is, in which other areas it is,
    and what is nearest where we do not serve.
    """
    if (lat is None) != (lon is None):
        raise Invalid("lat and lon come together.", pointer="lat" if lat is None else "lon")
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        layer = await places.layer_in_force(unit.conn)
        placed = None
        if lat is not None and lon is not None:
            point = {"lat_deg": lat, "lon_deg": lon, "accuracy_m": accuracy_m}
            others = await places.area_layers(unit.conn)
            placed = await desk.maps.place(unit.conn, point, layer=layer.version, layers=others)
        slug = placed.where.slug if placed else None
        areas = await places.areas(unit.conn, layer.version, slug=slug) if placed is None or slug else []
    features = [
        Feature(
            properties=NeighborhoodProperties(slug=area.slug, name=area.name, approximate=layer.approximate),
            geometry=area.geometry,
        )
        for area in areas
    ]
    located = Located.model_validate(placed.kept) if placed else None
    return FeatureCollection(layer=layer.version, source=layer.source, features=features, located=located)
