"""Supervisors: the queue, why who was considered, a team by hand, calling one off."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from services.dispatch import routing
from tests import pg
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World


async def test_a_recall_returns_the_call_and_withdraws_the_team(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    stale = await world.post(f"/v1/incidents/{call}/recall", {"reason": "mood", "version": 1}, "supervisor")
    assert (stale.status_code, stale.json()["current_version"] > 1) == (412, True)
    done = await world.post(f"/v1/incidents/{call}/recall", {"reason": "A neighbor phoned."}, "supervisor")
    assert (done.json()["status"], done.json()["return_reason"]) == ("ended", "supervisor_recalled")
    [item] = await world.tablet(team)
    assert item["recall"]["words"].endswith("A neighbor phoned.")
    again = await world.post(f"/v1/incidents/{call}/recall", {"reason": "again"}, "supervisor")
    assert (again.status_code, again.json()["incident_status"]) == (409, "ended")
    assert (await world.post(f"/v1/incidents/{uuid4()}/recall", {"reason": "x"}, "supervisor")).status_code == 404


async def test_a_waiting_call_can_be_returned_by_hand(world: World) -> None:
    call = await world.wish()
    done = await world.post(f"/v1/incidents/{call}/recall", {"reason": "Police want it."}, "supervisor")
    assert done.json()["return_reason"] == "supervisor_recalled"


async def test_a_team_by_hand_gets_the_call_and_the_one_that_was_asked_loses_it(world: World) -> None:
    near = fakes.a_team("Near")
    far = fakes.a_team("Far", base={"lat_deg": 34.2, "lon_deg": -118.5}, catchment={"sylmar": "home"})
    world.teams.items = [near, far]
    call = await world.wish()
    await world.offered(near)
    body = {"team_id": far["team_id"], "reason": "Knows the family."}
    made = await world.post(f"/v1/incidents/{call}/assign", body, "supervisor")
    assert (made.status_code, made.json()["status"]) == (202, "holding")
    offer = await world.offered(far)
    assert offer["id"] == made.json()["id"]
    assert await world.tablet(near) == []
    detail = (await world.get(f"/v1/assignments/{offer['id']}")).json()
    assert (detail["choice"]["by"], detail["choice"]["reason"]) == ("supervisor:a-supervisor", "Knows the family.")
    await world.act(far, offer["id"], "accept")
    late = await world.post(f"/v1/incidents/{call}/assign", body | {"team_id": near["team_id"]}, "supervisor")
    assert (late.status_code, late.json()["assignment_status"]) == (409, "accepted")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"disciplines": ["interrupter"]}, "discipline"),
        ({"crew": 1}, "minimum_crew"),
        ({"offerable": False, "reasons": ["break"]}, "not_offerable"),
        ({"do_not_send": [{"neighborhood": "boyle-heights"}]}, "do_not_send"),
    ],
)
async def test_rules_of_safety_hold_for_a_team_by_hand(world: World, changes: dict[str, Any], rule: str) -> None:
    team = fakes.a_team(**changes)
    world.teams.items = [team]
    call = await world.wish()
    refused = await world.post(
        f"/v1/incidents/{call}/assign", {"team_id": team["team_id"], "reason": "x"}, "supervisor"
    )
    assert (refused.status_code, refused.json()["rule"]) == (409, rule)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [({"neighborhood": "sylmar"}, "do_not_send"), ({"disciplines": ["interrupter"]}, "discipline")],
)
async def test_rules_of_safety_hold_for_facts_that_come_while_a_team_by_hand_is_weighed(
    world: World, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], rule: str
) -> None:
    team = fakes.a_team(do_not_send=[{"neighborhood": "sylmar"}])
    world.teams.items = [team]
    await world.app.state.sweeps.stop()
    call = await world.wish()
    between(world, monkeypatch, call, [fakes.facts(**changes)])
    body = {"team_id": team["team_id"], "reason": "x"}
    refused = await world.post(f"/v1/incidents/{call}/assign", body, "supervisor")
    assert (refused.status_code, refused.json().get("rule")) == (409, rule)
    assert (await world.progress(call))["assignment"] is None


async def test_a_call_that_changes_while_it_is_weighed_is_weighed_once_more_unless_its_version_was_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    await world.app.state.sweeps.stop()
    call = await world.wish()
    body = {"team_id": team["team_id"], "reason": "x"}
    between(world, monkeypatch, call, [fakes.facts()])
    stale = await world.post(f"/v1/incidents/{call}/assign", body | {"version": 1}, "supervisor")
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    between(world, monkeypatch, call, [fakes.facts(), fakes.facts()])
    restless = await world.post(f"/v1/incidents/{call}/assign", body, "supervisor")
    assert (restless.status_code, restless.json()["current_version"]) == (412, 4)
    between(world, monkeypatch, call, [fakes.facts()])
    assert (await world.post(f"/v1/incidents/{call}/assign", body, "supervisor")).status_code == 202


def between(world: World, monkeypatch: pytest.MonkeyPatch, call: str, news: list[dict[str, Any]]) -> None:
    """Let the next wish arrive each time that a call has been read and before its team is committed, while there is one."""
    original = routing.travel_times

    async def slowly(*arguments: Any, **options: Any) -> Any:
        if news:
            seq = (await world.row("SELECT wish_seq FROM dispatch.incident"))["wish_seq"] + 1
            await world.wish(call, seq=seq, facts=news.pop())
        return await original(*arguments, **options)

    monkeypatch.setattr(routing, "travel_times", slowly)


async def test_nobody_is_assigned_by_hand_to_a_call_under_review_or_in_silence(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    body = {"team_id": team["team_id"], "reason": "x"}
    call = await world.wish(may_offer=False, reason="review")
    refused = await world.post(f"/v1/incidents/{call}/assign", body, "supervisor")
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[1]) == (409, "may-not-be-offered")
    async with pg.connected(world.database.admin) as admin:
        await admin.execute("UPDATE dispatch.link SET heard_as_of = dispatch.clock() - interval '31 s'")
    call = await world.wish()
    assert (await world.post(f"/v1/incidents/{call}/assign", body, "supervisor")).status_code == 503


async def test_candidates_say_rank_and_cost_or_the_rule(world: World) -> None:
    near, far = fakes.a_team("Near"), fakes.a_team("Far", base={"lat_deg": 34.2, "lon_deg": -118.5})
    wrong = fakes.a_team("Wrong", languages=["ko"])
    world.teams.items = [wrong, far, near]
    call = await world.wish(
        may_offer=False, reason="review", facts=fakes.facts(languages={"required": ["es"], "preferred": []})
    )
    items = (await world.get(f"/v1/incidents/{call}/candidates")).json()["items"]
    assert [(one["team_name"], one["rank"], one["excluded_by"]) for one in items] == [
        ("Near", 1, None), ("Far", 2, None), ("Wrong", None, "required_language"),
    ]  # fmt: skip
    assert items[0]["drive_s"] < items[1]["drive_s"]
    world.teams.silent = True
    silent = await world.get(f"/v1/incidents/{call}/candidates")
    assert (silent.status_code, silent.json()["type"].rsplit(":", 1)[1]) == (503, "teams-silent")


async def test_the_queue_is_paged_and_shows_each_nearest_deadline(world: World) -> None:
    calls = [await world.wish(may_offer=False, reason="review") for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = (await world.get(f"/v1/incidents?limit=2{cursor}")).json()
        assert all(item["act_by"] and item["watch"] == "assign" for item in page["items"])
        seen += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert page["next"] is None
    assert seen == calls
    assert (await world.get("/v1/incidents?status=ended")).json()["items"] == []
    assert (await world.get("/v1/incidents?status=open")).status_code == 422
    assert (await world.get("/v1/incidents?cursor=WyJ4IiwieSJd")).status_code == 422


async def test_an_ended_incident_whose_team_is_still_out_stays_in_the_queue(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2))
    [item] = (await world.get("/v1/incidents")).json()["items"]
    assert (item["status"], item["watch"], item["assignment"]["status"]) == ("ended", "read", "withdrawing")
    await world.act(team, offer["id"], "clear")
    assert (await world.get("/v1/incidents")).json()["items"] == []


async def test_an_emergency_with_work_is_a_notice_on_the_call(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    body = {"position": {"lat_deg": 34.05, "lon_deg": -118.2}, "note": "knife"}
    for _ in range(2):
        pressed = await world.post(f"/v1/teams/{team['team_id']}/emergency", body, team["team_id"])
        assert (pressed.status_code, pressed.json()["incident_id"]) == (202, call)
    progress = await world.progress(call)
    assert [notice["kind"] for notice in progress["notices"]] == ["team_emergency"] * 2
    assert progress["notices"][0]["position"]["lat_deg"] == 34.05
    assert progress["assignment"]["status"] == "accepted"
    alerts = (await world.get("/v1/alerts")).json()["items"]
    assert [(alert["kind"], alert["severity"]) for alert in alerts] == [("team_emergency", 1)]


async def test_an_emergency_without_work_reaches_intake_and_keeps_the_team_from_new_work(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    world.intake.silent = True
    pressed = await world.post(f"/v1/teams/{team['team_id']}/emergency", {}, team["team_id"])
    assert (pressed.status_code, pressed.json()["incident_id"]) == (202, None)
    world.intake.silent = False

    async def told() -> bool:
        return pressed.json()["notice_id"] in world.intake.notices

    await world.until(told)
    assert world.intake.notices[pressed.json()["notice_id"]]["kind"] == "team_emergency"
    call = await world.wish()
    await world.app.state.matchmaker.run()
    candidates = (await world.get(f"/v1/incidents/{call}/candidates")).json()["items"]
    assert candidates[0]["excluded_by"] == "in_emergency"
    [alert] = (await world.get("/v1/alerts")).json()["items"]
    await world.post(f"/v1/alerts/{alert['id']}/acknowledge", {}, "supervisor")
    assert (await world.offered(team))["incident_id"] == call


async def test_a_panic_after_an_acknowledgement_is_a_new_alert_and_keeps_the_team_from_work_again(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    path = f"/v1/teams/{team['team_id']}/emergency"
    await world.post(path, {}, team["team_id"])
    [first] = (await world.get("/v1/alerts")).json()["items"]
    await world.post(f"/v1/alerts/{first['id']}/acknowledge", {}, "supervisor")
    await world.post(path, {"note": "He is back."}, team["team_id"])
    [second] = (await world.get("/v1/alerts")).json()["items"]
    assert (second["kind"], second["acknowledged_at"]) == ("team_emergency", None)
    assert second["title"].endswith("He is back.")
    call = await world.wish()
    candidates = (await world.get(f"/v1/incidents/{call}/candidates")).json()["items"]
    assert candidates[0]["excluded_by"] == "in_emergency"
    kept = await world.row("SELECT acknowledged_by, resolved_at FROM dispatch.alert WHERE id = $1", first["id"])
    assert (kept["acknowledged_by"], kept["resolved_at"] is None) == ("supervisor:a-supervisor", False)


async def test_a_panic_waits_for_an_acknowledgement_under_way_and_is_a_new_alert(world: World) -> None:
    team = fakes.a_team()
    path = f"/v1/teams/{team['team_id']}/emergency"
    await world.post(path, {}, team["team_id"])
    async with pg.connected(world.database.admin) as admin:
        async with admin.transaction():
            await admin.execute(
                "UPDATE dispatch.alert SET acknowledged_at = dispatch.clock(), acknowledged_by = 'supervisor:b'"
            )
            pressed = asyncio.create_task(world.post(path, {}, team["team_id"]))
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            async with asyncio.timeout(5):
                while not pressed.done() and not await admin.fetchval(waiting):  # noqa: ASYNC110 - happens in a database
                    await asyncio.sleep(0.01)
        assert (await pressed).status_code == 202
    [alert] = (await world.get("/v1/alerts")).json()["items"]
    assert alert["acknowledged_at"] is None


async def test_what_a_second_panic_says_is_added_to_the_alert_that_nobody_has_seen_yet(world: World) -> None:
    team = fakes.a_team()
    path = f"/v1/teams/{team['team_id']}/emergency"
    for note in ("A knife.", None, "Back door.", "A knife."):
        await world.post(path, {"note": note}, team["team_id"])
    [alert] = (await world.get("/v1/alerts")).json()["items"]
    assert alert["title"] == "A team calls an emergency. Send help. A knife. Back door."


@pytest.mark.parametrize(
    ("body", "lat"),
    [
        (b"", None),
        (b"{", None),
        (b"[1]", None),
        (b'{"position": {"lat_deg": 999, "lon_deg": 1}}', None),
        (b'{"position": null, "colour": "blue"}', None),
        (b'{"position": {"lat_deg": 34.0, "lon_deg": -118.2, "at": "yesterday", "speed": 3}}', 34.0),
        (b'{"lat_deg": 34.0, "lon_deg": -118.2, "note": 5}', 34.0),
        (b'{"position": {"lat_deg": NaN, "lon_deg": NaN}}', None),
        (b'{"position": {"lat_deg": 1e999, "lon_deg": 1}}', None),
        (b'{"position": {"lat_deg": ' + b"9" * 400 + b', "lon_deg": 1}}', None),
        (b'{"position": {"lat_deg": 34.0, "lon_deg": -118.2, "at": "\\ud83d"}, "note": "a\\u0000b"}', 34.0),
        (b'{"lat_deg": 34.0, "lon_deg": -118.2, "note": "\\ud83d"}', 34.0),
        (b"[" * 30_000, None),
        (b'{"note": "' + b"x" * 70_000 + b'"}', None),
    ],
)
async def test_no_panic_is_refused_for_its_body(world: World, body: bytes, lat: float | None) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    await world.offered(team)
    path, headers = f"/v1/teams/{team['team_id']}/emergency", world.headers(team["team_id"])
    pressed = await world.client.post(path, content=body, headers=headers)
    assert pressed.status_code == 202, pressed.text
    [notice] = (await world.progress(call))["notices"]
    assert (notice["position"] or {}).get("lat_deg") == lat
    assert [alert["kind"] for alert in (await world.get("/v1/alerts")).json()["items"]] == ["team_emergency"]


async def test_what_can_be_kept_of_a_panics_note_is_kept(world: World) -> None:
    team = fakes.a_team()
    path, headers = f"/v1/teams/{team['team_id']}/emergency", world.headers(team["team_id"])
    body = rb'{"note": "a\u0000 knife \ud83d\ude00 \ud83d!"}'
    assert (await world.client.post(path, content=body, headers=headers)).status_code == 202
    [alert] = (await world.get("/v1/alerts")).json()["items"]
    assert alert["title"].endswith("a knife 😀 !")


async def test_no_panic_is_refused_for_its_idempotency_key(world: World) -> None:
    team = fakes.a_team()
    path, who = f"/v1/teams/{team['team_id']}/emergency", team["team_id"]
    first = await world.post(path, {"note": "one"}, who, **{"Idempotency-Key": "k"})
    again = await world.post(path, {"note": "one"}, who, **{"Idempotency-Key": "k"})
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    notices = {first.json()["notice_id"]}
    for key, note in (("k", "two"), ("k" * 201, "three"), ("", "four")):
        pressed = await world.post(path, {"note": note}, who, **{"Idempotency-Key": key})
        assert pressed.status_code == 202, pressed.text
        notices.add(pressed.json()["notice_id"])
    assert len(notices) == 4
    [alert] = (await world.get("/v1/alerts")).json()["items"]
    assert alert["title"].endswith("one two three four")
