"""Which files of areas are refused, what is said, and what becomes of overlaps, gaps and slivers."""

import json
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import shape

from services.intake.commands.layers import LARGEST_FILE, LayerReport, read_file
from services.intake.domain.geography import AreaMap
from services.intake.domain.layer_file import LayerInvalidError, read_layer, slug_of

SQUARE = [[[-118.2, 34.0], [-118.1, 34.0], [-118.1, 34.1], [-118.2, 34.1], [-118.2, 34.0]]]
BOW_TIE = [[[-118.2, 34.0], [-118.1, 34.1], [-118.1, 34.0], [-118.2, 34.1], [-118.2, 34.0]]]
TOUCHING = [
    [[-118.2, 34.0], [-118.1, 34.0], [-118.1, 34.1], [-118.15, 34.0], [-118.2, 34.1], [-118.2, 34.0]]
]  # the ring comes back to its own base
HERE = (-118.7, 33.7, -118.1, 34.4)


def feature(
    slug: Any = "boyle-heights", coordinates: Any = SQUARE, kind: str = "Polygon", **more: Any
) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"slug": slug, "name": "Boyle Heights", **more},
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def box(slug: str, west: float, south: float, east: float, north: float) -> dict[str, Any]:
    return feature(slug, [[[west, south], [east, south], [east, north], [west, north], [west, south]]])


def collection(*features: Any, **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **more}


def swapped(coordinates: Any) -> Any:
    return [[[y, x] for x, y in ring] for ring in coordinates]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "FeatureCollection"),
        ({"type": "Feature"}, "FeatureCollection"),
        (collection(), "at least one feature"),
        (collection(feature(), feature()), "/features/1: the slug 'boyle-heights' stands twice, first at /features/0"),
        (collection(feature(slug="Boyle Heights")), "`slug` must be"),
        (collection(feature(slug=None, name="")), "`name` is missing"),
        (collection({"type": "Feature", "geometry": None}), "no properties"),
        (collection(feature(coordinates=[-118.2, 34.0], kind="Point")), "an area"),
        (collection(feature(coordinates=[[["a", "b"]]])), "cannot be read"),
        (collection(feature(coordinates=swapped(SQUARE))), "swapped"),
        (collection(feature(coordinates=[[[x * 100_000, y] for x, y in SQUARE[0]]])), "not WGS 84"),
        (collection(feature(coordinates=BOW_TIE)), r"/features/0 \(boyle-heights\): the ring crosses itself.*-118.15"),
        (collection(feature(), crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2229"}}), "/crs"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_says_why(given: Any, says: str) -> None:
    with pytest.raises(LayerInvalidError, match=says):
        read_layer(given)


def test_swapped_coordinates_that_could_be_degrees_are_known_by_the_layer_in_force() -> None:
    there = [[[34.1, 35.0], [34.2, 35.0], [34.2, 35.1], [34.1, 35.0]]]
    assert read_layer(collection(feature(coordinates=there))).areas
    with pytest.raises(LayerInvalidError, match="swapped"):
        read_layer(collection(feature(coordinates=swapped(there))), near=(34.0, 34.9, 34.3, 35.2))
    [finding] = read_layer(collection(feature(coordinates=there)), near=HERE).findings
    assert finding.kind == "elsewhere"


def test_a_file_in_wgs_84_may_say_so() -> None:
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert read_layer(collection(feature(), crs=named)).areas


def test_a_ring_that_touches_itself_is_mended_and_said() -> None:
    layer = read_layer(collection(feature(coordinates=TOUCHING)))
    assert [row.slug for row in layer.areas] == ["boyle-heights"]
    assert (layer.findings[0].kind, "Mended" in layer.findings[0].handled) == ("invalid_ring", True)
    assert shape(layer.areas[0].geometry).is_valid
    assert shape(layer.areas[0].geometry).area == pytest.approx(0.005)


def test_an_overlap_is_kept_and_said() -> None:
    [found] = read_layer(collection(box("b", 0, 0, 1, 1), box("a", 0.5, 0, 2, 1))).findings
    assert (found.kind, found.where) == ("overlap", "a and b")
    assert "belongs to a" in found.handled


def test_a_sliver_goes_to_a_neighbor_and_a_gap_stays_open() -> None:
    around = [box("south", 0, 0, 3, 1), box("north", 0, 2, 3, 3), box("west", 0, 1, 1, 2)]
    sliver = read_layer(collection(*around, box("east", 1 + 2e-5, 1, 3, 2)))
    [found] = sliver.findings
    assert (found.kind, "Closed" in found.handled) == ("sliver_gap", True)
    assert AreaMap(sliver.areas).at(1.5, 1 + 1e-5) is not None
    gap = read_layer(collection(*around, box("east", 1.5, 1, 3, 2)))
    assert [finding.kind for finding in gap.findings] == ["gap"]
    assert AreaMap(gap.areas).at(1.5, 1.2) is None
    lines = LayerReport(1, 4, changed=True, findings=gap.findings, source="x.geojson").lines()
    assert lines[0] == "neighborhoods: 4 areas from x.geojson: 1 gap"


def test_another_layer_is_told_apart_by_a_usual_property_or_a_named_one() -> None:
    districts = collection(
        feature(None, SQUARE, district=1, name="x"),
        feature(None, [[[x + 1, y] for x, y in SQUARE[0]]], district=2, name="x"),
    )
    assert [area.slug for area in read_layer(districts, kind="council_district").areas] == ["1", "2"]
    assert [area.slug for area in read_layer(districts, kind="council_district", key="district").areas] == ["1", "2"]
    with pytest.raises(LayerInvalidError, match=r"--layer council_district:<property>=<file>"):
        read_layer(districts, kind="council_district", key="ward")


def test_a_slug_is_made_of_a_name() -> None:
    assert slug_of("Boyle Heights") == "boyle-heights"
    assert slug_of("  Cañada / Ñuñoa #2 ") == "canada-nunoa-2"


def test_a_file_that_is_too_large_or_no_json_is_refused_with_its_line(tmp_path: Path) -> None:
    large = tmp_path / "large.geojson"
    with large.open("wb") as file:
        file.truncate(50 * 2**20)
    assert large.stat().st_size > LARGEST_FILE
    with pytest.raises(LayerInvalidError, match=r"large.geojson: 50 MB.*Simplify"):
        read_file(large)
    broken = tmp_path / "broken.geojson"
    broken.write_text('{"type":\n "FeatureCollection",,}')
    with pytest.raises(LayerInvalidError, match=r"broken.geojson, line 2, column 22"):
        read_file(broken)
    broken.write_text('{"a": NaN}')
    with pytest.raises(LayerInvalidError, match="NaN is no coordinate"):
        read_file(broken)
    broken.write_text(json.dumps("x") + "\n")
    assert read_file(broken) == "x"
