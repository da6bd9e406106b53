"""The sample shift: about eighty calls of one evening, whole, bilingual, in the city, and not all of them for civilians."""

from collections import Counter
from pathlib import Path

import pytest
from shapely.geometry import Point, shape

from services.replay.calls import Selection, select_calls
from services.replay.mapping import load_mapping
from services.replay.source import json_rows
from services.starter_city.cells import feature_collection, outline

FACTS = {
    "weapons", "violence", "injuries", "threats", "suspect_on_scene", "intoxication", "minors_at_risk", "suicidal",
    "fire_medical", "caller_safe", "consent", "mental_health_crisis", "dv_relation", "location_known",
}  # fmt: skip


@pytest.fixture(scope="module")
def sample() -> Path:
    return Path(__file__).resolve().parents[3] / "samples" / "los-angeles-evening-shift.jsonl"


@pytest.fixture(scope="module")
def shift(sample: Path) -> Selection:
    mapping, path = load_mapping("sample-shift")
    return select_calls(sample, mapping, path, seed=1)


def test_it_is_one_evening_of_about_eighty_calls(shift: Selection) -> None:
    assert 75 <= len(shift.calls) <= 90
    assert all(16 <= call.at.hour <= 23 for call in shift.calls)
    assert len({call.at.date() for call in shift.calls}) == 1


def test_every_report_has_what_a_call_taker_would_send(shift: Selection) -> None:
    for call in shift.calls:
        report = call.report
        assert report["narrative"]
        assert report["call_type_code"]
        assert set(report["answers"]) <= FACTS | {"relationship", "parties", "location_type"}, call.key
        assert all(report["answers"].get(fact, "no") in ("yes", "no", "unknown") for fact in FACTS)


def test_calls_lie_in_the_neighborhood_that_they_name_and_one_outside_the_city(sample: Path) -> None:
    cells = {f["properties"]["slug"]: shape(f["geometry"]) for f in feature_collection()["features"]}
    outside = 0
    for row in json_rows(sample):
        place = row.fields["report"]["location"]
        point = Point(place["lon_deg"], place["lat_deg"])
        if row.fields["place"] in cells:
            assert cells[row.fields["place"]].contains(point), row.fields["event"]
        else:
            assert not outline().contains(point)
            outside += 1
    assert outside == 1


def test_a_good_part_is_in_spanish_and_a_fair_part_is_not_for_civilians(shift: Selection) -> None:
    languages = Counter(call.report["language"] for call in shift.calls)
    assert languages["es"] >= 20
    assert 12 <= sum(not call.could_go for call in shift.calls) <= 30


def test_worse_news_cancels_second_reports_police_and_a_recall_are_scripted(shift: Selection) -> None:
    scripted = Counter(event.do for call in shift.calls for event in call.later)
    assert set(scripted) == {"update", "cancel", "report_again", "police_staged", "recall"}
