"""Providers and teams over HTTP: who may see and change what, versions, names, retirement, and bad bodies."""

import asyncio
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from services.teams import store
from services.teams.api.bodies import TeamRequest
from services.teams.api.organisations import _values
from services.teams.commands.organisations import change_provider
from services.teams.scope import Scope
from shared import edge
from shared.auth import Caller, Role
from shared.db import Database
from tests.contract.teams.conftest import Api, team_body, until_somebody_waits


async def test_a_team_is_answered_as_it_was_given_off_duty_and_without_shifts(api: Api) -> None:
    provider_id = await api.provider("Puente Vecinal")
    body = team_body(
        provider_id, languages=["EN", "zh-hant", "es-mx"], minimum_crew=3, contact={"phone": "+1 213 555 0100"}
    )
    answer = await api("POST", "/v1/teams", json=body)
    assert answer.status_code == 201
    team = answer.json()
    assert team["languages"] == ["en", "zh-Hant", "es-MX"]
    assert team["contact"] == {"name": None, "phone": "+1 213 555 0100", "email": None}
    for name in ("name", "disciplines", "catchment", "base", "minimum_crew"):
        assert team[name] == body[name]
    assert (team["version"], team["retired"], team["position"]) == (1, False, None)
    assert team["duty"]["status"] == "off_duty"
    assert team["duty"]["reasons"] == ["off_shift", "off_duty", "crew_below_minimum"]
    assert await api.ok("GET", f"/v1/teams/{team['id']}") == team


IMPOSSIBLE_TEAMS: list[tuple[str, Any, str]] = [
    ("disciplines", [], "/disciplines"),
    ("disciplines", ["mediator", "interrupter", "restorative_justice"], "/disciplines"),
    ("disciplines", ["mediator", "mediator"], "/disciplines"),
    ("disciplines", ["police"], "/disciplines/0"),
    ("disciplines", "mediator", "/disciplines"),
    ("languages", ["english please"], "/languages/0"),
    ("languages", ["en", "EN"], "/languages"),
    ("languages", ["en", "xx"], "/languages/1"),
    ("languages", ["klingon"], "/languages/0"),
    ("minimum_crew", 4, "/minimum_crew"),
    ("members", [{"id": "a", "name": "A", "languages": ["qq"]}], "/members/0/languages/0"),
    ("members", [{"id": "a", "name": "A", "certifications": [{"name": "mediator", "until": "2027-01-01"}]}],
     "/members/0/certifications/0/until"),
    ("vehicle", {"seats": 0}, "/vehicle/seats"),
    ("languages", [], "/languages"),
    ("catchment", {}, "/catchment"),
    ("catchment", {"Boyle Heights": "home"}, "/catchment/Boyle Heights/[key]"),
    ("catchment", {"boyle-heights": "sometimes"}, "/catchment/boyle-heights"),
    ("minimum_crew", 0, "/minimum_crew"),
    ("minimum_crew", True, "/minimum_crew"),
    ("minimum_crew", "2", "/minimum_crew"),
    ("minimum_crew", 21, "/minimum_crew"),
    ("base", {"lat_deg": 999, "lon_deg": 0}, "/base/lat_deg"),
    ("base", None, "/base"),
    ("members", [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}], "/members"),
    ("members", [{"id": "a b", "name": "A"}], "/members/0/id"),
    ("members", [{"id": "a", "name": "A\u0000"}], "/members/0/name"),
    ("do_not_send", [{"reason": "feud"}], "/do_not_send/0"),
    ("do_not_send", [{"reason": "feud", "neighborhood": "x", "address_key": "y"}], "/do_not_send/0"),
    ("do_not_send", [{"reason": "feud", "neighborhood": "x", "until": "2027-01-01T00:00:00"}], "/do_not_send/0/until"),
    ("name", "   ", "/name"),
    ("colour", "blue", "/colour"),
    ("provider_id", str(uuid4()), "/provider_id"),
]  # fmt: skip


async def test_a_team_that_cannot_be_is_refused_and_the_field_named(api: Api) -> None:
    provider_id = await api.provider()
    for field, value, pointer in IMPOSSIBLE_TEAMS:
        answer = await api("POST", "/v1/teams", json={**team_body(provider_id), field: value})
        assert answer.status_code == 422, (field, value)
        assert answer.json()["errors"][0]["pointer"] == pointer, (field, value)


