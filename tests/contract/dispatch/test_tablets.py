"""The tablet's long-poll and what dispatch knows of tablets: no statement for who shows the newest list, and who is silent."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from services.dispatch.tablet_watch import TabletWatch
from services.dispatch.tablets import Shown
from tests import pg
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World


def add(world: World) -> dict[str, Any]:
    team = fakes.a_team()
    world.teams.items = [*world.teams.items, team]
    return team


def path(team: Any) -> str:
    return f"/v1/teams/{team['team_id']}/assignments"


async def poll(world: World, team: Any, known: str | None = None, wait: int = 0) -> Any:
    headers = ({"If-None-Match": known} if known else {}) | ({"Prefer": f"wait={wait}"} if wait else {})
    return await world.get(path(team), str(team["team_id"]), **headers)


async def until_waiting(world: World, team: Any) -> None:
    key = f"team:{team['team_id']}"
    for _ in range(1000):
        if key in world.app.state.hub._lightly:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("nobody waits")


async def test_who_shows_the_newest_list_is_answered_without_a_statement(world: World) -> None:
    team = add(world)
    known = (await poll(world, team)).headers["ETag"]
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(world.app.state.db.statements.sync_engine, "before_cursor_execute", note)
    waiters = [asyncio.create_task(poll(world, team, known, wait=1)) for _ in range(5)]
    answers = await asyncio.gather(*waiters)
    assert [(answer.status_code, answer.content, answer.headers["ETag"]) for answer in answers] == [
        (304, b"", known)
    ] * 5
    assert [statement for statement in seen if "a.team_id = " in statement] == []


async def test_an_offer_reaches_who_waits_and_who_asks_later_reads_it(world: World) -> None:
    team = add(world)
    known = (await poll(world, team)).headers["ETag"]
    waiting = asyncio.create_task(poll(world, team, known, wait=20))
    await until_waiting(world, team)
    await world.wish()
    answer = await waiting
    assert (answer.status_code, answer.json()["items"][0]["status"]) == (200, "offered")
    late = await poll(world, team, known, wait=20)
    assert (late.status_code, late.headers["ETag"]) == (200, answer.headers["ETag"])


async def test_without_a_tag_a_poll_answers_the_list_in_time_and_news_at_once(world: World) -> None:
    team = add(world)
    answer = await poll(world, team, wait=1)
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    waiting = asyncio.create_task(poll(world, team, wait=20))
    await until_waiting(world, team)
    await world.wish()
    assert (await waiting).json()["items"][0]["status"] == "offered"


async def test_what_changes_without_a_word_is_found_by_the_one_statement_for_all(world: World) -> None:
    team = add(world)
    await world.wish()
    offer = await world.offered(team)
    watch: TabletWatch = world.app.state.sweeps.tablet_watch
    await watch.what_changed()
    known = (await poll(world, team)).headers["ETag"]
    waiting = asyncio.create_task(poll(world, team, known, wait=20))
    await until_waiting(world, team)
    async with pg.connected(world.database.admin) as admin:  # another replica's move, whose notification was lost
        await admin.execute("UPDATE dispatch.assignment SET misfit = 'language' WHERE id = $1", UUID(offer["id"]))
    await watch.what_changed()
    assert (await waiting).json()["items"][0]["misfit"] == "language"


async def test_a_refusal_looks_as_everywhere(world: World) -> None:
    team, other = add(world), add(world)
    strange = await world.get(path(team), str(other["team_id"]))
    assert (strange.status_code, strange.json()["type"]) == (404, "urn:commonground:problem:not-found")
    nobody = await world.client.get(path(team))
    assert (nobody.status_code, nobody.headers["content-type"]) == (401, "application/problem+json")
    assert (await world.get(path(team), "auditor")).status_code == 403
    assert (await poll(world, team, known="x" * 201)).status_code == 422
    assert (await world.get("/v1/teams/not-a-team/assignments")).status_code == 422


async def test_the_board_shows_an_emergency_until_somebody_acknowledges_it(world: World) -> None:
    team = add(world)
    await world.app.state.desk.roster.follow(world.app.state.teams, wait_s=0)
    (before,) = (await world.get("/v1/teams")).json()["items"]
    await world.post(f"/v1/teams/{team['team_id']}/emergency", {}, str(team["team_id"]))
    (shown,) = (await world.get("/v1/teams")).json()["items"]
    assert (shown["status"], shown["offerable"], shown["reasons"]) == ("in_emergency", False, ["in_emergency"])
    assert shown["unit_status"]["primary"] == "NotAvailable"
    (alert,) = (await world.get("/v1/alerts")).json()["items"]
    assert (await world.post(f"/v1/alerts/{alert['id']}/acknowledge", {}, "supervisor")).status_code == 200
    (after,) = (await world.get("/v1/teams")).json()["items"]
    assert (after["status"], after["offerable"], after["reasons"]) == (before["status"], True, [])


async def test_a_silent_tablet_is_offered_nothing_until_it_polls_again(world: World) -> None:
    team = add(world)
    await poll(world, team)
    seen, watch = world.app.state.desk.roster._seen, world.app.state.sweeps.tablet_watch
    await world.app.state.desk.roster.follow(world.app.state.teams, wait_s=0)
    start = seen.now
    seen.now = lambda: start() + 200
    await watch.alert()
    kinds = [alert["kind"] for alert in (await world.get("/v1/alerts")).json()["items"]]
    assert kinds == ["tablet_silent"]
    (shown,) = (await world.get("/v1/teams")).json()["items"]
    assert (shown["status"], shown["unit_status"]["secondary"]) == ("tablet_silent", ["EquipmentIssues"])
    call_id = await world.wish()

    async def considered() -> Any:
        found = await world.get(f"/v1/incidents/{call_id}/candidates")
        return found.json()["items"][0] if found.status_code == 200 else None

    assert "tablet_silent" in str(await world.until(considered))
    assert (await world.progress(call_id))["status"] == "waiting"
    assert (await poll(world, team)).status_code == 200  # it is back
    await world.offered(team)
    (shown,) = (await world.get("/v1/teams")).json()["items"]
    assert (shown["status"], shown["incident_id"]) == ("offered", call_id)
    assert shown["unit_status"] == {"primary": "ConditionallyAvailable", "secondary": ["Assigned"]}

    async def no_alert() -> bool:
        return not (await world.get("/v1/alerts")).json()["items"]

    assert await world.until(no_alert)


async def test_polls_are_written_by_one_statement_and_read_by_the_other_replica(world: World) -> None:
    teams = [add(world) for _ in range(3)]
    for team in teams:
        await poll(world, team)
    watch: TabletWatch = world.app.state.sweeps.tablet_watch
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(world.app.state.db.statements.sync_engine, "before_cursor_execute", note)
    await watch.exchange()
    assert len([statement for statement in seen if "INSERT INTO dispatch.tablet_seen" in statement]) == 1
    row = await world.row("SELECT count(*) AS n, max(dispatch.clock() - seen_at) AS age FROM dispatch.tablet_seen")
    assert row["n"] == 3
    other = type(world.app.state.desk.roster._seen)(180)
    await TabletWatch(
        world.app.state.db, world.app.state.desk, Shown(world.app.state.hub), other, time_rate=1
    ).exchange()
    assert {UUID(str(team["team_id"])) for team in teams} <= other._seen.keys()


@pytest.mark.parametrize("form", ["urn:uuid:{}", "{{{}}}"])
async def test_unusual_ways_to_write_an_id_find_the_same_list(world: World, form: str) -> None:
    team = add(world)
    answer = await world.get(f"/v1/teams/{form.format(team['team_id'])}/assignments", str(team["team_id"]))
    assert (answer.status_code, answer.json()["items"]) == (200, [])
