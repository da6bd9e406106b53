"""A call that is kept for a team which is about to be free: what the queue says, and how it ends."""

from datetime import timedelta
from typing import Any

from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World

FAR = {"lat_deg": 34.2, "lon_deg": -118.5}


async def busy(world: World, team: dict[str, Any], clear_min: int = 9) -> str:
    """Let the team be on scene, clear in so many minutes by its own word; return the assignment."""
    await world.wish()
    offer = await world.offered(team)
    for action, more in (("accept", {"expected_clear_min": clear_min}), ("depart", {}), ("arrive", {})):
        answer = await world.act(team, offer["id"], action, **more)
        assert answer.status_code == 200, answer.text
    return str(offer["id"])


async def kept(world: World, call: str) -> dict[str, Any]:
    async def hold() -> Any:
        items = (await world.get("/v1/incidents?status=waiting")).json()["items"]
        return next((item["hold"] for item in items if item["id"] == call), None)

    found: dict[str, Any] = await world.until(hold)
    return found


async def test_a_call_is_kept_for_a_team_that_is_soon_free_and_goes_to_it(world: World) -> None:
    near, far = fakes.a_team("Near"), fakes.a_team("Far", base=FAR)
    world.teams.items = [near]
    working = await busy(world, near)
    world.teams.items = [near, far]
    call = await world.wish()
    hold = await kept(world, call)
    assert hold["team_id"] == near["team_id"]
    assert hold["words"].startswith("Near says it will be clear in 9 min, ")
    assert "best free team is" in hold["words"]
    asked = (await world.get(f"/v1/incidents/{call}/candidates")).json()
    assert (asked["decision"], asked["team_id"]) == ("hold", near["team_id"])
    assert asked["words"].startswith("Near says it will be clear in ")
    assert [one["team_name"] for one in asked["items"]] == ["Near", "Far"]
    assert asked["items"][0]["free_in_s"] > 0
    assert set(asked["items"][0]["parts"]) == {
        "waiting",
        "driving",
        "preference",
        "language",
        "place",
        "spare",
        "provider",
        "age_and_urgency",
        "deadline",
    }
    assert await world.tablet(far) == []
    assert (await world.act(near, working, "clear", outcome="calmed")).status_code == 200
    offer = await world.offered(near)
    choice = (await world.get(f"/v1/assignments/{offer['id']}")).json()["choice"]
    assert choice["held"]["words"] == hold["words"], "why it waited is kept with the assignment"
    assert choice["travel"] == {"source": "estimate", "fallback": None}
    assert choice["considered"][0]["team_name"] == "Near"
    assert choice["considered"][0]["cost"] == sum(choice["considered"][0]["parts"].values())


async def test_at_four_fifths_of_its_time_a_call_goes_to_whoever_is_free(world: World) -> None:
    near, far = fakes.a_team("Near"), fakes.a_team("Far", base=FAR)
    world.teams.items = [near]
    await busy(world, near, clear_min=30)
    world.teams.items = [near, far]
    call = await world.wish()  # to be assigned within an hour
    await kept(world, call)
    async with world.app.state.db.transaction() as unit:
        await unit.conn.exec_driver_sql(
            f"UPDATE dispatch.incident SET created_at = created_at - interval '50 min', "
            f"facts = jsonb_set(facts, '{{assign_by}}', to_jsonb((dispatch.clock() + interval '10 min')::text)) WHERE id = '{call}'"
        )
    offer = await world.offered(far)
    assert offer["incident_id"] == call


async def test_nobody_is_kept_for_a_team_that_is_called_off(world: World) -> None:
    near = fakes.a_team("Near")
    world.teams.items = [near]
    first = await world.wish()
    offer = await world.offered(near)
    await world.act(near, offer["id"], "accept")
    await world.wish(
        first, seq=2, wanted="withdrawn", may_offer=False, may_depart=False, reason="risk_rose", facts=None
    )
    call = await world.wish()
    asked = (await world.get(f"/v1/incidents/{call}/candidates")).json()
    assert asked["decision"] == "nobody"
    assert [one["excluded_by"] for one in asked["items"]] == ["busy_here"]


async def test_the_providers_of_the_neighborhoods_plan_are_asked_first(world: World) -> None:
    near = fakes.a_team("Near", provider_name="Westside Calm")
    theirs = fakes.a_team(
        "Theirs", provider_name="Cedar Street Peace Works", base={"lat_deg": 34.051, "lon_deg": -118.211}
    )
    world.teams.items = [near, theirs]
    await world.wish(facts=fakes.facts(preferred_providers=["cedar street peace works"]))
    offer = await world.offered(theirs)
    considered = (await world.get(f"/v1/assignments/{offer['id']}")).json()["choice"]["considered"]
    assert [(one["team_name"], one["parts"]["provider"]) for one in considered] == [("Theirs", 0), ("Near", 300)]
    assert considered[1]["words"].endswith("not of a provider that the neighborhood asks first.")


async def test_why_a_call_went_before_the_others_is_kept_with_its_assignment(world: World) -> None:
    """One team, and two calls that wait for it: an urgent one with a quarter of its time gone, and one that is nearly returned."""
    team = fakes.a_team("Only")
    urgent = await world.wish(facts=fakes.facts(decision=fakes.decision(priority=1)))
    other = await world.wish()
    async with world.app.state.db.transaction() as unit:
        for call, waited, left in ((urgent, 6, 14), (other, 50, 10)):
            await unit.conn.exec_driver_sql(
                f"UPDATE dispatch.incident SET created_at = created_at - interval '{waited} min', "
                f"facts = jsonb_set(facts, '{{assign_by}}', to_jsonb((dispatch.clock() + interval '{left} min')::text)) "
                f"WHERE id = '{call}'"
            )
    world.teams.items = [team]
    offer = await world.offered(team)
    assert offer["incident_id"] == urgent
    choice = (await world.get(f"/v1/assignments/{offer['id']}")).json()["choice"]
    assert choice["first"].startswith("This call goes first: ")
    assert choice["considered"][0]["parts"]["deadline"] <= -timedelta(days=7).total_seconds()
