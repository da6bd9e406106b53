"""Duty, shifts and their history over HTTP, and what time alone changes."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.teams.commands.duty import end_duties
from services.teams.scope import Scope
from shared.auth import Caller, Role
from shared.db import Database
from tests import pg
from tests.contract.teams.conftest import ALWAYS, Api

SCOPE = Scope("los-angeles", Caller(Role.SERVICE, "teams"), lambda _: None)


def soon(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


async def test_a_crew_comes_on_duty_rests_and_goes_home(api: Api) -> None:
    team_id = await api.new_team()
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json=ALWAYS)
    available = await api.duty(team_id, "available", crew=["a", "b"])
    assert (available["status"], available["crew"], available["offerable"]) == ("available", ["a", "b"], True)
    resting = await api.duty(team_id, "break", until=soon(30), reason="lunch")
    assert (resting["crew"], resting["reasons"], resting["reason"]) == (["a", "b"], ["break"], "lunch")
    home = await api.duty(team_id, "off_duty", crew=["a", "b"])
    assert (home["crew"], home["until"], home["version"]) == ([], None, 4)


IMPOSSIBLE_DUTIES: list[tuple[Any, str]] = [
    ({"status": "resting"}, "/status"),
    ({}, "/status"),
    ({"status": "available", "crew": ["a", "nobody"]}, "/crew/1"),
    ({"status": "available", "crew": ["a", "b", "c", "d"]}, "/crew/3"),
    ({"status": "available", "crew": "a"}, "/crew"),
    ({"status": "break", "until": "2026-01-01T00:00:00Z"}, "/until"),
    ({"status": "break", "until": "2026-01-01T00:00:00"}, "/until"),
    ({"status": "break", "until": 1790000000}, "/until"),
    ({"status": "break", "until": "1790000000"}, "/until"),
    ({"status": "off_duty", "until": "2099-01-01T00:00:00Z"}, "/until"),
    ({"status": "available", "reason": "x" * 501}, "/reason"),
]  # fmt: skip


async def test_a_duty_that_cannot_be_is_refused_and_the_field_named(api: Api) -> None:
    team_id = await api.team_on_duty()
    for body, pointer in IMPOSSIBLE_DUTIES:
        answer = await api("PUT", f"/v1/teams/{team_id}/duty", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["pointer"] == pointer, body
    assert (await api.availability(team_id))["offerable"]


async def test_duty_has_a_version_of_its_own(api: Api) -> None:
    team_id = await api.team_on_duty()
    await api.hold(team_id)  # moves the team, not its duty
    body = {"status": "out_of_service", "version": 2}
    assert (await api.ok("PUT", f"/v1/teams/{team_id}/duty", json=body))["version"] == 3
    stale = await api("PUT", f"/v1/teams/{team_id}/duty", json={**body, "status": "available"})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 3)


async def test_a_held_team_may_say_that_it_is_out_of_service_but_not_rest(api: Api) -> None:
    team_id = await api.team_on_duty()
    await api.hold(team_id)
    for status in ("break", "off_duty"):
        for role in (Role.TEAM, Role.SUPERVISOR):
            refused = await api("PUT", f"/v1/teams/{team_id}/duty", json={"status": status}, role=role, team_id=team_id)
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:commonground:problem:team-held")
    assert (await api.duty(team_id, "out_of_service", reason="flat tyre"))["hold"] is not None


async def test_a_break_ends_by_itself_before_anything_is_written(
    api: Api, fresh_database: pg.Clone, teams_db: Database
) -> None:
    team_id = await api.team_on_duty()
    await api.duty(team_id, "break", until=soon(30))
    async with pg.connected(fresh_database.admin) as admin:
        # Held still by a lock, the sweep cannot write: what readers see is the rule's own doing.
        async with admin.transaction():
            await admin.execute("UPDATE teams.duty SET until = clock_timestamp() - interval '1 s'")
        async with admin.transaction():
            await admin.execute("SELECT FROM teams.duty FOR UPDATE")
    entry = await api.availability(team_id)
    assert entry["offerable"]
    await _until(api, team_id, "until_passed")
    events = (await api.ok("GET", f"/v1/teams/{team_id}/history"))["items"]
    assert (events[0]["kind"], events[0]["action"], events[0]["detail"]) == (
        "duty", "until_passed", {"from": "break", "to": "available"}
    )  # fmt: skip
    assert events[0]["actor"] == "service:teams"
    assert (await api.availability(team_id))["offerable"]


async def test_available_until_goes_home_at_that_time_but_not_while_held(
    api: Api, fresh_database: pg.Clone, teams_db: Database
) -> None:
    team_id, assignment_id = await api.team_on_duty(), "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c"
    await api.duty(team_id, "available", until=soon(30))
    await api.hold(team_id, UUID(assignment_id))
    async with pg.connected(fresh_database.admin) as admin:
        await admin.execute("UPDATE teams.duty SET until = clock_timestamp() - interval '1 s'")
    async with teams_db.autocommit() as unit:
        assert await end_duties(unit, SCOPE) == 0
    assert (await api.availability(team_id))["reasons"] == ["held"]
    await api.release(assignment_id)
    assert (await api.availability(team_id))["reasons"] == ["off_duty", "crew_below_minimum"]
    await _until(api, team_id, "until_passed")
    assert (await api.ok("GET", f"/v1/teams/{team_id}"))["duty"]["status"] == "off_duty"


async def _until(api: Api, team_id: UUID, action: str) -> None:
    for _ in range(100):
        events = (await api.ok("GET", f"/v1/teams/{team_id}/history"))["items"]
        if events[0]["action"] == action:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"history never said {action}")


async def test_shifts_are_answered_as_they_were_planned(api: Api) -> None:
    team_id = await api.new_team()
    plan = {
        "weekly": [
            {"weekday": "friday", "from": "22:00", "to": "06:00", "time_zone": "America/Los_Angeles"},
            {"weekday": "sunday", "from": "00:00", "to": "24:00", "time_zone": "America/Los_Angeles"},
            {"weekday": "monday", "from": "08:30", "to": "00:00", "time_zone": "America/Los_Angeles"},
        ],
        "dated": [{"starts_at": "2027-06-01T18:00:00Z", "ends_at": "2027-06-01T20:00:00Z"}],
        "off": [{"starts_at": "2026-12-25T08:00:00Z", "ends_at": "2026-12-26T08:00:00Z"}],
    }
    answer = await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json=plan)
    plan["weekly"][2]["to"] = "24:00"
    assert {name: answer[name] for name in plan} == plan
    assert answer["version"] == 2
    assert await api.ok("GET", f"/v1/teams/{team_id}/shifts") == answer
    stale = await api("PUT", f"/v1/teams/{team_id}/shifts", json={"version": 1})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)


IMPOSSIBLE_SHIFTS: list[tuple[Any, str]] = [
    ({"weekly": [{"weekday": "friday", "from": "8:00", "to": "16:00", "time_zone": "UTC"}]}, "/weekly/0/from"),
    ({"weekly": [{"weekday": "fri", "from": "08:00", "to": "16:00", "time_zone": "UTC"}]}, "/weekly/0/weekday"),
    ({"weekly": [{"weekday": "friday", "from": "24:00", "to": "16:00", "time_zone": "UTC"}]}, "/weekly/0/from"),
    ({"weekly": [{"weekday": "friday", "from": "08:00", "to": "25:00", "time_zone": "UTC"}]}, "/weekly/0/to"),
    ({"weekly": [{"weekday": "friday", "from": "08:00", "to": "16:00"}]}, "/weekly/0/time_zone"),
    ({"weekly": [{"weekday": "friday", "from": "08:00", "to": "16:00", "time_zone": "X/Y"}]}, "/weekly/0/time_zone"),
    ({"weekly": [
        {"weekday": "friday", "from": "08:00", "to": "16:00", "time_zone": "UTC"},
        {"weekday": "friday", "from": "15:00", "to": "20:00", "time_zone": "UTC"},
    ]}, "/weekly/1"),
    ({"dated": [{"starts_at": "2027-06-01T18:00:00", "ends_at": "2027-06-01T20:00:00Z"}]}, "/dated/0/starts_at"),
    ({"dated": [{"starts_at": "2027-06-01T18:00:00Z", "ends_at": "2027-06-01T17:00:00Z"}]}, "/dated/0/ends_at"),
    ({"dated": [{"starts_at": "0001-01-01T00:00:00+14:00", "ends_at": "2027-06-01T17:00:00Z"}]}, "/dated/0/starts_at"),
    ({"off": [{"starts_at": "9999-12-31T00:00:00Z", "ends_at": "9999-12-31T23:59:59-14:00"}]}, "/off/0/ends_at"),
]  # fmt: skip


async def test_shifts_that_cannot_be_are_refused_and_the_entry_named(api: Api) -> None:
    team_id = await api.new_team()
    for body, pointer in IMPOSSIBLE_SHIFTS:
        answer = await api("PUT", f"/v1/teams/{team_id}/shifts", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["pointer"] == pointer, body


async def test_a_dated_shift_makes_a_team_offerable_and_says_when_it_ends(api: Api) -> None:
    team_id = await api.new_team()
    await api.duty(team_id, "available", crew=["a", "b"])
    assert (await api.availability(team_id))["reasons"] == ["off_shift"]
    ends_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    shift = {"starts_at": soon(-60), "ends_at": ends_at.isoformat()}
    assert (await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json={"dated": [shift]}))["on_shift"]
    entry = await api.availability(team_id)
    assert entry["offerable"]
    assert datetime.fromisoformat(entry["shift_ends_at"]) == ends_at


async def test_history_is_paged_newest_first_and_nothing_is_missing(api: Api) -> None:
    team_id = await api.team_on_duty()
    for _ in range(5):
        await api.duty(team_id, "break")
        await api.duty(team_id, "available")
    seen: list[int] = []
    path = f"/v1/teams/{team_id}/history?limit=4"
    while True:
        page = await api.ok("GET", path, role=Role.AUDITOR)
        seen += [event["seq"] for event in page["items"]]
        if page["next"] is None:
            break
        path = f"/v1/teams/{team_id}/history?limit=4&cursor={page['next']}"
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 13  # added, shifts, on duty, and ten changes


async def test_history_is_never_changed_whoever_holds_the_services_password(api: Api, fresh_database: pg.Clone) -> None:
    await api.team_on_duty()
    async with pg.connected(fresh_database.login["teams"]) as login:
        for statement in (
            "UPDATE teams.team_event SET actor = 'nobody'",
            "DELETE FROM teams.team_event",
            "TRUNCATE teams.team_event",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(statement)
