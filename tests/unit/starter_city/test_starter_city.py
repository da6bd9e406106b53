"""The starter city keeps what it promises: 114 cells, honest labels, and a team for every call that may come."""

import json

import pytest
import shapely
from shapely.geometry import Point, shape

from services.starter_city import roster
from services.starter_city.cells import feature_collection, neighborhoods, outline
from tests.shared_data import shared_data


def test_there_are_114_neighborhoods_with_their_own_slugs() -> None:
    rows = neighborhoods()
    assert len(rows) == len({row.slug for row in rows}) == len({row.name for row in rows}) == 114


def test_every_cell_is_valid_says_that_it_is_approximate_and_contains_its_center() -> None:
    features = {feature["properties"]["slug"]: feature for feature in feature_collection()["features"]}
    assert len(features) == 114
    for row in neighborhoods():
        feature = features[row.slug]
        cell = shape(feature["geometry"])
        assert cell.is_valid
        assert cell.contains(Point(row.lon_deg, row.lat_deg)), row.slug
        assert feature["properties"] | {"region": ""} == {
            "slug": row.slug,
            "name": row.name,
            "region": "",
            "approximate": True,
        }


def test_cells_do_not_overlap_and_fill_the_outline() -> None:
    cells = [shape(feature["geometry"]) for feature in feature_collection()["features"]]
    tree = shapely.STRtree(cells)
    pairs = [(a, b) for a, b in tree.query(cells, predicate="overlaps").T if a < b]
    assert all(cells[a].intersection(cells[b]).area < 1e-8 for a, b in pairs)
    assert sum(cell.area for cell in cells) == pytest.approx(outline().area, rel=1e-3)


@pytest.mark.parametrize(
    ("place", "lat_deg", "lon_deg"),
    [("Beverly Hills", 34.0736, -118.4004), ("Santa Monica", 34.0195, -118.4912), ("Long Beach", 33.7701, -118.1937)],
)
def test_a_neighboring_city_is_outside_the_outline(place: str, lat_deg: float, lon_deg: float) -> None:
    assert not outline().contains(Point(lon_deg, lat_deg)), place


def test_every_neighborhood_discipline_and_language_is_served_by_a_team() -> None:
    assert roster.uncovered() == []


def test_coverage_names_what_a_missing_team_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    without = tuple(team for team in roster.teams() if team.name != "Restorative Justice South")
    monkeypatch.setattr(roster, "teams", lambda: without)
    assert ("watts", "restorative_justice", "es") in roster.uncovered()


def test_a_dozen_teams_of_three_providers_each_with_enough_crew() -> None:
    teams = roster.teams()
    assert len({team.name for team in teams}) == len(teams) == 12
    assert len({team.provider.name for team in teams}) == 3
    assert all(len(team.crew) >= team.minimum_crew == 2 for team in teams)
    members = [member for team in teams for member in team.crew]
    assert len(members) == len(set(members))


def test_the_table_agrees_with_the_published_neighborhoods() -> None:
    official = {
        feature["properties"]["slug"]: feature
        for feature in json.loads(shared_data("la-boundaries", "la-city-neighborhoods.geojson").read_text("utf-8"))[
            "features"
        ]
    }
    assert set(official) == {row.slug for row in neighborhoods()}
    for row in neighborhoods():
        assert official[row.slug]["properties"]["name"] == row.name
        assert shape(official[row.slug]["geometry"]).contains(Point(row.lon_deg, row.lat_deg)), row.slug
