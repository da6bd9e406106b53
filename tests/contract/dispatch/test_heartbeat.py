"""The heartbeat and the safety link: silence is not safe, and a withdrawal does not wait for its wish."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests import pg
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World


async def beat(world: World, **body: Any) -> Any:
    return await world.put("/v1/heartbeat", {"echo": None, "applied": 0, "withdrawn": [], **body})


async def fall_silent(world: World) -> None:
    """Let 31 s pass since intake was heard from."""
    async with pg.connected(world.database.admin) as admin:
        await admin.execute("UPDATE dispatch.link SET heard_as_of = dispatch.clock() - interval '31 s'")


async def heard_as_of(world: World) -> datetime | None:
    row = await world.row("SELECT heard_as_of FROM dispatch.link")
    found: datetime | None = row["heard_as_of"]
    return found


async def test_the_first_heartbeat_proves_nothing_and_the_second_proves_the_first(world: World) -> None:
    async with pg.connected(world.database.admin) as admin:
        await admin.execute("DELETE FROM dispatch.link")
    first = (await beat(world)).json()
    assert await heard_as_of(world) is None
    await beat(world, echo=first["as_of"])
    assert await heard_as_of(world) == datetime.fromisoformat(first["as_of"])


async def test_an_echo_from_the_future_counts_as_silence(world: World) -> None:
    before = await heard_as_of(world)
    ahead = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert (await beat(world, echo=ahead)).status_code == 200
    assert await heard_as_of(world) == before


async def test_a_heartbeat_long_under_way_does_not_undo_a_newer_one(world: World) -> None:
    before = await heard_as_of(world)
    old = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    await beat(world, echo=old)
    assert await heard_as_of(world) == before


async def test_after_a_restore_nothing_counts_as_heard_until_the_wishes_are_here_again(world: World) -> None:
    await world.wish()
    before = await heard_as_of(world)
    now = (await beat(world)).json()["as_of"]
    refused = await beat(world, echo=now, applied=2)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:commonground:problem:wishes-missing"
    assert refused.json()["applied"] == 1
    assert await heard_as_of(world) == before
    assert (await beat(world, echo=now, applied=1)).status_code == 200
    assert await heard_as_of(world) == datetime.fromisoformat(now)


async def test_after_a_restore_no_wish_that_counts_on_more_is_applied(world: World) -> None:
    known = await world.wish()
    new = str(uuid4())
    for call, seq in ((new, 1), (known, 2)):
        refused = await world.put(f"/v1/incidents/{call}", fakes.withdrawn(seq, "risk_rose") | {"applied": 2})
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:commonground:problem:wishes-missing"
        assert refused.json()["applied"] == 1
    assert (await world.progress(known))["status"] == "waiting"
    again = await world.put(f"/v1/incidents/{known}", fakes.withdrawn(2, "risk_rose") | {"applied": 1})
    assert (again.json()["status"], again.json()["applied"]) == ("ended", 2)
    first = await world.put(f"/v1/incidents/{new}", fakes.withdrawn(1, "risk_rose") | {"applied": 2})
    assert (first.json()["status"], first.json()["applied"]) == ("ended", 3)


async def test_a_withdrawal_named_by_the_heartbeat_stops_a_team_at_once(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    await beat(world, withdrawn=[call])
    [item] = await world.tablet(team)
    assert item["status"] == "withdrawing"
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"]) == ("ended", None)
    true = (await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2, "risk_rose"))).json()
    assert true["return_reason"] == "risk_rose"
    again = await beat(world, withdrawn=[call])
    assert again.status_code == 200
    assert (await world.progress(call))["version"] == true["version"]


async def test_a_withdrawal_of_a_call_that_a_crew_has_closed_leaves_its_outcome(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    for action in ("accept", "depart", "arrive"):
        await world.act(team, offer["id"], action)
    await world.act(team, offer["id"], "clear", outcome="calmed")
    await beat(world, withdrawn=[call])
    answer = await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2, "risk_rose"))
    assert (answer.status_code, answer.json()["status"]) == (200, "ended")
    assert (answer.json()["outcome"], answer.json()["return_reason"]) == ("calmed", None)


async def test_a_withdrawal_of_a_call_that_dispatch_has_returned_leaves_its_reason(world: World) -> None:
    call = await world.wish(may_offer=False, reason="review")
    await world.passes(timedelta(hours=1, minutes=1))

    async def returned() -> bool:
        return bool((await world.progress(call))["return_reason"] == "review_timeout")

    await world.until(returned)
    await beat(world, withdrawn=[call])
    answer = await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2, "risk_rose"))
    assert (answer.status_code, answer.json()["return_reason"]) == (200, "review_timeout")


async def test_a_withdrawal_by_heartbeat_of_a_call_never_seen_stops_its_late_wish(world: World) -> None:
    world.teams.items = [fakes.a_team()]
    call = str(uuid4())
    await beat(world, withdrawn=[call])
    assert (await world.progress(call))["status"] == "ended"
    late = await world.put(f"/v1/incidents/{call}", fakes.a_wish(1))
    assert late.json()["status"] == "ended"
    assert not world.teams.holds
    assert (await beat(world)).json()["applied"] == 1


async def test_withdrawals_are_stopped_even_when_the_heartbeat_itself_is_refused(world: World) -> None:
    call = await world.wish()
    assert (await beat(world, applied=99, withdrawn=[call])).status_code == 409
    assert (await world.progress(call))["status"] == "ended"


async def test_after_30_s_of_silence_nobody_is_offered_anything(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    await fall_silent(world)
    call = await world.wish()
    await world.app.state.matchmaker.run()
    assert await world.tablet(team) == []
    assert (await world.progress(call))["status"] == "waiting"
    await world.heard()
    assert (await world.offered(team))["incident_id"] == call


@pytest.mark.parametrize(
    ("steps", "action"),
    [((), "accept"), (("accept",), "depart"), (("accept",), "arrive"), (("accept", "depart"), "arrive")],
)
async def test_after_30_s_of_silence_no_crew_goes_on(world: World, steps: tuple[str, ...], action: str) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    await world.wish()
    offer = await world.offered(team)
    for step in steps:
        assert (await world.act(team, offer["id"], step)).status_code == 200
    await fall_silent(world)
    refused = await world.act(team, offer["id"], action)
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:commonground:problem:safety-link-down"
    assert refused.headers["retry-after"] == "5"
    [item] = await world.tablet(team)
    assert "safety_link" in item["awaiting"]
    assert item["may_depart"] is False
    assert action not in item["actions"]
    await world.heard()
    assert (await world.act(team, offer["id"], action)).status_code == 200


async def test_in_silence_a_crew_can_still_check_in_escalate_clear_and_press_the_panic_button(world: World) -> None:
    one, other = fakes.a_team("One"), fakes.a_team("Other")
    world.teams.items = [one]
    await world.wish()
    first = await world.offered(one)
    world.teams.items = [other]
    await world.wish()
    second = await world.offered(other)
    for action in ("accept", "depart", "arrive"):
        await world.act(one, first["id"], action)
        await world.act(other, second["id"], action)
    await fall_silent(world)
    assert (await world.act(one, first["id"], "check_in")).status_code == 200
    assert (await world.act(one, first["id"], "clear", outcome="calmed")).status_code == 200
    assert (await world.post(f"/v1/teams/{other['team_id']}/emergency", {}, other["team_id"])).status_code == 202
    assert (await world.act(other, second["id"], "escalate", needs="police")).status_code == 200
    assert (await world.act(other, second["id"], "acknowledge_recall")).status_code == 200
    assert (await world.act(other, second["id"], "clear")).json()["status"] == "escalated"


async def test_silence_raises_an_alert_and_being_heard_again_closes_it(world: World) -> None:
    async def kinds() -> list[str]:
        return [alert["kind"] for alert in (await world.get("/v1/alerts")).json()["items"]]

    await fall_silent(world)

    async def raised() -> bool:
        return await kinds() == ["safety_link_down"]

    await world.until(raised)
    await world.heard()

    async def resolved() -> bool:
        return await kinds() == []

    await world.until(resolved)
