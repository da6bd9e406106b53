"""Reports to intake, the clock, the health routes: what keeps dispatch and the others of one mind."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from services.dispatch import queries
from services.dispatch.upkeep import Upkeep
from tests import pg
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World, running


async def test_what_intake_missed_while_silent_it_is_told_in_order_and_once(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    world.intake.silent = True
    call = await world.wish()
    offer = await world.offered(team)
    for action in ("accept", "depart", "arrive"):
        await world.act(team, offer["id"], action)
    world.intake.silent = False

    async def told() -> bool:
        return bool(world.intake.reports.get(call, {}).get("assignment", {}).get("status") == "on_scene")

    await world.until(told)
    assert sorted(world.intake.events[call]) == list(range(1, 8))

    async def settled() -> bool:
        row = await world.row("SELECT report_at, events_confirmed, event_seq FROM dispatch.incident")
        return bool(row["report_at"] is None and row["events_confirmed"] == row["event_seq"])

    await world.until(settled)
    assert (await world.progress(call))["events"] == []


async def test_a_history_longer_than_a_report_arrives_in_several(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    for action in ("accept", "arrive"):
        await world.act(team, offer["id"], action)
    world.intake.silent = True
    for _ in range(queries.MOST_EVENTS + 20):
        assert (await world.act(team, offer["id"], "check_in")).status_code == 200
    world.intake.silent = False

    async def told() -> bool:
        return len(world.intake.events[call]) == queries.MOST_EVENTS + 20 + 6

    await world.until(told)


async def test_a_call_that_intake_does_not_know_is_reported_again_later(world: World) -> None:
    call = str(uuid4())
    world.intake.deaf_to.add(call)
    await world.wish(call)

    async def tried() -> bool:
        return bool((await world.row("SELECT report_tries FROM dispatch.incident"))["report_tries"])

    await world.until(tried)
    world.intake.deaf_to.clear()

    async def told() -> bool:
        return call in world.intake.reports

    await world.until(told)


async def test_a_clock_that_steps_back_moves_every_live_deadline_with_it(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    await world.wish()
    offer = await world.offered(team)
    await world.wish(may_offer=False, reason="review")
    await world.app.state.sweeps.stop()
    async with pg.connected(world.database.admin) as admin:
        await admin.execute("UPDATE dispatch.clock_watch SET latest_at = dispatch.clock() + interval '1 hour'")
        before = await admin.fetch("SELECT id, act_by, version FROM dispatch.incident ORDER BY id")
    state = world.app.state
    await Upkeep(state.db, state.desk, state.teams).watch_clock()
    async with pg.connected(world.database.admin) as admin:
        after = await admin.fetch("SELECT id, act_by, version FROM dispatch.incident ORDER BY id")
        act_by = await admin.fetchval("SELECT act_by FROM dispatch.assignment")
    for old, new in zip(before, after, strict=True):
        assert abs(old["act_by"] - new["act_by"] - timedelta(hours=1)) < timedelta(seconds=1)
        assert new["version"] == old["version"] + 1, "intake hears of the new deadline"
    assert abs(datetime.fromisoformat(offer["act_by"]) - act_by - timedelta(hours=1)) < timedelta(seconds=1)
    alerts = (await world.get("/v1/alerts")).json()["items"]
    assert [alert["kind"] for alert in alerts] == ["clock_stepped_back"]
    await world.post(f"/v1/alerts/{alerts[0]['id']}/acknowledge", {}, "supervisor")
    await Upkeep(state.db, state.desk, state.teams).watch_clock()
    async with pg.connected(world.database.admin) as admin:
        assert await admin.fetchval("SELECT act_by FROM dispatch.assignment") == act_by, "once is enough"
        await admin.execute("UPDATE dispatch.clock_watch SET latest_at = dispatch.clock() + interval '1 hour'")
    await Upkeep(state.db, state.desk, state.teams).watch_clock()
    (again,) = (await world.get("/v1/alerts")).json()["items"]
    assert (again["id"] != alerts[0]["id"], again["acknowledged_at"]) == (True, None), "a second step is told too"


async def test_two_replicas_share_the_work_and_a_tablet_on_one_hears_of_the_other(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    async with running(world.database, world.teams, world.intake) as other:
        path, who = f"/v1/teams/{team['team_id']}/assignments", str(team["team_id"])
        empty = await other.get(path, who)

        async def waits() -> Any:
            return await other.get(path, who, Prefer="wait=10", **{"If-None-Match": empty.headers["etag"]})

        call = await world.wish()
        heard = await waits()
        assert heard.json()["items"][0]["incident_id"] == call
        assert (await other.act(team, heard.json()["items"][0]["id"], "accept")).status_code == 200
        assert (await world.progress(call))["assignment"]["status"] == "accepted"


async def test_it_is_ready_with_its_database_and_says_which_peer_is_missing(world: World) -> None:
    world.teams.silent = True
    ready = await world.client.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert ready.json()["degraded"] == {"teams": "does not answer"}
    assert "dispatch_moves_total" in (await world.client.get("/metrics")).text


async def test_every_operation_refuses_a_caller_without_a_token(world: World) -> None:
    paths = world.app.openapi()["paths"]
    open_to_all = {"/healthz", "/readyz", "/metrics"}
    for path, operations in paths.items():
        for method in operations:
            url = path.replace("{", "").replace("}", "")
            for name in ("call_id", "incident_id", "assignment_id", "team_id", "alert_id"):
                url = url.replace(name, str(uuid4()))
            answer = await world.client.request(method.upper(), url, json={})
            assert (answer.status_code == 401) == (path not in open_to_all), (method, path)
