"""What no client should send: refused with the field's name, never with a 5xx, and nothing is stored."""

import json
from typing import Any

import pytest

from tests.field.ground import Corner, Field
from tests.field.people import CALM
from tests.field.wire import Body, Reply


@pytest.fixture(scope="module")
async def quiet(field: Field) -> Corner:
    """A corner without teams, for reports that lead to nothing."""
    return await field.corner(teams=0)


async def post(corner: Corner, content: bytes) -> Reply:
    return await corner.cad.wire.ask("intake", "POST", "/v1/calls", token=corner.cad.token, content=content)


def put(body: Body, where: str, value: Any) -> Body:
    """Return the body with one value replaced."""
    copy: Body = json.loads(json.dumps(body))
    *parents, name = where.strip("/").split("/")
    inner = copy
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[name] = value
    return copy


REFUSED: list[tuple[str, Any, str]] = [
    ("/location/lat_deg", 999, "/location/lat_deg"),
    ("/location/lat_deg", "34.1; DROP TABLE", "/location/lat_deg"),
    ("/location/lon_deg", -180.5, "/location/lon_deg"),
    ("/location/lon_deg", True, "/location/lon_deg"),
    ("/location/accuracy_m", -1, "/location/accuracy_m"),
    ("/location/neighborhood", "Boyle Heights!", "/location/neighborhood"),
    ("/location/altitude", 3, "/location/altitude"),
    ("/severity", "low", "/severity"),
    ("/answers/weapon", "no", "/answers/weapon"),
    ("/answers/weapons", "nope", "/answers/weapons"),
    ("/answers/weapons", ["no"], "/answers/weapons"),
    ("/answers/weapons", False, "/answers/weapons"),
    ("/answers/parties", -3, "/answers/parties"),
    ("/narrative", ["an", "array"], "/narrative"),
    ("/narrative", {"text": "an object"}, "/narrative"),
    ("/narrative", "x" * 20_000, "/narrative"),
    ("/narrative", "a NUL \x00 byte", "/narrative"),
    ("/call_type_code", 415, "/call_type_code"),
    ("/call_type_code", "x" * 5000, "/call_type_code"),
    ("/cad_event_id", "", "/cad_event_id"),
    ("/cad_event_id", "x" * 3000, "/cad_event_id"),
    ("/received_at", "2026-11-23T18:04:11", "/received_at"),
    ("/received_at", "yesterday", "/received_at"),
    ("/received_at", 1795000000, "/received_at"),
    ("/received_at", "1999-12-31T23:59:59Z", "/received_at"),
    ("/received_at", "9999-12-31T23:59:59-12:00", "/received_at"),
    ("/received_at", "2026-13-45T00:00:00Z", "/received_at"),
    ("/language", "not a language", "/language"),
    ("/attempt", 0, "/attempt"),
    ("/attempt", 2**40, "/attempt"),
    ("/attempt", "two", "/attempt"),
    ("/linked_to", "not-a-list", "/linked_to"),
    ("/linked_to", [1, 2], "/linked_to"),
    ("/caller", "a name", "/caller"),
    ("/caller/ssn", "000-00-0000", "/caller/ssn"),
]


@pytest.mark.parametrize(("where", "value", "pointer"), REFUSED)
async def test_a_report_with_a_bad_value_is_refused_by_name(
    quiet: Corner, where: str, value: Any, pointer: str
) -> None:
    body = put(quiet.cad.a_report(location=quiet.location), where, value)
    reply = await quiet.cad.send(body)
    reply.refused(422, "invalid-request")
    assert any(named.startswith(pointer) for named in reply.pointers), reply.pointers
    assert (await quiet.cad.by_event(body["cad_event_id"] or "-")).status in {404, 422}
    assert "DROP TABLE" not in str(reply.body)


