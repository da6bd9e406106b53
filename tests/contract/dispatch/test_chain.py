"""One call from intake's wish to `cleared`, over HTTP, on a real database."""

from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World


async def test_a_wish_becomes_an_offer_on_the_tablet_and_comes_back_closed(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    assert offer["incident_id"] == call
    assert offer["actions"] == ["accept", "decline"]
    assert offer["may_depart"] is True
    assert offer["briefing"]["cautions"] == ["dog"]
    assert list(world.teams.holds) == [offer["id"]]
    for action, status, more in (
        ("accept", "accepted", {"expected_clear_min": 40}),
        ("depart", "en_route", {}),
        ("arrive", "on_scene", {}),
        ("check_in", "on_scene", {}),
        ("clear", "cleared", {"outcome": "agreement"}),
    ):
        answer = await world.act(team, offer["id"], action, **more)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == status
    progress = await world.progress(call)
    assert (progress["status"], progress["outcome"], progress["act_by"]) == ("ended", "agreement", None)
    await world.until(lambda: _reported(world, call, "ended"))
    await world.until(lambda: _released(world, offer["id"]))
    assert await world.tablet(team) == []
    said = [(event["action"], event["to"]) for _, event in sorted(world.intake.events[call].items())]
    assert said == [
        ("receive", "waiting"), ("hold", "holding"), ("commit", "committed"), ("offer", "offered"), ("accept", "accepted"),
        ("depart", "en_route"), ("arrive", "on_scene"), ("check_in", "on_scene"), ("clear", "cleared"), ("close", "ended"),
    ]  # fmt: skip


async def _reported(world: World, call: str, status: str) -> bool:
    return bool(world.intake.reports.get(call, {}).get("status") == status)


async def _released(world: World, assignment_id: str) -> bool:
    return assignment_id in world.teams.released
