"""Promise 3, teams' half: one live hold per team whatever races, and a released hold never comes back."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.teams import queries, store
from services.teams.commands.holds import put_hold, release_hold
from services.teams.domain.holds import TeamNotFree
from services.teams.scope import Scope
from shared.auth import Caller, Role
from shared.db import Database
from tests import pg
from tests.contract.teams.conftest import Api, until_somebody_waits

SCOPE = Scope("los-angeles", Caller(Role.SERVICE, "dispatch"), lambda _: None)


async def test_a_hold_put_again_gets_the_same_answer(api: Api) -> None:
    team_id, assignment_id, incident_id = await api.team_on_duty(), uuid4(), uuid4()
    first = await api.hold(team_id, assignment_id, incident_id=incident_id)
    assert first.status_code == 200
    again = await api.hold(team_id, assignment_id, incident_id=incident_id)
    assert (again.status_code, again.json()) == (200, first.json())
    assert first.json()["released_at"] is None
    (live,) = (await api.ok("GET", "/v1/holds", role=Role.SERVICE))["items"]
    assert (live["assignment_id"], live["team_id"], live["incident_id"]) == tuple(
        map(str, (assignment_id, team_id, incident_id))
    )
    assert 0 <= live["age_s"] < 10


async def test_a_held_team_is_not_free_for_another(api: Api) -> None:
    team_id = await api.team_on_duty()
    await api.hold(team_id)
    second = await api.hold(team_id)
    assert second.status_code == 409
    assert second.json()["type"].endswith(":team-not-free")
    assert second.json()["reasons"] == ["held"]


async def test_an_id_holds_one_team_for_one_incident(api: Api) -> None:
    team_id, other, assignment_id = await api.team_on_duty(), await api.team_on_duty(), uuid4()
    incident_id = uuid4()
    assert (await api.hold(team_id, assignment_id, incident_id=incident_id)).status_code == 200
    for wrong in (
        await api.hold(other, assignment_id, incident_id=incident_id),
        await api.hold(team_id, assignment_id, incident_id=uuid4()),
    ):
        assert wrong.status_code == 409
        assert wrong.json()["type"].endswith(":hold-mismatch")
    assert (await api.availability(other))["offerable"]


async def test_a_team_that_may_not_be_offered_work_is_not_held(api: Api) -> None:
    team_id = await api.new_team()
    refused = await api.hold(team_id)
    assert refused.status_code == 409
    assert refused.json()["reasons"] == ["off_shift", "off_duty", "crew_below_minimum"]
    assert (await api.hold(uuid4())).status_code == 404


async def test_a_released_hold_never_comes_back(api: Api) -> None:
    team_id, assignment_id, incident_id = await api.team_on_duty(), uuid4(), uuid4()
    await api.hold(team_id, assignment_id, incident_id=incident_id)
    released = await api.release(assignment_id)
    assert released.status_code == 200
    assert released.json()["released_at"] is not None
    assert (await api.release(assignment_id)).json() == released.json()
    again = await api.hold(team_id, assignment_id, incident_id=incident_id)
    assert again.status_code == 409
    assert again.json()["type"].endswith(":hold-released")
    assert (await api.availability(team_id))["offerable"]
    assert (await api.hold(team_id)).status_code == 200


async def test_a_release_may_come_before_its_hold(api: Api) -> None:
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    early = await api.release(assignment_id)
    assert early.status_code == 200
    assert early.json() == {
        "assignment_id": str(assignment_id),
        "team_id": None,
        "incident_id": None,
        "held_at": None,
        "released_at": early.json()["released_at"],
    }
    late = await api.hold(team_id, assignment_id)
    assert late.status_code == 409
    assert late.json()["type"].endswith(":hold-released")
    also_restored = await api.hold(team_id, assignment_id, restore=True)
    assert also_restored.json()["type"].endswith(":hold-released")
    assert (await api.availability(team_id))["offerable"]
    assert (await api.ok("GET", "/v1/holds", role=Role.SERVICE))["items"] == []


async def test_restoring_a_hold_succeeds_though_the_shift_is_over_and_alerts_if_the_crew_has_left(api: Api) -> None:
    team_id = await api.new_team()  # off duty, off shift, nobody there
    assignment_id = uuid4()
    restored = await api.hold(team_id, assignment_id, restore=True)
    assert restored.status_code == 200
    assert "held" in (await api.availability(team_id))["reasons"]
    (alert,) = (await api.ok("GET", "/v1/alerts"))["items"]
    assert (alert["kind"], alert["subject"]) == ("held_while_off_duty", str(team_id))
    assert (await api.hold(team_id, restore=True)).json()["reasons"] == ["held"]
    await api.release(assignment_id)
    assert (await api.ok("GET", "/v1/alerts"))["items"] == []


async def test_a_shift_that_ends_does_not_release_the_hold(api: Api) -> None:
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    await api.hold(team_id, assignment_id)
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json={})
    entry = await api.availability(team_id)
    assert entry["reasons"] == ["off_shift", "held"]
    assert entry["hold"]["assignment_id"] == str(assignment_id)


async def test_holds_and_releases_are_written_in_history(api: Api) -> None:
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    await api.hold(team_id, assignment_id)
    await api.release(assignment_id)
    await api.release(assignment_id)
    events = (await api.ok("GET", f"/v1/teams/{team_id}/history"))["items"]
    assert [event["action"] for event in events if event["kind"] == "hold"] == ["released", "held"]
    assert events[0]["actor"] == "service:the-service"
    assert events[0]["detail"]["assignment_id"] == str(assignment_id)


async def test_when_sixteen_race_for_one_team_exactly_one_holds_it(api: Api, teams_db: Database) -> None:
    team_id = await api.team_on_duty()
    for _ in range(12):
        ids = [uuid4() for _ in range(16)]
        ready = asyncio.Barrier(len(ids))

        async def ask(assignment_id: UUID, ready: asyncio.Barrier = ready) -> str:
            async with teams_db.autocommit() as unit:
                await unit.conn.execute(queries._HOLD, {"jurisdiction": "x", "assignment_id": assignment_id})
                await ready.wait()  # sixteen open connections, none ahead
                try:
                    await put_hold(unit, SCOPE, assignment_id, team_id, uuid4(), restore=False)
                except TeamNotFree:
                    return "lost"
                return "won"

        outcomes = await asyncio.gather(*map(ask, ids))
        assert Counter(outcomes) == {"won": 1, "lost": 15}
        holds = (await api.ok("GET", "/v1/holds", role=Role.SERVICE))["items"]
        assert [hold["assignment_id"] for hold in holds] == [str(ids[outcomes.index("won")])]
        await api.release(ids[outcomes.index("won")])


async def test_the_same_hold_put_by_many_at_once_is_one_hold(api: Api) -> None:
    team_id, assignment_id, incident_id = await api.team_on_duty(), uuid4(), uuid4()
    answers = await asyncio.gather(*(api.hold(team_id, assignment_id, incident_id=incident_id) for _ in range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


async def test_the_index_alone_refuses_a_second_live_hold(api: Api, fresh_database: pg.Clone) -> None:
    """The fence on the team's row stands before it; this is what stands behind, whatever the code does."""
    team_id = await api.team_on_duty()
    await api.hold(team_id)
    async with pg.connected(fresh_database.login["teams"]) as login:
        with pytest.raises(Exception, match="hold_one_live_per_team"):
            await login.execute(
                "INSERT INTO teams.hold (assignment_id, jurisdiction, team_id, incident_id, held_at)"
                " VALUES ($1, 'los-angeles', $2, $3, teams.clock())",
                uuid4(), team_id, uuid4(),
            )  # fmt: skip


