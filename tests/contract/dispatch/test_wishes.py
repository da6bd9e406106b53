"""Intake's wish: late, twice, out of order, and every way in which it changes what a team may do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.dispatch.commands import deadlines
from tests import pg
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


async def test_a_crew_that_withdraws_for_a_harmless_reason_is_told_of_danger_and_reads_again(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    await put(world, call, fakes.withdrawn(2, "cancelled"))
    await world.act(team, offer["id"], "acknowledge_recall")
    after = await put(world, call, fakes.withdrawn(3, "risk_rose"))
    [item] = await world.tablet(team)
    assert (item["recall"]["reason"], item["recall"]["acknowledged_at"]) == ("risk_rose", None)
    assert (after["status"], after["return_reason"]) == ("ended", None)


@pytest.mark.parametrize("other_has_it", [False, True])
async def test_crews_that_left_a_call_for_harmless_reasons_are_told_of_danger_while_it_waits_or_another_has_it(
    world: World, other_has_it: bool
) -> None:
    teams = {name: fakes.a_team(name, languages=[name]) for name in ("en", "ko", "th")}
    call, seq = str(uuid4()), 0
    for name in ("en", "ko"):
        world.teams.items = [teams[name]]
        seq += 1
        await world.wish(call, seq=seq, facts=speaking(name))
        offer = await world.offered(teams[name])
        assert (await world.act(teams[name], offer["id"], "accept")).status_code == 200
        seq += 1
        await world.wish(call, seq=seq, facts=speaking("th"))
        assert (await world.act(teams[name], offer["id"], "acknowledge_recall")).status_code == 200
    if other_has_it:
        world.teams.items = [teams["th"]]
        await world.act(teams["th"], (await world.offered(teams["th"]))["id"], "accept")
    ended = await put(world, call, fakes.withdrawn(seq + 1, "risk_rose"))
    assert (ended["status"], ended["return_reason"]) == ("ended", "risk_rose")
    for name in ("en", "ko", "th") if other_has_it else ("en", "ko"):
        [item] = await world.tablet(teams[name])
        assert (item["status"], item["recall"]["reason"], item["recall"]["acknowledged_at"]) == (
            "withdrawing", "risk_rose", None,
        )  # fmt: skip


@pytest.mark.parametrize("by_heartbeat", [False, True])
async def test_a_crew_that_asked_for_help_is_not_told_to_read_its_own_news(world: World, by_heartbeat: bool) -> None:
    team, call, offer = await on_scene(world)
    await world.act(team, offer["id"], "escalate", needs="police")
    await world.until(lambda: _reported(world, call, "ended"))
    before = await world.row("SELECT watch, act_by, recall_words FROM dispatch.assignment")
    if by_heartbeat:
        await world.put("/v1/heartbeat", {"echo": None, "applied": 0, "withdrawn": [call]})
        assert (await world.row("SELECT wanted FROM dispatch.incident"))["wanted"] == "withdrawn"
    await put(world, call, fakes.withdrawn(2, "team_escalated"))
    [item] = await world.tablet(team)
    assert (item["recall"]["reason"], item["recall"]["acknowledged_at"] is None) == ("team_escalated", False)
    assert await world.row("SELECT watch, act_by, recall_words FROM dispatch.assignment") == before


async def test_a_crew_that_did_not_leave_in_time_is_not_told_again_that_nobody_took_the_call(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    await world.act(team, (await world.offered(team))["id"], "accept")
    async with pg.connected(world.database.admin) as admin:
        await admin.execute("UPDATE dispatch.incident SET offers = $1", world.app.state.desk.most_offers - 1)
    for _ in range(2):
        await world.passes(timedelta(seconds=91))
        await meet_deadlines(world, call)
    [item] = await world.tablet(team)
    assert (item["recall"]["reason"], (await world.progress(call))["return_reason"]) == (
        "not_departed", "no_team_accepted",
    )  # fmt: skip
    await put(world, call, fakes.withdrawn(2, "no_team_accepted"))
    assert (await world.tablet(team))[0]["recall"] == item["recall"]


async def test_danger_that_dispatch_found_itself_is_told_to_a_crew_that_left_before(world: World) -> None:
    before, after, call = await left_and_followed(world)
    await world.wish(call, seq=3, may_depart=False, reason="review", facts=speaking("ko"))
    for _ in range(2):
        await world.passes(timedelta(minutes=6))
        await meet_deadlines(world, call)
    assert (await world.progress(call))["return_reason"] == "risk_rose"
    assert (await world.tablet(before))[0]["recall"]["reason"] == "no_longer_fits"
    told = (await world.tablet(after))[0]["recall"]
    await put(world, call, fakes.withdrawn(4, "risk_rose"))
    assert (await world.tablet(before))[0]["recall"]["reason"] == "risk_rose"
    assert (await world.tablet(after))[0]["recall"] == told


async def test_a_crew_that_left_before_is_told_that_the_next_one_asked_for_help(world: World) -> None:
    before, after, call = await left_and_followed(world)
    [item] = await world.tablet(after)
    await world.act(after, item["id"], "escalate", needs="police")
    await put(world, call, fakes.withdrawn(3, "team_escalated"))
    words = (await world.tablet(before))[0]["recall"]["words"]
    assert words == "Stop. Another crew on this call asked for help. Keep away, and say when you are away."
    recall = (await world.tablet(after))[0]["recall"]
    assert (recall["words"][:19], recall["acknowledged_at"] is None) == ("You asked for help.", False)


async def left_and_followed(world: World) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return a team that withdraws because it no longer fits, the one that has accepted since, and their call."""
    teams, call = {name: fakes.a_team(name, languages=[name]) for name in ("en", "ko")}, str(uuid4())
    for seq, name in ((1, "en"), (2, "ko")):
        world.teams.items = [teams[name]]
        await world.wish(call, seq=seq, facts=speaking(name))
        offer = await world.offered(teams[name])
        assert (await world.act(teams[name], offer["id"], "accept")).status_code == 200
    return teams["en"], teams["ko"], call


async def meet_deadlines(world: World, call: str) -> None:
    """Meet what is due of a call; the service's own sweep may be at it just now."""

    async def met() -> bool:
        await deadlines.meet(world.app.state.db, world.app.state.desk, UUID(call))
        due = await world.row("SELECT count(*) AS n FROM dispatch.assignment WHERE act_by <= dispatch.clock()")
        return bool(due["n"] == 0)

    await world.until(met)


async def _reported(world: World, call: str, status: str) -> bool:
    return bool(world.intake.reports.get(call, {}).get("status") == status)


def speaking(language: str) -> dict[str, Any]:
    return fakes.facts(languages={"required": [language], "preferred": []})


async def test_a_crew_that_was_told_of_danger_is_not_asked_to_read_the_same_again(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    for seq, reason in ((2, "cancelled"), (3, "risk_rose")):
        await put(world, call, fakes.withdrawn(seq, reason))
    await world.act(team, offer["id"], "acknowledge_recall")
    await put(world, call, fakes.withdrawn(4, "risk_rose"))
    assert (await world.tablet(team))[0]["recall"]["acknowledged_at"] is not None


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
