"""Holds at the teams service: refused, unknown, released late, and reconciled."""

from datetime import timedelta
from typing import Any

from services.dispatch.upkeep import Upkeep
from shared.peer import Reply
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World


def upkeep(world: World) -> Upkeep:
    state = world.app.state
    return Upkeep(state.db, state.desk, state.teams)


async def status(world: World, assignment_id: str) -> str:
    found: str = (await world.get(f"/v1/assignments/{assignment_id}")).json()["status"]
    return found


async def test_a_refused_hold_lets_the_team_go_and_the_call_waits(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    world.teams.released.add("x")
    refused: list[str] = []
    original = world.teams.request

    async def refuse(method: str, path: str, **more: Any) -> Any:
        if method == "PUT" and not refused:
            refused.append(path)
            return Reply(409, {})
        return await original(method, path, **more)

    world.teams.request = refuse  # type: ignore[method-assign]
    call = await world.wish()
    offer = await world.offered(team)  # the next round holds it again
    assert len(refused) == 1
    first = refused[0].rsplit("/", 1)[1]
    assert first != offer["id"]
    assert await status(world, first) == "cancelled"
    assert (await world.progress(call))["status"] == "committed"


async def test_a_hold_without_an_answer_is_released_in_advance(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    world.teams.silent_for_holds = True
    call = await world.wish()

    async def given_up() -> Any:
        return await world.row("SELECT id FROM dispatch.assignment WHERE status = 'cancelled' LIMIT 1")

    first = str((await world.until(given_up))["id"])
    assert await world.tablet(team) == []
    world.teams.silent_for_holds = False

    async def released() -> bool:
        await world.passes(timedelta(seconds=3))
        return first in world.teams.released

    await world.until(released)
    late = await world.teams.request(
        "PUT", f"/v1/holds/{first}", json={"team_id": team["team_id"], "incident_id": call}
    )
    assert late.status == 409, "the hold that was under way arrives after its release"


async def test_an_orphaned_hold_is_released_and_a_missing_one_put_again(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    world.teams.holds["0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c"] = {
        "team_id": "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2d", "incident_id": call, "held_at": "2026-11-24T02:00:00Z",
    }  # fmt: skip
    lost = world.teams.holds.pop(offer["id"])
    await upkeep(world).reconcile_holds()
    assert offer["id"] not in world.teams.holds, "an assignment younger than a minute may still be on its way"
    assert "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c" in world.teams.released
    await world.passes(timedelta(seconds=61))
    await upkeep(world).reconcile_holds()
    assert world.teams.holds[offer["id"]]["team_id"] == lost["team_id"]


async def test_an_offer_whose_hold_is_lost_for_good_is_taken_back(world: World) -> None:
    team = fakes.a_team(disciplines=["restorative_justice"])
    world.teams.items = [team]
    call = await world.wish(facts=fakes.facts(disciplines=["restorative_justice"], decision=fakes.decision(priority=3)))
    offer = await world.offered(team)
    await world.teams.request("DELETE", f"/v1/holds/{offer['id']}")
    world.teams.items = []
    await world.passes(timedelta(seconds=61))
    await upkeep(world).reconcile_holds()
    assert await status(world, offer["id"]) == "cancelled"
    assert (await world.progress(call))["status"] == "waiting"


async def test_a_crew_that_is_out_without_a_hold_is_shown_to_the_supervisor(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    await world.wish()
    offer = await world.offered(team)
    for action in ("accept", "arrive"):
        await world.act(team, offer["id"], action)
    await world.teams.request("DELETE", f"/v1/holds/{offer['id']}")
    await world.passes(timedelta(seconds=61))
    await upkeep(world).reconcile_holds()
    assert await status(world, offer["id"]) == "on_scene"
    alerts = (await world.get("/v1/alerts")).json()["items"]
    assert [alert["kind"] for alert in alerts] == ["hold_lost"]


async def test_a_team_that_is_called_away_between_snapshot_and_hold_is_not_offered_the_call(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    await world.app.state.sweeps.stop()
    call = await world.wish()
    matchmaker = world.app.state.matchmaker
    pursued: list[Any] = []
    original = matchmaker._hold_and_offer

    async def late(*arguments: Any) -> None:
        pursued.append(arguments)

    matchmaker._hold_and_offer = late
    await matchmaker.run()
    await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2))
    matchmaker._hold_and_offer = original
    await world.until(lambda: _truth(pursued))
    await original(*pursued[0])
    assert await world.tablet(team) == []
    assert (await world.progress(call))["assignment"]["status"] == "recalled"
    world.app.state.sweeps.start()
    assignment_id = str(pursued[0][0])
    await world.until(lambda: _released(world, assignment_id))


async def _truth(found: list[Any]) -> bool:
    return bool(found)


async def _released(world: World, assignment_id: str) -> bool:
    return assignment_id in world.teams.released and assignment_id not in world.teams.holds