async def test_a_report_that_comes_from_the_future_is_refused(quiet: Corner, field: Field) -> None:
    from datetime import timedelta

    reply = await quiet.cad.send(quiet.cad.a_report(received_at=(field.now() + timedelta(minutes=6)).isoformat()))
    assert reply.refused(422)
    assert "/received_at" in reply.pointers
    soon = quiet.cad.a_report(received_at=(field.now() + timedelta(minutes=4)).isoformat(), location=quiet.location)
    (await quiet.cad.send(soon)).good()


async def test_a_late_report_is_accepted(quiet: Corner, field: Field) -> None:
    from datetime import timedelta

    late = quiet.cad.a_report(received_at=(field.now() - timedelta(hours=3)).isoformat(), location=quiet.location)
    call = (await quiet.cad.send(late)).good()
    assert call["status"] == "queued"
    assert await field.value("SELECT late FROM intake.call WHERE id = $1::text::uuid", call["id"])


async def test_a_narrative_of_100_kb_is_too_large(quiet: Corner) -> None:
    body = quiet.cad.a_report(narrative="x" * 100_000)
    assert (await quiet.cad.send(body)).refused(413, "body-too-large")["limit_bytes"] == 65536


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('"narrative": "half a pair \\ud83d"', "/narrative"),
        ('"narrative": "a NUL \\u0000"', "/narrative"),
        ('"location": {"lat_deg": NaN, "lon_deg": -118.2}', "/location/lat_deg"),
        ('"location": {"lat_deg": Infinity, "lon_deg": -118.2}', "/location/lat_deg"),
        ('"location": {"lat_deg": 1e999, "lon_deg": -118.2}', "/location/lat_deg"),
        ('"narrative": "twice", "narrative": 7', "/narrative"),
    ],
)
async def test_json_that_no_database_can_keep_is_refused(quiet: Corner, text: str, pointer: str) -> None:
    rest = json.dumps(quiet.cad.a_report() | {"narrative": None})[1:]
    fixed = rest.replace('"narrative": null, ', "").replace(', "narrative": null', "")
    reply = await post(quiet, f"{{{text}, {fixed}".encode())
    reply.refused(422)
    if "NaN" not in text and "Infinity" not in text:
        assert any(named.startswith(pointer) for named in reply.pointers), reply.pointers
    assert reply.pointers


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"a": ' * 40 + b"1" + b"}" * 40, b"[" * 100_000, b"{}"],
    ids=["empty", "open", "array", "text", "null", "not UTF-8", "deep", "very deep", "nothing in it"],
)
async def test_a_body_that_is_no_report_is_refused(quiet: Corner, content: bytes) -> None:
    reply = await post(quiet, content)
    assert reply.status in {413, 422}, reply
    assert reply.headers["content-type"] == "application/problem+json"


async def test_an_update_with_unknown_fields_is_read_as_text_and_never_loses_danger(corner: Corner) -> None:
    call = await corner.report()
    await corner.tablet.shows(call)
    worse = await corner.cad.update(call, {"dispatcher_notes": {"latest": "he pulled a gun on her"}})
    assert worse["decision"]["verdict"] != "safe"
    await corner.tablet.is_empty_of(call)
    assert (await corner.cad.call(call))["status"] in {"returned", "in_review"}