async def test_a_patch_changes_what_it_names_and_only_on_the_current_version(api: Api) -> None:
    team_id = await api.new_team()
    before = await api.ok("GET", f"/v1/teams/{team_id}")
    changed = await api.ok("PATCH", f"/v1/teams/{team_id}", json={"minimum_crew": 3, "version": 1, "name": None})
    assert changed == {**before, "minimum_crew": 3, "version": 2}
    stale = await api("PATCH", f"/v1/teams/{team_id}", json={"minimum_crew": 4, "version": 1})
    assert stale.status_code == 412
    assert stale.json()["current_version"] == 2
    assert await api.ok("GET", f"/v1/teams/{team_id}") == changed


async def test_of_two_patches_of_one_version_one_is_stale(api: Api) -> None:
    team_id = await api.new_team()
    answers = await asyncio.gather(
        *(api("PATCH", f"/v1/teams/{team_id}", json={"minimum_crew": n, "version": 1}) for n in (1, 3))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_names_are_taken_once_among_those_in_service(api: Api) -> None:
    provider_id = await api.provider("Cedar Street")
    assert (await api("POST", "/v1/providers", json={"name": "Cedar Street"})).status_code == 409
    team_id = await api.new_team(provider_id=provider_id, name="One")
    again = await api("POST", "/v1/teams", json=team_body(provider_id, name="One"))
    assert (again.status_code, again.json()["type"]) == (409, "urn:commonground:problem:name-taken")
    await api.new_team(provider_id=await api.provider(), name="One")  # another provider's
    other = await api.new_team(provider_id=provider_id, name="Two")
    assert (await api("PATCH", f"/v1/teams/{other}", json={"name": "One"})).status_code == 409
    await api.ok("PATCH", f"/v1/teams/{team_id}", json={"retired": True})
    await api.ok("PATCH", f"/v1/teams/{other}", json={"name": "One"})
    assert (await api("PATCH", f"/v1/teams/{team_id}", json={"retired": False})).status_code == 409


async def test_a_team_with_live_work_is_not_retired(api: Api) -> None:
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    await api.hold(team_id, assignment_id)
    refused = await api("PATCH", f"/v1/teams/{team_id}", json={"retired": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:commonground:problem:still-in-use")
    await api.release(assignment_id)
    retired = await api.ok("PATCH", f"/v1/teams/{team_id}", json={"retired": True})
    assert retired["retired"]
    assert retired["duty"]["status"] == "off_duty"
    assert await api.availability(team_id) is None
    assert (await api.hold(team_id)).json()["reasons"][0] == "retired"
    on_duty = await api("PUT", f"/v1/teams/{team_id}/duty", json={"status": "available"})
    assert on_duty.json()["type"] == "urn:commonground:problem:team-retired"
    listed = [team["id"] for team in (await api.ok("GET", "/v1/teams"))["items"]]
    assert str(team_id) not in listed
    listed = [team["id"] for team in (await api.ok("GET", "/v1/teams?retired=true"))["items"]]
    assert str(team_id) in listed
    back = await api.ok("PATCH", f"/v1/teams/{team_id}", json={"retired": False})
    assert back["duty"]["reasons"] == ["off_duty", "crew_below_minimum"]


async def test_a_provider_with_teams_is_not_retired_and_a_retired_one_gets_none(api: Api) -> None:
    provider_id = await api.provider()
    team_id = await api.new_team(provider_id=provider_id)
    assert (await api("PATCH", f"/v1/providers/{provider_id}", json={"retired": True})).status_code == 409
    await api.ok("PATCH", f"/v1/teams/{team_id}", json={"retired": True})
    provider = await api.ok("PATCH", f"/v1/providers/{provider_id}", json={"retired": True, "version": 1})
    assert (provider["retired"], provider["version"]) == (True, 2)
    refused = await api("POST", "/v1/teams", json=team_body(provider_id))
    assert refused.json()["errors"][0]["pointer"] == "/provider_id"
    assert (await api("PATCH", f"/v1/teams/{team_id}", json={"retired": False})).status_code == 409


async def test_a_provider_that_is_being_retired_gets_no_team_meanwhile(api: Api, teams_db: Database) -> None:
    """The order is forced both ways: whoever comes second sees the first."""
    first, second = await api.provider(), await api.provider()
    scope = Scope("los-angeles", Caller(Role.ADMIN, "test"), lambda _: None)
    async with teams_db.transaction() as unit:
        await change_provider(unit, scope, first, {"retired": True}, version=None)
        adding = asyncio.create_task(api("POST", "/v1/teams", json=team_body(first)))
        await until_somebody_waits(teams_db)
    assert (await adding).status_code == 422
    async with teams_db.transaction() as unit:
        assert await store.lock_provider(unit.conn, second, alone=False)
        retiring = asyncio.create_task(api("PATCH", f"/v1/providers/{second}", json={"retired": True}))
        await until_somebody_waits(teams_db)
        values = {
            **_values(TeamRequest.model_validate(team_body(second))),
            "id": uuid4(),
            "jurisdiction": "los-angeles",
        }
        await store.add_team(unit.conn, values, store.Event("admin:test", "profile", "team_added"))
    assert (await retiring).status_code == 409


async def test_a_member_on_duty_cannot_leave_the_roster(api: Api) -> None:
    team_id = await api.team_on_duty()
    refused = await api("PATCH", f"/v1/teams/{team_id}", json={"members": [{"id": "b", "name": "B"}]})
    assert (refused.status_code, refused.json()["members"]) == (409, ["a"])
    both = [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]
    assert (await api.ok("PATCH", f"/v1/teams/{team_id}", json={"members": both}))["members"][1]["id"] == "b"


async def test_a_supervisor_of_one_provider_sees_and_changes_only_that(api: Api) -> None:
    mine, other = await api.provider(), await api.provider()
    my_team, other_team = await api.team_on_duty(provider_id=mine), await api.team_on_duty(provider_id=other)
    await api.hold(my_team)
    await api.hold(other_team)
    assert [p["id"] for p in (await api.ok("GET", "/v1/providers", provider_id=mine))["items"]] == [str(mine)]
    assert [t["id"] for t in (await api.ok("GET", "/v1/teams", provider_id=mine))["items"]] == [str(my_team)]
    assert (await api.ok("GET", f"/v1/teams?provider_id={other}", provider_id=mine))["items"] == []
    for path in ("/v1/availability?all=true", "/v1/holds"):
        items = (await api.ok("GET", path, provider_id=mine))["items"]
        assert [item["team_id"] for item in items] == [str(my_team)]
    for method, path, body in (
        ("GET", f"/v1/providers/{other}", None),
        ("PATCH", f"/v1/providers/{other}", {"kind": "city"}),
        ("GET", f"/v1/teams/{other_team}", None),
        ("PATCH", f"/v1/teams/{other_team}", {"minimum_crew": 1}),
        ("PUT", f"/v1/teams/{other_team}/duty", {"status": "off_duty"}),
        ("PUT", f"/v1/teams/{other_team}/shifts", {}),
        ("GET", f"/v1/teams/{other_team}/shifts", None),
        ("GET", f"/v1/teams/{other_team}/history", None),
    ):
        assert (await api(method, path, json=body, provider_id=mine)).status_code == 404, path
    assert (await api("POST", "/v1/providers", json={"name": "Third"}, provider_id=mine)).status_code == 403
    assert (await api("POST", "/v1/teams", json=team_body(other), provider_id=mine)).status_code == 422
    assert (await api("POST", "/v1/teams", json=team_body(mine), provider_id=mine)).status_code == 201


async def test_a_team_sees_itself_and_no_other(api: Api) -> None:
    mine, other = await api.new_team(), await api.new_team()

    async def status(method: str, path: str, body: Any = None) -> int:
        return (await api(method, path, json=body, role=Role.TEAM, team_id=mine)).status_code

    fix = {"fixes": [{"lat_deg": 34, "lon_deg": -118, "at": "2026-11-23T00:00:00Z"}]}
    for team_id, expected in ((mine, 200), (other, 404), (uuid4(), 404)):
        assert await status("GET", f"/v1/teams/{team_id}") == expected
        assert await status("GET", f"/v1/teams/{team_id}/shifts") == expected
        assert await status("PUT", f"/v1/teams/{team_id}/duty", {"status": "off_duty"}) == expected
        assert await status("POST", f"/v1/teams/{team_id}/positions", fix) == expected
    for path in ("/v1/teams", "/v1/providers", f"/v1/teams/{mine}/history", "/v1/availability", "/v1/holds"):
        assert await status("GET", path) == 403
    assert await status("PUT", f"/v1/teams/{mine}/shifts", {}) == 403
    assert await status("PATCH", f"/v1/teams/{mine}", {"minimum_crew": 1}) == 403


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR, Role.SERVICE])
async def test_roles_that_only_read_write_nothing(api: Api, role: Role) -> None:
    team_id = await api.new_team()
    for method, path, body in (
        ("POST", "/v1/providers", {"name": "X"}),
        ("POST", "/v1/teams", team_body(uuid4())),
        ("PATCH", f"/v1/teams/{team_id}", {"minimum_crew": 1}),
        ("PUT", f"/v1/teams/{team_id}/duty", {"status": "off_duty"}),
        ("PUT", f"/v1/teams/{team_id}/shifts", {}),
    ):
        assert (await api(method, path, json=body, role=role)).status_code == 403, path


async def test_without_a_token_nothing_is_told(api: Api) -> None:
    for path in ("/v1/teams", "/v1/providers", "/v1/availability", "/v1/holds", "/v1/alerts"):
        answer = await api.client.get(path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_pages_hold_every_team_once_and_in_order(api: Api) -> None:
    provider_id = await api.provider()
    made = {await api.new_team(provider_id=provider_id, name=f"Team {n:02}") for n in range(7)}
    seen: list[UUID] = []
    path = "/v1/teams?limit=3"
    while True:
        page = await api.ok("GET", path)
        seen += [UUID(team["id"]) for team in page["items"]]
        if page["next"] is None:
            break
        path = f"/v1/teams?limit=3&cursor={page['next']}"
    assert len(seen) == 7
    assert set(seen) == made


AN_ID = "01a222ab-1db9-797a-9f89-5bf2c6ff852c"
BAD_CURSORS = ("x", "😀", edge.cursor("a", "b"), edge.cursor("\x00", AN_ID), edge.cursor("\ud800", AN_ID))


@pytest.mark.parametrize("cursor", BAD_CURSORS)
async def test_a_cursor_that_we_did_not_make_is_invalid_and_never_an_error_of_ours(api: Api, cursor: str) -> None:
    """Also with NUL and half a surrogate pair inside."""
    for path in ("/v1/teams", "/v1/providers", f"/v1/teams/{await api.new_team()}/history"):
        assert (await api("GET", f"{path}?cursor={quote(cursor)}")).status_code == 422


async def test_the_same_key_adds_one_team(api: Api) -> None:
    body = team_body(await api.provider())
    first = await api("POST", "/v1/teams", json=body, headers={"Idempotency-Key": "k1"})
    again = await api("POST", "/v1/teams", json=body, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await api("POST", "/v1/teams", json={**body, "name": "Other"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:commonground:problem:idempotency-key-reused")


async def test_do_not_send_rules_reach_dispatch_until_they_expire(api: Api) -> None:
    rules = [
        {"neighborhood": "boyle-heights", "reason": "family of a member", "until": "2099-01-01T00:00:00Z"},
        {"address_key": "k", "reason": "over", "until": "2020-01-01T00:00:00Z"},
        {"address_key": "forever", "reason": "threats"},
    ]
    team_id = await api.new_team(do_not_send=rules)
    shown = (await api.availability(team_id))["do_not_send"]
    assert [(rule["neighborhood"], rule["address_key"]) for rule in shown] == [
        ("boyle-heights", None),
        (None, "forever"),
    ]
    assert "reason" not in shown[0]


async def test_a_deleted_team_is_retired_and_one_with_live_work_stays(api: Api) -> None:
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    await api.hold(team_id, assignment_id)
    refused = await api("DELETE", f"/v1/teams/{team_id}")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:commonground:problem:still-in-use")
    await api.release(assignment_id)
    for _ in range(2):
        gone = await api.ok("DELETE", f"/v1/teams/{team_id}")
        assert (gone["retired"], gone["duty"]["status"]) == (True, "off_duty")
    held = await api.hold(team_id)
    assert (held.status_code, "retired" in held.json()["reasons"]) == (409, True)
    assert [event["action"] for event in (await api.ok("GET", f"/v1/teams/{team_id}/history"))["items"]]


async def test_a_deleted_provider_is_retired_once_it_has_no_team(api: Api) -> None:
    provider_id = await api.provider()
    team_id = await api.new_team(provider_id=provider_id)
    assert (await api("DELETE", f"/v1/providers/{provider_id}", role=Role.ADMIN)).status_code == 409
    await api.ok("DELETE", f"/v1/teams/{team_id}")
    assert (await api.ok("DELETE", f"/v1/providers/{provider_id}", role=Role.ADMIN))["retired"]


async def test_the_crew_on_duty_decides_what_the_team_is_offered_for(api: Api) -> None:
    members = [
        {"id": "a", "name": "A", "languages": ["en"], "certifications": [{"name": "interrupter"}]},
        {"id": "b", "name": "B", "languages": ["en"]},
        {"id": "c", "name": "C", "languages": ["es", "nah"]},
    ]
    vehicle = {"description": "white van", "plate": "8ABC123", "seats": 4}
    made = await api.team_on_duty(members=members, disciplines=["mediator", "interrupter"], vehicle=vehicle)
    assert (await api.ok("GET", f"/v1/teams/{made}"))["vehicle"] == vehicle
    shown = await api.availability(made)
    assert (shown["languages"], shown["disciplines"]) == (["en"], ["mediator", "interrupter"])
    await api.duty(made, "available", crew=["b", "c"])
    shown = await api.availability(made)
    assert (shown["languages"], shown["disciplines"], shown["offerable"]) == (["en", "es", "nah"], ["mediator"], True)