async def test_a_hold_decided_on_an_older_team_writes_nothing(api: Api, teams_db: Database) -> None:
    """Deterministic: the team moved between the reading and the writing."""
    team_id = await api.team_on_duty()
    async with teams_db.autocommit() as unit:
        seen = await queries.find_team(unit.conn, SCOPE, team_id)
        await api.duty(team_id, "out_of_service", reason="flat tyre")
        event = store.Event("service:test", "hold", "held")
        assert await store.put_hold(unit.conn, seen, uuid4(), uuid4(), event) is None
    assert (await api.availability(team_id))["hold"] is None
    assert (await api.ok("GET", "/v1/holds", role=Role.SERVICE))["items"] == []


async def test_a_release_that_meets_its_hold_under_way_leaves_the_team_free(api: Api, teams_db: Database) -> None:
    """Two connections, the order forced: the hold is written and not committed when the release begins."""
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    async with teams_db.transaction() as holding:
        team = await queries.find_team(holding.conn, SCOPE, team_id)
        held = await store.put_hold(
            holding.conn, team, assignment_id, uuid4(), store.Event("service:test", "hold", "held")
        )
        assert held is not None

        async def release() -> None:
            async with teams_db.autocommit() as unit:
                await release_hold(unit, SCOPE, assignment_id)

        releasing = asyncio.create_task(release())
        await until_somebody_waits(teams_db)
    await releasing
    entry = await api.availability(team_id)
    assert entry["hold"] is None
    assert entry["offerable"]
    assert (await api.hold(team_id)).status_code == 200