async def test_an_update_beyond_the_limit_is_cut_and_a_person_must_read_it(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report()
    cut = await corner.cad.update(call, {"narrative": "They keep arguing about parking. " * 700})
    assert cut["status"] == "in_review"
    assert cut["decision"]["verdict"] == "review"
    await corner.cad.cancel(call)


async def test_an_update_that_cannot_be_read_raises_an_alarm_for_the_call_under_way(
    corner: Corner, field: Field
) -> None:
    call, _ = await corner.under_way("accept")
    path = f"/v1/calls/{call['id']}/updates"
    reply = await corner.cad.wire.ask(
        "intake", "POST", path, token=corner.cad.token, content=b'{"narrative": "he has a'
    )
    reply.refused(422)
    await field.office.alert("intake", call["id"])
    wrong = await corner.cad.ask("POST", call, "/updates", json={"narrative": 7})
    wrong.refused(422)
    assert "/narrative" in wrong.pointers
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def test_news_of_a_call_that_is_final_is_kept_and_changes_nothing(corner: Corner) -> None:
    call, _ = await corner.under_way("accept", "depart", "arrive", "clear")
    await corner.cad.until(call, "closed")
    after = await corner.cad.update(call, {"narrative": "Caller says thank you. By the way he has a knife."})
    assert after["status"] == "closed"


ACTIONS: list[tuple[Body, str]] = [
    ({"action": "fly"}, "/action"),
    ({"action": "accept", "speed": 3}, "/speed"),
    ({"action": "accept", "at": "2026-11-23T18:04:11"}, "/at"),
    ({"action": "accept", "version": "one"}, "/version"),
    ({"action": "accept", "expected_clear_min": -4}, "/expected_clear_min"),
    ({"action": "accept", "note": ["x"]}, "/note"),
    ({"action": "accept", "note": "\x00"}, "/note"),
    ({"action": "decline"}, "/reason"),
    ({}, "/action"),
]


@pytest.mark.parametrize(("body", "pointer"), ACTIONS)
async def test_a_bad_action_is_refused_by_name_and_moves_nothing(
    offered: tuple[Corner, Body, Body], body: Body, pointer: str
) -> None:
    corner, call, item = offered
    path = f"/v1/assignments/{item['id']}/actions"
    reply = await corner.tablet.wire.ask("dispatch", "POST", path, token=corner.tablet.token, json=body)
    reply.refused(422, "invalid-request")
    assert any(named.startswith(pointer) for named in reply.pointers), reply.pointers
    assert (await corner.tablet.shows(call))["version"] == item["version"]


@pytest.fixture(scope="module")
async def offered(field: Field) -> tuple[Corner, Body, Body]:
    """A corner with one offer that stays open."""
    corner = await field.corner()
    call, item = await corner.offered()
    return corner, call, item


@pytest.mark.parametrize("service", ["intake", "dispatch", "teams"])
@pytest.mark.parametrize(
    "tail", ["/v1/calls/not-a-uuid", "/v1/incidents/1", "/v1/assignments/%00", "/v1/nothing", "/v1/teams/x/duty"]
)
async def test_a_path_that_names_nothing_is_a_problem_and_no_fault(field: Field, service: str, tail: str) -> None:
    reply = await field.office.ask(service, "GET", tail)
    assert reply.status in {403, 404, 405, 422}, reply
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("cursor", ["x", "%00", "e30", "9" * 400, "bnVsbA"])
async def test_a_cursor_that_nobody_gave_is_refused(quiet: Corner, cursor: str) -> None:
    for path in (f"/v1/changes?after={cursor}", f"/v1/calls?cursor={cursor}"):
        reply = await quiet.cad.wire.ask("intake", "GET", path, token=quiet.cad.token)
        assert reply.status == 422, (path, reply)


async def test_a_catchment_that_names_no_neighborhood_is_refused_by_name_and_adds_no_team(
    field: Field, quiet: Corner
) -> None:
    name, slug = "A team for nowhere", quiet.place.slug
    profile = {
        "provider_id": field.provider_id, "name": name, "disciplines": ["mediator"], "languages": ["en"],
        "catchment": {slug: "home", f"{slug}x": "home"}, "base": {"lat_deg": 34.05, "lon_deg": -118.25},
    }  # fmt: skip
    reply = await field.office.ask("teams", "POST", "/v1/teams", json=profile)
    (error,) = reply.refused(422, "invalid-request")["errors"]
    assert (error["pointer"], f"Did you mean {slug}?" in error["detail"]) == (f"/catchment/{slug}x", True)
    assert await field.value("SELECT count(*) FROM teams.team WHERE name = $1", name) == 0


def test_the_calm_report_of_these_tests_is_a_whole_one() -> None:
    assert {"call_type_code", "narrative", "answers"} <= CALM.keys()
