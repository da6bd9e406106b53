"""Which area contains a point, how sure that is, and what is nearest: on drawn squares and on the published boundaries."""

import json
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import Point, shape

from services.intake.domain.geography import AreaMap, distance, distance_m, resolve
from services.intake.domain.layer_file import read_layer
from services.intake.domain.told import ON_BOUNDARY, tell_place
from services.intake.domain.triage.decide import fault
from services.intake.domain.triage.model import Effect, PlaceStatus, Reason
from tests.shared_data import shared_data

M = 1 / 111_195
"""A metre in degrees of latitude."""


def square(slug: str, west: float, south: float, size: float = 0.1) -> tuple[str, str, dict[str, Any]]:
    ring = [[west, south], [west + size, south], [west + size, south + size], [west, south + size], [west, south]]
    return slug, slug.title(), {"type": "Polygon", "coordinates": [ring]}


PAIR = AreaMap([square("west", 0.0, 0.0), square("east", 0.1, 0.0)])


def place(lat: float, lon: float, accuracy_m: float = 0) -> dict[str, Any]:
    return {"lat_deg": lat, "lon_deg": lon, "accuracy_m": accuracy_m}


def test_a_point_decides_before_a_slug_and_a_slug_before_nothing() -> None:
    assert resolve(PAIR, place(0.05, 0.05)).slug == "west"
    outside = {**place(0.05, 2.0), "neighborhood": "west"}
    assert resolve(PAIR, outside).place.status is PlaceStatus.OUTSIDE
    assert resolve(PAIR, {"neighborhood": "west"}).place.status is PlaceStatus.KNOWN
    assert resolve(PAIR, {"neighborhood": "nowhere"}).place.status is PlaceStatus.UNKNOWN
    assert resolve(PAIR, {"address": "E 1st St"}).place.status is PlaceStatus.UNKNOWN
    assert resolve(PAIR, None).place.status is PlaceStatus.UNKNOWN
    assert resolve(AreaMap(()), place(1, 1)).nearest is None


@pytest.mark.parametrize(
    ("lat", "lon", "slug"),
    [
        (0.05, 0.1 - M, "west"),
        (0.05, 0.1 + M, "east"),
        (0.05, 0.1, "east"),  # on the shared edge: the first by name
        (0.0, 0.1, "east"),  # on a vertex of both
        (0.0, 0.0, "west"),  # on an outer vertex
        (0.1, 0.15, "east"),  # on an outer edge
        (-M, 0.05, None),
        (0.05, 0.2 + M, None),
    ],
)
def test_a_point_at_an_edge_or_on_a_vertex_has_one_answer(lat: float, lon: float, slug: str | None) -> None:
    assert resolve(PAIR, place(lat, lon)).slug == slug
    [number] = PAIR.at_many(np.array([lat]), np.array([lon]))
    assert (PAIR.keys[number] if number >= 0 else None) == slug


def test_a_circle_over_a_boundary_names_every_candidate_and_takes_the_greater_share() -> None:
    found = resolve(PAIR, place(0.05, 0.1 - 10 * M, 30))
    assert found.slug == "west"
    assert [c.slug for c in found.candidates] == ["west", "east"]
    assert found.candidates[0].share == pytest.approx(
        0.5 + 0.21, abs=0.02
    )  # the circle's part beyond a chord at a third of r
    assert sum(c.share for c in found.candidates) == pytest.approx(1, abs=0.01)
    assert "West 7" in str(found.remark)
    assert "West was taken" in str(found.remark)
    assert resolve(PAIR, place(0.05, 0.05, 30)).candidates == ()


def test_the_greater_share_wins_even_where_the_point_itself_lies_in_the_other() -> None:
    corner = AreaMap([square("small", 0.0, 0.0, 0.001), ("large", "Large", _around(0.001))])
    found = resolve(corner, place(0.0005, 0.0005, 400))
    assert (found.slug, found.candidates[-1].slug) == ("large", "small")


def _around(size: float) -> dict[str, Any]:
    hole = shape(square("x", 0.0, 0.0, size)[2])
    whole = shapely.box(-0.1, -0.1, 0.1, 0.1).difference(hole)
    given: dict[str, Any] = json.loads(shapely.to_geojson(whole))
    return given


def test_at_the_shore_the_neighborhood_has_the_call_although_most_of_the_circle_is_sea() -> None:
    shore = resolve(PAIR, place(0.001, 0.05, 1000))
    assert (shore.slug, shore.candidates[0].slug) == ("west", "west")
    sea = resolve(PAIR, place(-0.001, 0.05, 150))
    assert (sea.slug, sea.candidates[0].slug) == (None, "")
    assert sea.place.status is PlaceStatus.OUTSIDE