async def test_a_hold_that_meets_its_release_under_way_is_refused(api: Api, teams_db: Database) -> None:
    team_id, assignment_id = await api.team_on_duty(), uuid4()
    async with teams_db.transaction() as releasing:
        await release_hold(releasing, SCOPE, assignment_id)
        holding = asyncio.create_task(api.hold(team_id, assignment_id))
        await until_somebody_waits(teams_db)
    assert (await holding).json()["type"].endswith(":hold-released")
    assert (await api.availability(team_id))["offerable"]


async def test_a_hold_waits_for_a_change_of_duty_under_way_and_then_sees_it(api: Api, teams_db: Database) -> None:
    team_id = await api.team_on_duty()
    async with teams_db.transaction() as resting:
        team = await queries.find_team(resting.conn, SCOPE, team_id)
        values = {"status": "break", "crew": ["a", "b"], "until": None, "reason": None}
        assert await store.change_duty(resting.conn, team, values, store.Event("team:test", "duty", "duty_changed"))
        holding = asyncio.create_task(api.hold(team_id))
        await until_somebody_waits(teams_db)
    refused = await holding
    assert refused.status_code == 409
    assert refused.json()["reasons"] == ["break"]


async def test_a_change_of_duty_waits_for_a_hold_under_way_and_then_sees_it(api: Api, teams_db: Database) -> None:
    team_id = await api.team_on_duty()
    async with teams_db.transaction() as holding:
        team = await queries.find_team(holding.conn, SCOPE, team_id)
        event = store.Event("service:test", "hold", "held")
        assert await store.put_hold(holding.conn, team, uuid4(), uuid4(), event)
        resting = asyncio.create_task(
            api("PUT", f"/v1/teams/{team_id}/duty", json={"status": "off_duty"}, role=Role.TEAM, team_id=team_id)
        )
        await until_somebody_waits(teams_db)
    refused = await resting
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":team-held")
    assert (await api.availability(team_id))["reasons"] == ["held"]


async def test_a_held_team_and_a_break_race_and_one_of_them_wins(api: Api) -> None:
    for _ in range(10):
        team_id = await api.team_on_duty()
        rest = api("PUT", f"/v1/teams/{team_id}/duty", json={"status": "break"}, role=Role.TEAM, team_id=team_id)
        rested, held = await asyncio.gather(rest, api.hold(team_id))
        assert {rested.status_code, held.status_code} == {200, 409}
        entry = await api.availability(team_id)
        assert (entry["hold"] is not None) is (held.status_code == 200)
        assert ("break" in entry["reasons"]) is (rested.status_code == 200)


async def test_age_is_never_negative(api: Api, fresh_database: pg.Clone) -> None:
    team_id = await api.team_on_duty()
    await api.hold(team_id)
    async with pg.connected(fresh_database.admin) as admin:
        await admin.execute("UPDATE teams.hold SET held_at = $1", datetime.now(UTC) + timedelta(hours=1))
    assert (await api.ok("GET", "/v1/holds", role=Role.SERVICE))["items"][0]["age_s"] == 0
