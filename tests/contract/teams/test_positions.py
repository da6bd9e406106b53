"""Positions over HTTP: any order, any number of times; and what is kept of them."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

from services.teams.scope import Scope
from services.teams.sweeps import forget, watch_clock
from shared.auth import Caller, Role
from shared.db import Database
from tests import pg
from tests.contract.teams.conftest import Api

SCOPE = Scope("los-angeles", Caller(Role.SERVICE, "teams"), lambda _: None)


def fix(seconds_ago: float, lat_deg: float = 34.05, lon_deg: float = -118.2) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {"lat_deg": lat_deg, "lon_deg": lon_deg, "accuracy_m": 8, "at": at.isoformat()}


async def report(api: Api, team_id: UUID, *fixes: dict[str, Any], **headers: str) -> Any:
    path = f"/v1/teams/{team_id}/positions"
    return await api.ok("POST", path, json={"fixes": list(fixes)}, role=Role.TEAM, team_id=team_id, headers=headers)


async def test_the_newest_believable_fix_is_the_position_in_any_order(api: Api) -> None:
    batch = [fix(30, 34.01), fix(20, 34.02), fix(-3600, 34.03), fix(10, 0, 0), fix(5, 52.5, 13.4)]
    for order in permutations(range(5), 2):
        team_id = await api.new_team()
        for place in order:
            await report(api, team_id, batch[place])
        believable = [place for place in order if place < 2]
        entry = await api.availability(team_id)
        expected = batch[max(believable)]["lat_deg"] if believable else None
        assert (entry["position"] and entry["position"]["lat_deg"]) == expected


async def test_a_batch_says_which_fixes_it_ignored_and_why(api: Api) -> None:
    team_id = await api.new_team()
    batch = [fix(20), fix(-3600), fix(10, 34.06), fix(5, 0, 0), fix(5, 52.5, 13.4), fix(90_000)]
    batch.append({**fix(1), "accuracy_m": 30_000})
    answer = await report(api, team_id, *batch)
    assert answer["ignored"] == [
        {"index": 1, "reason": "future"},
        {"index": 3, "reason": "null_island"},
        {"index": 4, "reason": "too_far"},
        {"index": 5, "reason": "too_old"},
        {"index": 6, "reason": "inaccurate"},
    ]
    assert answer["position"]["lat_deg"] == 34.06
    assert await report(api, team_id, *batch[:2]) == {**answer, "ignored": answer["ignored"][:1]}
    nothing = await api.new_team()
    assert (await report(api, nothing, fix(0, 0, 0)))["position"] is None


IMPOSSIBLE_BATCHES: list[tuple[list[Any], str]] = [
    ([], "/fixes"),
    ([fix(0)] * 101, "/fixes"),
    ([{**fix(0), "lat_deg": 999}], "/fixes/0/lat_deg"),
    ([fix(0), {**fix(0), "at": "2026-11-23T10:00:00"}], "/fixes/1/at"),
    ([{**fix(0), "speed": 3}], "/fixes/0/speed"),
    ([{**fix(0), "accuracy_m": -1}], "/fixes/0/accuracy_m"),
    ([{**fix(0), "accuracy_m": True}], "/fixes/0/accuracy_m"),
    ([{**fix(0), "lat_deg": "34"}], "/fixes/0/lat_deg"),
]


async def test_a_batch_that_cannot_be_read_is_refused(api: Api) -> None:
    team_id = await api.new_team()
    path = f"/v1/teams/{team_id}/positions"
    for fixes, pointer in IMPOSSIBLE_BATCHES:
        answer = await api("POST", path, json={"fixes": fixes}, role=Role.TEAM, team_id=team_id)
        assert answer.status_code == 422, pointer
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_the_trace_is_coarse_and_short(api: Api, fresh_database: pg.Clone, teams_db: Database) -> None:
    team_id = await api.new_team()
    await report(api, team_id, *(fix(3 * n, 34.05678, -118.21234) for n in range(100)))
    await report(api, team_id, *(fix(3 * n, 34.05678, -118.21234) for n in range(100)))
    async with pg.connected(fresh_database.admin) as admin:
        rows = await admin.fetch("SELECT lat_deg, lon_deg, minute FROM teams.position_trace")
        assert 5 <= len(rows) <= 6
        assert {(row["lat_deg"], row["lon_deg"]) for row in rows} == {(34.057, -118.212)}
        await admin.execute("UPDATE teams.position_trace SET minute = minute - interval '1 day'")
        await forget(teams_db, SCOPE, timedelta(hours=24))
        assert await admin.fetchval("SELECT count(*) FROM teams.position_trace") == 0
        assert await admin.fetchval("SELECT count(*) FROM teams.position") == 1


async def test_after_the_clock_stepped_back_newer_fixes_are_believed_at_once(
    api: Api, fresh_database: pg.Clone, teams_db: Database
) -> None:
    team_id = await api.new_team()
    await report(api, team_id, fix(0))
    async with pg.connected(fresh_database.admin) as admin:
        # As if all so far had happened by a clock that was an hour ahead.
        await admin.execute(
            "UPDATE teams.position SET at = at + interval '1 h', received_at = received_at + interval '1 h'"
        )
        await admin.execute("DELETE FROM teams.clock_watch")
        await admin.execute("INSERT INTO teams.clock_watch VALUES (1, clock_timestamp() + interval '1 h')")
    # The service's own loop may see it first; either way it is seen once.
    await watch_clock(teams_db, SCOPE)
    assert (await report(api, team_id, fix(-1, 34.07)))["position"]["lat_deg"] == 34.07
    alerts = (await api.ok("GET", "/v1/alerts"))["items"]
    assert [alert["kind"] for alert in alerts] == ["clock_stepped_back"]
    assert await watch_clock(teams_db, SCOPE) == timedelta(0)
    await api.ok("POST", f"/v1/alerts/{alerts[0]['id']}/acknowledge")
    async with pg.connected(fresh_database.admin) as admin:
        await admin.execute("UPDATE teams.clock_watch SET latest_at = clock_timestamp() + interval '1 h'")
    await watch_clock(teams_db, SCOPE)
    (again,) = (await api.ok("GET", "/v1/alerts"))["items"]
    assert (again["id"] != alerts[0]["id"], again["acknowledged_at"]) == (True, None), "a second step is told too"