def test_outside_names_the_nearest_and_its_distance() -> None:
    found = resolve(PAIR, place(0.05, 0.2 + 500 * M))
    assert found.nearest is not None
    assert found.nearest.slug == "east"
    assert found.nearest.distance_m == pytest.approx(500, rel=0.01)
    assert found.remark == "Nearest: East, 500 m away."
    assert distance(2345) == "2.3 km"
    assert distance_m(34, -118, 34, -117) == pytest.approx(92_180, rel=0.01)


def test_a_decision_says_where_the_nearest_is_and_that_a_place_is_not_sure() -> None:
    plain = fault("p", 0)
    outside = Reason(
        "outside_service_area", "outside_service_area", Effect.RETURN, "location", None, None, None, "Out."
    )
    told = tell_place(_with(plain, outside), resolve(PAIR, place(0.05, 0.2 + 500 * M)).remark)
    assert told.reasons[0].explanation == "Out. Nearest: East, 500 m away."
    edge = tell_place(plain, resolve(PAIR, place(0.05, 0.1, 30)).remark)
    assert (edge.reasons[-1].rule, edge.reasons[-1].effect) == (ON_BOUNDARY, Effect.NOTE)
    assert edge.verdict is plain.verdict
    assert tell_place(plain, resolve(PAIR, place(0.05, 0.05)).remark) is plain


def _with(decision: Any, *reasons: Reason) -> Any:
    from dataclasses import replace

    return replace(decision, reasons=reasons)


LAYERS = {
    "la-city-neighborhoods": ("neighborhoods", 114),
    "lapd-reporting-districts": ("reporting_district", 1135),
    "la-neighborhood-councils-2019": ("neighborhood_council", 99),
    "la-city-council-districts-2012": ("council_district", 15),
    "lapd-divisions": ("police_area", 21),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_published_layer_imports_whole_and_every_label_finds_its_area(name: str) -> None:
    kind, count = LAYERS[name]
    given = json.loads(shared_data("la-boundaries", f"{name}.geojson").read_text())
    layer = read_layer(given, kind=kind)
    assert len(layer.areas) == count
    assert all(shape(area.geometry).is_valid for area in layer.areas)
    areas = AreaMap(layer.areas)
    for feature in given["features"]:
        label = feature["properties"]
        assert areas.at(label["label_lat"], label["label_lon"]) is not None


def test_a_hundred_thousand_points_answer_as_a_plain_loop_does_alone_and_together() -> None:
    given = json.loads(shared_data("la-boundaries", "la-city-neighborhoods.geojson").read_text())
    areas = AreaMap(read_layer(given).areas)
    random = np.random.default_rng(7)
    lat, lon = random.uniform(33.6, 34.44, 100_000), random.uniform(-118.77, -118.05, 100_000)
    plain = np.full(len(lat), -1, dtype=np.int32)
    points = shapely.points(lon, lat)
    shapes = {f["properties"]["slug"]: shape(f["geometry"]) for f in given["features"]}
    for number in reversed(range(len(areas.keys))):  # the first by name has the last word
        plain[shapely.contains(shapes[areas.keys[number]], points)] = number
    assert np.array_equal(areas.at_many(lat, lon), plain)
    alone = [
        found[0] if (found := areas.at(*point)) else None for point in zip(lat.tolist(), lon.tolist(), strict=True)
    ]
    assert alone == [areas.keys[number] if number >= 0 else None for number in plain.tolist()]
    assert 15_000 < int((plain >= 0).sum()) < 80_000


def test_points_at_the_published_edges_and_vertices_answer_as_geometry_says() -> None:
    given = json.loads(shared_data("la-boundaries", "la-city-neighborhoods.geojson").read_text())
    areas = AreaMap(read_layer(given).areas)
    shapes = {f["properties"]["slug"]: shape(f["geometry"]) for f in given["features"]}
    random = np.random.default_rng(11)
    vertices = shapely.get_coordinates(list(shapes.values()))
    chosen = vertices[random.choice(len(vertices), 400, replace=False)]
    near = chosen + random.uniform(-M, M, chosen.shape)
    for lon, lat in np.concatenate([chosen, near]).tolist():
        plain = min((slug for slug, area in shapes.items() if area.intersects(Point(lon, lat))), default=None)
        assert (areas.at(lat, lon) or (None,))[0] == plain


@pytest.mark.parametrize(
    ("lat", "lon", "nearest"),
    [
        (33.945, -118.46, "playa-del-rey"),  # the sea off the airport
        (34.0736, -118.4004, None),  # Beverly Hills
        (34.0195, -118.4912, None),  # Santa Monica
        (33.7701, -118.1937, None),  # Long Beach
        (40.71, -74.0, None),  # New York
    ],
)
def test_the_sea_and_other_cities_are_outside_and_something_is_nearest(
    lat: float, lon: float, nearest: str | None
) -> None:
    given = json.loads(shared_data("la-boundaries", "la-city-neighborhoods.geojson").read_text())
    found = resolve(AreaMap(read_layer(given).areas), place(lat, lon))
    assert found.place.status is PlaceStatus.OUTSIDE
    assert found.nearest is not None
    assert nearest in (None, found.nearest.slug)
