"""The snapshot that dispatch matches on: who is in it, when its ETag changes, and how waiting for it ends."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.teams.records import SETTLES_EVERY_S
from shared.auth import Role
from shared.messages.availability import Availability
from tests import pg
from tests.contract.teams.conftest import ALWAYS, Api


async def tag(api: Api, query: str = "") -> str:
    answer = await api("GET", f"/v1/availability{query}", role=Role.SERVICE)
    return str(answer.headers["ETag"])


async def move(api: Api, team_id: UUID, lat_deg: float) -> None:
    fix = {"lat_deg": lat_deg, "lon_deg": -118.2, "at": datetime.now(UTC).isoformat()}
    path = f"/v1/teams/{team_id}/positions"
    await api.ok("POST", path, json={"fixes": [fix]}, role=Role.TEAM, team_id=team_id)


async def test_only_offerable_teams_are_in_it_unless_all_are_asked_for(api: Api) -> None:
    ready, absent = await api.team_on_duty(), await api.new_team()
    body = await api.ok("GET", "/v1/availability", role=Role.SERVICE)
    (item,) = Availability.model_validate(body).items
    assert (item.team_id, item.offerable, item.reasons, item.crew, item.minimum_crew) == (ready, True, [], 2, 2)
    assert item.base is not None
    assert (item.base.lat_deg, item.position, item.hold, item.shift_ends_at) == (34.0443, None, None, None)
    everyone = await api.ok("GET", "/v1/availability?all=true", role=Role.SERVICE)
    assert {entry["team_id"]: entry["offerable"] for entry in everyone["items"]} == {
        str(ready): True,
        str(absent): False,
    }


async def test_a_team_says_its_providers_name_and_a_new_name_is_news(api: Api) -> None:
    team_id = await api.team_on_duty()
    before = await tag(api)
    provider_id = (await api.ok("GET", f"/v1/teams/{team_id}"))["provider_id"]
    await api.ok("PATCH", f"/v1/providers/{provider_id}", json={"name": "Cedar Street Peace Works"}, role=Role.ADMIN)
    (item,) = (await api.ok("GET", "/v1/availability", role=Role.SERVICE))["items"]
    assert (item["provider_id"], item["provider_name"]) == (provider_id, "Cedar Street Peace Works")
    assert await tag(api) != before


@pytest.mark.parametrize("query", ["", "?all=true"])
async def test_the_tag_changes_with_duty_shift_hold_and_crew_at_once_and_else_stays(api: Api, query: str) -> None:
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    await api.new_team()
    tags = [await tag(api, query)]

    async def changed() -> bool:
        tags.append(await tag(api, query))
        assert await tag(api, query) == tags[-1]
        return tags[-1] != tags[-2]

    assert not await changed()
    await api.hold(team_id, assignment_id)
    assert await changed()
    await api.release(assignment_id)
    assert await changed()
    await api.duty(team_id, "available", crew=["a", "c"])  # as many as before: the body is the same
    assert await changed()
    await api.duty(team_id, "available", crew=["a"])
    assert await changed()
    await api.duty(team_id, "available", crew=["a", "b"])
    assert await changed()
    await api.duty(team_id, "break")
    assert await changed()
    await api.duty(team_id, "available")
    assert await changed()
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json={})
    assert await changed()
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json=ALWAYS)
    assert await changed()
    assert not await changed()


async def test_positions_show_at_once_and_change_the_tag_every_ten_seconds_at_most(
    api: Api, fresh_database: pg.Clone
) -> None:
    team_id = await api.team_on_duty()
    await _start_of_slice()
    before = await tag(api)
    for step in range(5):
        await move(api, team_id, 34.0 + step / 100)
        assert (await api.availability(team_id))["position"]["lat_deg"] == 34.0 + step / 100
        assert await tag(api) == before
    async with pg.connected(fresh_database.admin) as admin:  # ten seconds pass
        await admin.execute(
            "UPDATE teams.position SET received_at = received_at - interval '10 s', at = at - interval '10 s'"
        )
    after = await tag(api)
    assert after != before
    assert await tag(api) == after
    await _start_of_slice()
    await move(api, team_id, 34.5)
    assert await tag(api) == after


async def test_a_position_counts_once_its_ten_seconds_are_over_though_nothing_is_written(
    api: Api, fresh_database: pg.Clone
) -> None:
    team_id = await api.team_on_duty()
    await _start_of_slice()
    before = await tag(api)
    await move(api, team_id, 34.1)
    assert await tag(api) == before
    await time_goes_on(fresh_database, "10 s")
    after = await tag(api)
    assert after != before
    assert await tag(api) == after


async def time_goes_on(database: pg.Clone, by: str) -> None:
    """Set the clock of the service's database ahead."""
    async with pg.connected(database.admin) as admin:
        await admin.execute(f"""
            CREATE OR REPLACE FUNCTION teams.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
                $$ SELECT clock_timestamp() + interval '{by}' $$
        """)


async def _start_of_slice() -> None:
    """Wait, if need be, so that a few requests fit into one slice of ten seconds."""
    left = SETTLES_EVERY_S - datetime.now(UTC).timestamp() % SETTLES_EVERY_S
    if left < 4:
        await asyncio.sleep(left + 0.05)


async def test_a_known_tag_is_answered_304_and_a_weakened_one_is_known_too(api: Api) -> None:
    await api.team_on_duty()
    known = await tag(api)
    for form in (known, known.removeprefix("W/"), f'"other", {known}'):
        answer = await api("GET", "/v1/availability", role=Role.SERVICE, headers={"If-None-Match": form})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", known)
    other = await api("GET", "/v1/availability", role=Role.SERVICE, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_who_waits_is_woken_by_a_hold_in_a_fraction_of_a_second(api: Api) -> None:
    team_id = await api.team_on_duty()
    waiting = asyncio.create_task(_wait(api, await tag(api)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    started = monotonic()
    await api.hold(team_id)
    answer = await waiting
    assert monotonic() - started < 1
    assert answer.status_code == 200
    assert answer.json()["items"] == []


async def test_who_waits_for_nothing_is_answered_304_in_time(api: Api) -> None:
    await api.team_on_duty()
    known, started = await tag(api), monotonic()
    answer = await _wait(api, known, seconds=1)
    assert answer.status_code == 304
    assert 0.9 < monotonic() - started < 3


async def _wait(api: Api, known: str, *, seconds: int = 20) -> Any:
    headers = {"If-None-Match": known, "Prefer": f"wait={seconds}"}
    return await api("GET", "/v1/availability", role=Role.SERVICE, headers=headers)


async def test_a_shift_that_ends_shows_without_any_write_also_to_who_waits(api: Api, fresh_database: pg.Clone) -> None:
    team_id = await api.new_team()
    await api.duty(team_id, "available", crew=["a", "b"])
    now = datetime.now(UTC)
    shift = {"starts_at": (now - timedelta(hours=1)).isoformat(), "ends_at": (now + timedelta(hours=1)).isoformat()}
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json={"dated": [shift]})
    assert (await api.availability(team_id))["offerable"]
    waiting = asyncio.create_task(_wait(api, await tag(api), seconds=50))
    await time_goes_on(fresh_database, "1 h")
    answer = await waiting
    assert answer.status_code == 200
    assert answer.json()["items"] == []
