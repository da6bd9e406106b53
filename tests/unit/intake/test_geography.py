"""Which neighborhood contains a point, and which files of neighborhoods are refused."""

import json
from typing import Any

import numpy as np
import pytest
from shapely.geometry import Point, shape

from services.intake.domain.geography import LayerInvalidError, NeighborhoodMap, read_layer, resolve
from services.intake.domain.triage.model import PlaceStatus
from tests.shared_data import shared_data

SQUARE = [[[-118.2, 34.0], [-118.1, 34.0], [-118.1, 34.1], [-118.2, 34.1], [-118.2, 34.0]]]
BOW_TIE = [[[-118.2, 34.0], [-118.1, 34.1], [-118.1, 34.0], [-118.2, 34.1], [-118.2, 34.0]]]


def feature(slug: Any = "boyle-heights", coordinates: Any = SQUARE, kind: str = "Polygon") -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"slug": slug, "name": "Boyle Heights"},
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"type": "Feature"}, "FeatureCollection"),
        (collection(), "at least one feature"),
        (collection(feature(), feature()), "stands twice"),
        (collection(feature(slug="Boyle Heights")), "`slug` must be"),
        (collection(feature(slug=None)), "`slug` must be"),
        (collection({"type": "Feature", "geometry": None}), "no properties"),
        (collection(feature(coordinates=[-118.2, 34.0], kind="Point")), "an area"),
        (collection(feature(coordinates=[[["a", "b"]]])), "cannot be read"),
        (collection(feature(coordinates=[[[y, x] for x, y in SQUARE[0]]])), "swapped"),
        (collection(feature(coordinates=[[[x * 100_000, y] for x, y in SQUARE[0]]])), "WGS 84"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_says_why(given: Any, says: str) -> None:
    with pytest.raises(LayerInvalidError, match=says):
        read_layer(given)


def test_a_crossed_ring_is_mended_and_said() -> None:
    layer = read_layer(collection(feature(coordinates=BOW_TIE)))
    assert [row.slug for row in layer.neighborhoods] == ["boyle-heights"]
    assert "mended" in layer.remarks[0]
    assert shape(layer.neighborhoods[0].geometry).is_valid


def test_an_overlap_is_said() -> None:
    assert "overlap" in read_layer(collection(feature(), feature(slug="other"))).remarks[0]


def test_a_point_decides_before_a_slug_and_a_slug_before_nothing() -> None:
    areas = NeighborhoodMap(read_layer(collection(feature())).neighborhoods)
    inside = {"lat_deg": 34.05, "lon_deg": -118.15}
    assert resolve(areas, inside).slug == "boyle-heights"
    outside = {"lat_deg": 34.05, "lon_deg": -117.0, "neighborhood": "boyle-heights"}
    assert resolve(areas, outside).place.status is PlaceStatus.OUTSIDE
    assert resolve(areas, {"neighborhood": "boyle-heights"}).place.status is PlaceStatus.KNOWN
    assert resolve(areas, {"neighborhood": "nowhere"}).place.status is PlaceStatus.UNKNOWN
    assert resolve(areas, {"address": "E 1st St"}).place.status is PlaceStatus.UNKNOWN
    assert resolve(areas, None).place.status is PlaceStatus.UNKNOWN


def test_the_published_neighborhoods_of_los_angeles_answer_as_a_plain_search_does() -> None:
    given = json.loads(shared_data("la-boundaries", "la-city-neighborhoods.geojson").read_text())
    layer = read_layer(given)
    assert len(layer.neighborhoods) == 114
    areas = NeighborhoodMap(layer.neighborhoods)
    shapes = {f["properties"]["slug"]: shape(f["geometry"]) for f in given["features"]}
    random = np.random.default_rng(7)
    found = 0
    for lat, lon in zip(random.uniform(33.7, 34.34, 400), random.uniform(-118.67, -118.15, 400), strict=True):
        plain = min((slug for slug, area in shapes.items() if area.intersects(Point(lon, lat))), default=None)
        assert (areas.at(lat, lon) or (None,))[0] == plain
        found += plain is not None
    assert found > 100
