"""Intake's wish: late, twice, out of order, and every way in which it changes what a team may do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World


async def put(world: World, call: str, wish: dict[str, Any]) -> dict[str, Any]:
    answer = await world.put(f"/v1/incidents/{call}", wish)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_withdrawal_of_a_call_never_seen_is_kept_so_that_a_late_wish_finds_it(world: World) -> None:
    world.teams.items = [fakes.a_team()]
    call = str(uuid4())
    assert (await put(world, call, fakes.withdrawn(2, "risk_rose")))["status"] == "ended"
    late = await put(world, call, fakes.a_wish(1))
    assert (late["status"], late["return_reason"], late["assignment"]) == ("ended", "risk_rose", None)
    later_still = await put(world, call, fakes.a_wish(3))
    assert later_still["status"] == "ended"
    assert not world.teams.holds


async def test_an_older_or_equal_seq_changes_nothing_and_is_answered_with_the_current_state(world: World) -> None:
    call = await world.wish(seq=5)
    before = await world.progress(call)
    for seq in (5, 4, 1):
        again = await put(world, call, fakes.withdrawn(seq))
        assert (again["status"], again["version"]) == ("waiting", before["version"])
    applied = await world.row("SELECT applied FROM dispatch.link")
    assert applied["applied"] == 1


async def test_each_applied_wish_is_counted_once(world: World) -> None:
    call = await world.wish(seq=1)
    await world.wish(call, seq=2)
    await world.wish(call, seq=2)
    await put(world, call, fakes.withdrawn(3))
    answer = await world.put("/v1/heartbeat", {"echo": None, "applied": 3})
    assert answer.json()["applied"] == 3


async def test_a_civilian_wish_without_facts_is_refused(world: World) -> None:
    answer = await world.put(f"/v1/incidents/{uuid4()}", fakes.a_wish(facts=None))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/facts"


async def test_only_a_service_may_say_what_intake_wants(world: World) -> None:
    for who in ("supervisor", "cad", str(uuid4())):
        if who == "cad":
            continue
        answer = await world.put(f"/v1/incidents/{uuid4()}", fakes.a_wish(), who)
        assert answer.status_code == 403


async def test_a_call_that_may_not_be_offered_waits_and_is_offered_when_it_may(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish(may_offer=False, reason="review")
    assert await world.app.state.matchmaker.run() is False
    assert await world.tablet(team) == []
    await world.wish(call, seq=2)
    assert (await world.offered(team))["incident_id"] == call


@pytest.mark.parametrize("verdict", ["review", "unsafe", None])
async def test_nothing_but_a_safe_decision_is_offered_even_if_the_wish_says_may_offer(
    world: World, verdict: str | None
) -> None:
    world.teams.items = [fakes.a_team()]
    await world.wish(facts=fakes.facts(decision=fakes.decision(verdict) if verdict else {"priority": 1}))
    await world.app.state.matchmaker.run()
    assert not world.teams.holds


async def test_an_open_offer_is_recalled_when_the_call_may_no_longer_be_offered(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.wish(
        call, seq=2, may_offer=False, reason="review", facts=fakes.facts(decision=fakes.decision("review"))
    )
    assert await world.tablet(team) == []
    progress = await world.progress(call)
    assert (progress["status"], progress["assignment"]["status"]) == ("waiting", "recalled")
    assert (await world.act(team, offer["id"], "accept")).status_code == 409
    await world.until(lambda: _released(world, offer["id"]))
    await world.wish(call, seq=3)
    again = await world.offered(team)
    assert again["id"] != offer["id"]


async def test_new_facts_that_need_another_team_recall_the_offer_and_offer_it_to_one_that_fits(world: World) -> None:
    english, korean = fakes.a_team("English", languages=["en"]), fakes.a_team("Korean", languages=["ko"])
    world.teams.items = [english, korean]
    call = await world.wish(facts=fakes.facts(languages={"required": ["en"], "preferred": []}))
    await world.offered(english)
    await world.wish(call, seq=2, facts=fakes.facts(languages={"required": ["ko"], "preferred": []}))
    assert (await world.offered(korean))["incident_id"] == call
    assert await world.tablet(english) == []


async def test_a_team_that_no_longer_fits_before_it_left_withdraws_and_another_is_offered_the_call(
    world: World,
) -> None:
    english, korean = fakes.a_team("English", languages=["en"]), fakes.a_team("Korean", languages=["ko"])
    world.teams.items = [english, korean]
    call = await world.wish(facts=fakes.facts(languages={"required": ["en"], "preferred": []}))
    offer = await world.offered(english)
    await world.act(english, offer["id"], "accept")
    await world.wish(call, seq=2, facts=fakes.facts(languages={"required": ["ko"], "preferred": []}))
    [item] = await world.tablet(english)
    assert (item["status"], item["recall"]["reason"]) == ("withdrawing", "no_longer_fits")
    assert (await world.offered(korean))["incident_id"] == call
    cleared = await world.act(english, offer["id"], "clear")
    assert cleared.json()["status"] == "cancelled"


async def test_a_team_that_no_longer_fits_after_it_left_goes_on_and_is_shown(world: World) -> None:
    team = fakes.a_team(languages=["en"])
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    await world.act(team, offer["id"], "depart")
    await world.wish(call, seq=2, facts=fakes.facts(languages={"required": ["ko"], "preferred": []}))
    [item] = await world.tablet(team)
    assert (item["status"], item["misfit"]) == ("en_route", "required_language")
    alerts = (await world.get("/v1/alerts")).json()["items"]
    assert [alert["kind"] for alert in alerts] == ["no_longer_fits"]


async def test_a_recall_withdraws_a_team_that_has_accepted_and_frees_it_only_when_it_is_away(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    await world.act(team, offer["id"], "depart")
    ended = await put(world, call, fakes.withdrawn(2, "risk_rose"))
    assert (ended["status"], ended["return_reason"], ended["assignment"]["status"]) == (
        "ended",
        "risk_rose",
        "withdrawing",
    )
    assert ended["act_by"] is not None
    [item] = await world.tablet(team)
    assert item["actions"] == ["acknowledge_recall", "clear", "escalate"]
    assert item["recall"]["reason"] == "risk_rose"
    assert item["may_depart"] is False
    assert offer["id"] in world.teams.holds
    read = await world.act(team, offer["id"], "acknowledge_recall")
    assert (read.json()["status"], read.json()["version"]) == ("withdrawing", item["version"])
    assert (await world.tablet(team))[0]["recall"]["acknowledged_at"] is not None
    away = await world.act(team, offer["id"], "clear")
    assert away.json()["status"] == "recalled"
    await world.until(lambda: _released(world, offer["id"]))
    assert (await world.progress(call))["act_by"] is None


async def test_a_recall_takes_a_crew_off_the_scene(world: World) -> None:
    team, call, offer = await on_scene(world)
    await put(world, call, fakes.withdrawn(2, "unsafe"))
    [item] = await world.tablet(team)
    assert item["status"] == "withdrawing"
    crossed = await world.act(team, offer["id"], "clear", outcome="agreement")
    assert crossed.json()["status"] == "recalled"
    progress = await world.progress(call)
    assert (progress["return_reason"], progress["outcome"]) == ("unsafe", None)


async def test_a_cancelled_call_recalls_the_offer_and_withdraws_a_team_on_its_way(world: World) -> None:
    asked, going = fakes.a_team("Asked"), fakes.a_team("Going")
    world.teams.items = [asked]
    first = await world.wish()
    offer = await world.offered(asked)
    ended = await put(world, first, fakes.withdrawn(2, "cancelled"))
    assert (ended["status"], ended["return_reason"], ended["assignment"]["status"]) == ("ended", None, "cancelled")
    await world.until(lambda: _released(world, offer["id"]))
    world.teams.items = [going]
    second = await world.wish()
    offer = await world.offered(going)
    await world.act(going, offer["id"], "accept")
    await put(world, second, fakes.withdrawn(2, "cancelled"))
    [item] = await world.tablet(going)
    assert (item["status"], item["recall"]["reason"]) == ("withdrawing", "cancelled")
    assert (await world.act(going, offer["id"], "clear")).json()["status"] == "cancelled"


async def test_a_cancelled_call_with_a_crew_on_scene_only_tells_the_crew(world: World) -> None:
    team, call, offer = await on_scene(world)
    told = await put(world, call, fakes.withdrawn(2, "cancelled"))
    assert (told["status"], told["assignment"]["status"]) == ("committed", "on_scene")
    [item] = await world.tablet(team)
    assert item["call_cancelled_at"] is not None
    assert item["recall"] is None
    done = await world.act(team, offer["id"], "clear", outcome="gone_on_arrival")
    assert done.json()["status"] == "cleared"
    progress = await world.progress(call)
    assert (progress["status"], progress["outcome"]) == ("ended", "gone_on_arrival")


async def test_danger_after_a_cancellation_still_recalls_the_crew_on_scene(world: World) -> None:
    team, call, _ = await on_scene(world)
    await put(world, call, fakes.withdrawn(2, "cancelled"))
    await put(world, call, fakes.withdrawn(3, "risk_rose"))
    [item] = await world.tablet(team)
    assert (item["status"], item["recall"]["reason"]) == ("withdrawing", "risk_rose")


async def test_an_accepted_team_waits_at_the_staging_point_until_it_may_go(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish(may_depart=False, reason="police_staged")
    offer = await world.offered(team)
    accepted = (await world.act(team, offer["id"], "accept")).json()
    assert (accepted["may_depart"], accepted["awaiting"]) == (False, ["police_staged"])
    for action in ("depart", "arrive"):
        refused = await world.act(team, offer["id"], action)
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:commonground:problem:may-not-go-yet"
        assert refused.json()["awaiting"] == ["police_staged"]
    await world.wish(call, seq=2)
    assert (await world.act(team, offer["id"], "depart")).status_code == 200
    await world.wish(call, seq=3, may_depart=False, reason="police_staged")
    [item] = await world.tablet(team)
    assert (item["status"], item["may_depart"], item["actions"]) == ("en_route", False, ["check_in", "escalate"])
    assert (await world.act(team, offer["id"], "arrive")).status_code == 409
    await world.wish(call, seq=4)
    assert (await world.act(team, offer["id"], "arrive")).status_code == 200


async def test_a_team_that_waits_for_a_review_may_not_leave_whatever_may_depart_says(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    await world.wish(call, seq=2, reason="review", facts=fakes.facts(decision=fakes.decision("review")))
    refused = await world.act(team, offer["id"], "depart")
    assert (refused.status_code, refused.json()["awaiting"]) == (409, ["review"])


async def test_a_priority_or_deadline_that_changes_moves_the_deadline_of_a_waiting_call(world: World) -> None:
    call = await world.wish()
    soon = (datetime.now(UTC) + timedelta(minutes=2)).replace(microsecond=0)
    await world.wish(call, seq=2, facts=fakes.facts(assign_by=soon.isoformat(), decision=fakes.decision(priority=1)))
    progress = await world.progress(call)
    assert datetime.fromisoformat(progress["act_by"]) == soon


async def test_a_wish_may_be_larger_than_a_clients_body(world: World) -> None:
    words = [{"source": f"update {n}", "text": "ñ" * 16_000} for n in range(4)]
    await world.wish(facts=fakes.facts(briefing={"cautions": [], "words": words, "unknown": [], "notes": []}))
    large = await world.post(f"/v1/incidents/{uuid4()}/recall", {"reason": "x" * 70_000}, "supervisor")
    assert large.status_code == 413


async def on_scene(world: World) -> tuple[dict[str, Any], str, dict[str, Any]]:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    for action in ("accept", "depart", "arrive"):
        answer = await world.act(team, offer["id"], action)
        assert answer.status_code == 200, answer.text
    return team, call, offer


async def _released(world: World, assignment_id: str) -> bool:
    return assignment_id in world.teams.released
