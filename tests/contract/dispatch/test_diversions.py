"""A team that drives to a call is taken off it for one of priority 1: what each of the three then sees."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatch import queries
from services.dispatch.commands import diversions
from services.dispatch.domain.diversion import Diversion
from services.dispatch.domain.pool import Team
from tests import pg
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World, running

HERE = {"lat_deg": 34.0443, "lon_deg": -118.2106, "accuracy_m": 30, "address": "E 1st St / S Boyle Ave"}
NORTH = {"lat_deg": 34.12, "lon_deg": -118.2106, "accuracy_m": 30, "address": "N Figueroa St"}
URGENT = fakes.decision(priority=1)


def where(place: dict[str, Any]) -> dict[str, Any]:
    return {"lat_deg": place["lat_deg"], "lon_deg": place["lon_deg"], "at": datetime.now(UTC).isoformat()}


async def reports(world: World, team: dict[str, Any], offer: dict[str, Any], *actions: str, **more: Any) -> None:
    for action in actions:
        answer = await world.act(team, offer["id"], action, **more)
        assert answer.status_code == 200, answer.text


async def busy_team(world: World, name: str = "Other", clear_min: int = 30) -> tuple[dict[str, Any], dict[str, Any]]:
    """A team on scene, with its assignment: who goes to the call that is left, later."""
    team = fakes.a_team(name)
    world.teams.items = [team]
    await world.wish()
    offer = await world.offered(team)
    await reports(world, team, offer, "accept", expected_clear_min=clear_min)
    await reports(world, team, offer, "depart", "arrive")
    return team, offer


async def driving_team(world: World, name: str = "Near") -> tuple[dict[str, Any], dict[str, Any], str]:
    """A team that is here and drives north, with its assignment and its call."""
    team = fakes.a_team(name, position=where(HERE))
    world.teams.items = [team]
    call = await world.wish(facts=fakes.facts(location=NORTH))
    offer = await world.offered(team)
    await reports(world, team, offer, "accept", "depart")
    return team, offer, call


async def called_off(world: World, team: dict[str, Any]) -> dict[str, Any]:
    async def item() -> dict[str, Any] | None:
        return next((one for one in await world.tablet(team) if one["status"] == "withdrawing"), None)

    found: dict[str, Any] = await world.until(item)
    return found


async def test_a_team_turns_around_for_a_more_urgent_call_and_its_own_goes_to_somebody_else(world: World) -> None:
    other, others_offer = await busy_team(world)
    near, offer, left = await driving_team(world)
    world.teams.items = [near, other]
    urgent = await world.wish(facts=fakes.facts(location=HERE, decision=URGENT))

    item = await called_off(world, near)
    assert (item["id"], item["recall"]["reason"]) == (offer["id"], "diverted")
    assert item["recall"]["words"].startswith("A more urgent call needs you.")
    assert (await world.progress(left))["status"] == "waiting"
    stored = (await world.get(f"/v1/assignments/{offer['id']}")).json()
    event = next(one for one in stored["history"] if one["reason"] == "diverted")
    assert event["data"]["incident_id"] == urgent
    assert event["data"]["successor"]["team_name"] == "Other"
    assert event["data"]["words"].startswith("Near is taken off the call that it drives to: 2 min away, ")
    queue = {one["id"]: one for one in (await world.get("/v1/incidents?status=waiting")).json()["items"]}
    await world.until(lambda: _is_kept_for(world, urgent, near))
    assert {urgent, left} <= queue.keys()

    await reports(world, near, offer, "acknowledge_recall", "clear")
    taken = await world.offered(near)
    assert taken["incident_id"] == urgent
    ended = (await world.get(f"/v1/assignments/{offer['id']}")).json()
    assert ended["status"] == "cancelled"
    await reports(world, other, others_offer, "clear", outcome="calmed")
    assert (await world.offered(other))["incident_id"] == left


async def _is_kept_for(world: World, call: str, team: dict[str, Any]) -> bool:
    items = (await world.get("/v1/incidents?status=waiting")).json()["items"]
    hold = next(item["hold"] for item in items if item["id"] == call)
    return hold is not None and hold["team_id"] == team["team_id"]


async def test_the_call_center_sees_the_call_wait_again_with_the_reason(world: World) -> None:
    other, _ = await busy_team(world)
    near, _, left = await driving_team(world)
    world.teams.items = [near, other]
    await world.wish(facts=fakes.facts(location=HERE, decision=URGENT))
    await called_off(world, near)

    async def told() -> bool:
        events = world.intake.events.get(left, {}).values()
        return any(event["reason"] == "diverted" and event["to"] == "waiting" for event in events)

    await world.until(told)


async def test_a_call_loses_its_team_once_only(world: World) -> None:
    other, _ = await busy_team(world)
    near, offer, left = await driving_team(world)
    world.teams.items = [near, other]
    urgent = await world.wish(facts=fakes.facts(location=HERE, decision=URGENT))
    await called_off(world, near)
    await world.put(f"/v1/incidents/{urgent}", fakes.withdrawn(2, "cancelled"))
    third = fakes.a_team("Third", position=where(HERE))
    world.teams.items = [third]
    again = await world.offered(third)
    await reports(world, third, again, "accept", "depart")
    assert (await world.progress(left))["assignment"]["team_id"] == third["team_id"]
    async with world.app.state.db.autocommit() as unit:
        rows = await queries.under_way(unit.conn, world.app.state.desk.jurisdiction)
    assert str(left) not in {str(row["id"]) for row in rows}
    assert offer["incident_id"] == left


async def test_nobody_is_taken_off_a_call_where_that_is_switched_off(fresh_database: pg.Clone) -> None:
    async with running(fresh_database, fakes.FakeTeams(), fakes.FakeIntake(), divert=False) as world:
        await world.heard()
        other, _ = await busy_team(world)
        near, offer, _ = await driving_team(world)
        world.teams.items = [near, other]
        urgent = await world.wish(facts=fakes.facts(location=HERE, decision=URGENT))
        await world.until(lambda: _is_kept_for(world, urgent, other))
        assert [one["status"] for one in await world.tablet(near)] == ["en_route"]
        assert offer["id"] == (await world.tablet(near))[0]["id"]


@pytest.mark.parametrize("news", ["arrived", "unsafe", "urgent_cancelled", "urgent_has_a_team", "urgent_in_review"])
async def test_what_has_changed_since_the_round_began_undoes_the_diversion(world: World, news: str) -> None:
    near, offer, left = await driving_team(world)
    world.teams.items = []
    urgent = await world.wish(facts=fakes.facts(location=HERE, decision=URGENT))
    seen = {UUID(call): await _version(world, call) for call in (left, urgent)}
    if news == "arrived":
        await reports(world, near, offer, "arrive")
    elif news == "unsafe":
        await world.put(f"/v1/incidents/{left}", fakes.withdrawn(2))
    elif news == "urgent_cancelled":
        await world.put(f"/v1/incidents/{urgent}", fakes.withdrawn(2, "cancelled"))
    elif news == "urgent_has_a_team":
        third = fakes.a_team("Third")
        world.teams.items = [third]
        await world.offered(third)
    else:
        await world.wish(urgent, seq=2, may_offer=False, may_depart=False, reason="review")
    before = (await world.tablet(near), await _version(world, left))
    assert not await _divert(world, near, offer, left, urgent, seen)
    if news != "unsafe":  # then its versions are as they were, and the guard is the status or the wish
        newest = {UUID(call): await _version(world, call) for call in (left, urgent)}
        assert not await _divert(world, near, offer, left, urgent, newest)
    assert (await world.tablet(near), await _version(world, left)) == before


@pytest.mark.parametrize("changed", ["left", "urgent"])
async def test_new_facts_of_either_call_let_the_next_round_decide(world: World, changed: str) -> None:
    near, offer, left = await driving_team(world)
    world.teams.items = []
    urgent = await world.wish(facts=fakes.facts(location=HERE, decision=URGENT))
    seen = {UUID(call): await _version(world, call) for call in (left, urgent)}
    if changed == "left":
        await world.wish(
            left, seq=2, facts=fakes.facts(location=NORTH, languages={"required": ["es"], "preferred": []})
        )
    else:
        await world.wish(urgent, seq=2, facts=fakes.facts(location=NORTH, decision=URGENT))
    assert not await _divert(world, near, offer, left, urgent, seen)
    newest = {UUID(call): await _version(world, call) for call in (left, urgent)}
    assert await _divert(world, near, offer, left, urgent, newest)


async def _version(world: World, call: str) -> int:
    found: int = (await world.row("SELECT version FROM dispatch.incident WHERE id = $1::text::uuid", call))["version"]
    return found


async def _divert(
    world: World, near: dict[str, Any], offer: dict[str, Any], left: str, urgent: str, seen: dict[UUID, int]
) -> bool:
    team = Team(UUID(near["team_id"]), "Near")
    diversion = Diversion(UUID(urgent), team, UUID(left), Team(UUID(int=9), "Other"), 120, 900, "words")
    desk = world.app.state.desk
    async with world.app.state.db.autocommit() as unit:
        return await diversions.divert(unit, desk, diversion, seen=seen, assignment_id=UUID(offer["id"]))


async def test_a_crew_that_does_not_read_it_is_asked_after_as_after_any_recall(world: World) -> None:
    other, _ = await busy_team(world)
    near, _, _ = await driving_team(world)
    world.teams.items = [near, other]
    await world.wish(facts=fakes.facts(location=HERE, decision=URGENT))
    await called_off(world, near)
    await world.passes(timedelta(seconds=61))

    async def alerted() -> bool:
        return "recall_unread" in {one["kind"] for one in (await world.get("/v1/alerts")).json()["items"]}

    await world.until(alerted)
