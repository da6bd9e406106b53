"""Neighborhoods and their public safety plans."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from services.intake.api.refs import TheDesk
from services.intake.api.schemas.places import (
    Feature,
    FeatureCollection,
    Located,
    NeighborhoodProperties,
    PlanAnswer,
    PlanPage,
    PlanRequest,
)
from services.intake.commands.plans import NewPlan, enter_plan
from services.intake.domain.plan import default_plan
from services.intake.domain.plan_body import plan_body
from services.intake.queries import places, plans
from services.intake.store.plans import PlanVersion
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.edge import CursorText, Limit, read_cursor
from shared.edge import cursor as make_cursor
from shared.errors import Invalid, NotFound
from shared.problems import answers

router = APIRouter(prefix="/v1/neighborhoods", tags=["neighborhoods"])
Anybody = Annotated[Caller, allow(*Role)]
Slug = Annotated[str, Path(max_length=80, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["boyle-heights"])]


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


@router.get("/{slug}/plan", summary="The public safety plan in force", responses=answers(404))
async def get_plan(request: Request, slug: Slug, desk: TheDesk, _caller: Anybody) -> PlanAnswer:
    """Version 0 where the neighborhood has written none: every discipline, round the clock."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        if (await desk.maps.newest(unit.conn)).named(slug) is None:
            raise NotFound("There is no such neighborhood.")
        found = await plans.plan_in_force(unit.conn, slug)
    return _answer(found) if found else _unwritten(slug)


@router.get("/{slug}/plans", summary="Every version of the plan, the newest first", responses=answers(404))
async def get_plans(
    request: Request, slug: Slug, desk: TheDesk, _caller: Anybody, limit: Limit = 50, cursor: CursorText = None
) -> PlanPage:
    """Also those whose time has not come yet."""
    below = None
    if cursor is not None:
        [below] = read_cursor(cursor, length=1)
        if not isinstance(below, int) or isinstance(below, bool) or not 0 <= below < 2**31:
            raise Invalid("The cursor is not one that this service gave.", pointer="cursor")
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        if (await desk.maps.newest(unit.conn)).named(slug) is None:
            raise NotFound("There is no such neighborhood.")
        found = await plans.plan_versions(unit.conn, slug, below=below, limit=limit + 1)
    more = make_cursor(found[limit - 1].version) if len(found) > limit else None
    return PlanPage(items=[_answer(version) for version in found[:limit]], next=more)


@router.put("/{slug}/plan", summary="Write the next version of the plan", responses=answers(404, 412))
async def put_plan(
    request: Request, slug: Slug, body: PlanRequest, desk: TheDesk, caller: Annotated[Caller, allow(Role.SUPERVISOR)]
) -> PlanAnswer:
    """It takes effect at its time and never changes what was decided before. Send `version` to be refused (412) if it is stale."""
    db: Database = request.app.state.db
    new = NewPlan(slug, body.plan, body.approved_by, caller.actor, body.effective_from, body.version)
    async with db.transaction() as unit:
        return _answer(await enter_plan(unit, desk, new))


def _answer(version: PlanVersion) -> PlanAnswer:
    return PlanAnswer(
        slug=version.slug,
        version=version.version,
        plan=dict(version.body),
        effective_from=version.effective_from,
        approved_by=version.approved_by,
        entered_by=version.entered_by,
        entered_at=version.at,
    )


def _unwritten(slug: str) -> PlanAnswer:
    return PlanAnswer(
        slug=slug, version=0, plan=plan_body(default_plan(slug)), effective_from=None, approved_by=None, entered_by=None,
        entered_at=None,
    )  # fmt: skip
