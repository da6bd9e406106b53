"""Neighborhoods and plans over HTTP, and importing a layer."""

from typing import Any

import pytest

from services.intake.commands.layers import LayerFile, import_files, import_layers, replace_layer
from services.intake.domain.layer_file import LayerInvalidError
from services.starter_city.cells import feature_collection
from shared.auth import Role
from tests.contract.intake.conftest import DENIED, Intake, safe_report


def square(name: str, west: float, **properties: Any) -> dict[str, Any]:
    ring = [[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]
    return {
        "type": "Feature",
        "properties": {"name": name, **properties},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def layer(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


async def test_the_city_is_geojson_and_a_point_finds_its_neighborhood(intake: Intake) -> None:
    everything = (await intake.get("/v1/neighborhoods")).json()
    assert (everything["type"], len(everything["features"])) == ("FeatureCollection", 114)
    assert everything["features"][0]["properties"]["approximate"] is True
    assert (await intake.get("/v1/neighborhoods", Role.SERVICE)).json() == everything  # teams asks for it
    [found] = (await intake.get("/v1/neighborhoods?lat=34.0443&lon=-118.2106")).json()["features"]
    assert found["properties"]["slug"] == "boyle-heights"
    assert (await intake.get("/v1/neighborhoods?lat=40&lon=-74")).json()["features"] == []
    assert (await intake.get("/v1/neighborhoods?lat=40")).status_code == 422
    assert (await intake.get("/v1/neighborhoods?lat=nan&lon=1")).status_code == 422


async def test_importing_the_same_layer_again_changes_nothing(intake: Intake) -> None:
    report = await replace_layer(intake.db, feature_collection(), source="starter city", approximate=True)
    assert (report.changed, report.version, report.areas) == (False, 1, 114)


async def test_a_new_layer_is_in_force_for_the_next_call(intake: Intake) -> None:
    await intake.report(safe_report())
    report = await replace_layer(
        intake.db, layer(square("East Side", -119), square("West Side", -120)), source="t", approximate=False
    )
    assert (report.changed, report.version) == (True, 2)
    there = {"lat_deg": 0.5, "lon_deg": -118.5}
    assert (await intake.report(safe_report(location=there)))["neighborhood"]["slug"] == "east-side"
    assert (await intake.report(safe_report()))["return_reason"] == "outside_service_area"


async def test_a_layer_that_cannot_be_trusted_is_refused_and_the_old_one_stays(intake: Intake, tmp_path: Any) -> None:
    for wrong in ({}, layer(), layer(square("A", 0), square("A", 3)), layer({"type": "Feature", "properties": {}})):
        with pytest.raises(LayerInvalidError):
            await replace_layer(intake.db, wrong, source="t", approximate=False)
    (tmp_path / "broken.geojson").write_text("{")
    with pytest.raises(LayerInvalidError, match=r"broken.geojson, line 1"):
        await import_files(intake.db.dsn, [("neighborhoods", None, tmp_path / "broken.geojson")])
    assert len((await intake.get("/v1/neighborhoods")).json()["features"]) == 114


async def test_an_old_call_keeps_the_layer_it_was_resolved_with(intake: Intake) -> None:
    old = await intake.report(safe_report())
    await replace_layer(intake.db, layer(square("East Side", -119)), source="t", approximate=False)
    await intake.post(f"/v1/calls/{old['id']}/updates", {"narrative": "Still arguing, calmly."})
    now = await intake.call(old["id"])
    assert (now["neighborhood"]["slug"], now["located"]["layer"]) == ("boyle-heights", 1)
    await intake.post(f"/v1/calls/{old['id']}/updates", {"location": {"lat_deg": 0.5, "lon_deg": -118.5}})
    assert (await intake.call(old["id"]))["return_reason"] == "outside_service_area"
    new = await intake.report(safe_report(location={"lat_deg": 0.5, "lon_deg": -118.5}))
    assert (new["neighborhood"]["slug"], new["located"]["layer"]) == ("east-side", 2)


async def test_several_layers_are_switched_at_once_and_a_call_names_its_areas(intake: Intake) -> None:
    there = [
        LayerFile(layer(square("East Side", -119), square("West Side", -120)), "n"),
        LayerFile(layer(square("4th", -119, number=4), square("5th", -120, number=5)), "p", kind="police_area"),
        LayerFile(layer(square("X", -119, district=14)), "d", kind="council_district"),
    ]
    assert [report.version for report in await import_layers(intake.db, there, dry_run=True)] == [2, 1, 1]
    assert (await intake.report(safe_report()))["located"]["layers"] == {}
    with pytest.raises(LayerInvalidError, match="p: /features/1"):
        await import_layers(
            intake.db, [there[0], LayerFile(layer(square("A", 0, slug="a"), square("A", 3, slug="a")), "p", "x")]
        )
    assert len((await intake.get("/v1/neighborhoods")).json()["features"]) == 114
    reports = await import_layers(intake.db, there)
    assert [(report.kind, report.changed, report.areas) for report in reports] == [
        ("neighborhoods", True, 2), ("police_area", True, 2), ("council_district", True, 1)
    ]  # fmt: skip
    call = await intake.report(safe_report(location={"lat_deg": 0.5, "lon_deg": -119.5}))
    assert call["located"]["areas"] == {"police_area": {"key": "5", "name": "5th"}}
    edge = {"lat_deg": 0.5, "lon_deg": -119.00001, "accuracy_m": 40}
    call = await intake.report(safe_report(location=edge))
    assert [c["slug"] for c in call["located"]["candidates"]] == ["west-side", "east-side"]
    note = next(reason for reason in call["decision"]["reasons"] if reason["rule"] == "location_on_boundary")
    assert note["explanation"].endswith("West Side was taken.")
    path = "/v1/neighborhoods?lat=0.5&lon=-119.00001&accuracy_m=40"
    found = (await intake.get(path)).json()
    assert found["located"] == {**call["located"], "nearest": None}


async def test_outside_every_area_names_the_nearest_and_its_distance(intake: Intake) -> None:
    call = await intake.report(safe_report(location={"lat_deg": 40.0, "lon_deg": -74.0}))
    assert (call["return_reason"], call["neighborhood"]) == ("outside_service_area", None)
    assert call["located"]["nearest"]["distance_m"] > 1_000_000
    assert call["located"]["nearest"]["name"] in call["decision"]["reasons"][0]["explanation"]


async def test_a_call_with_only_an_address_or_an_unknown_slug_waits_for_a_person(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    for location in ({"address": "E 1st St"}, {"neighborhood": "atlantis"}):
        decision = (await intake.report(safe_report(location=location)))["decision"]
        assert decision["verdict"] == "review"
        assert "location_unknown" in {reason["rule"] for reason in decision["reasons"]}
    by_slug = await intake.report(safe_report(location={"neighborhood": "venice"}))
    assert (by_slug["neighborhood"]["slug"], by_slug["status"]) == ("venice", "queued")


class TestProtocol:
    async def test_the_protocol_in_force_can_be_read(self, intake: Intake) -> None:
        current = (await intake.get("/v1/protocol", Role.REVIEWER)).json()
        assert current["in_force"] is True
        assert current["protocol"]["rules"]
        same = (await intake.get(f"/v1/protocol/{current['version']}", Role.CAD)).json()
        assert same == current
        assert (await intake.get("/v1/protocol/of-tomorrow")).status_code == 404

    async def test_a_replica_without_the_protocol_in_force_is_not_ready_and_calls_nothing_safe(
        self, intake: Intake
    ) -> None:
        assert (await intake.client.get("/readyz")).json()["ready"] is True
        await intake.rows(
            "INSERT INTO intake.protocol_version (version, document, digest, effective_from, approved_by, loaded_at) "
            "VALUES ('2099', '{}', '\\x00', intake.clock() - interval '1 second', 'x', intake.clock()) RETURNING 1"
        )
        answer = await intake.client.get("/readyz")
        assert (answer.status_code, "protocol" in answer.json()["failing"]) == (503, True)
        call = await intake.report(safe_report(answers=DENIED))
        assert call["decision"]["verdict"] == "review"
        assert call["decision"]["reasons"][0]["rule"] == "system_fault"
