"""Every deadline of the table, and what follows when it passes. No deadline ends at an alert."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.dispatch.commands import deadlines
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World

MINUTE = timedelta(minutes=1)


async def pass_by(world: World, time: timedelta) -> None:
    """Let time pass and the sweep run, once."""
    await world.passes(time)
    await sweep(world)


async def sweep(world: World) -> None:
    """Meet what is due; the service's own sweep may hold a case just now, so until nothing is due any more."""
    db, desk = world.app.state.db, world.app.state.desk
    for _ in range(250):
        async with db.autocommit() as unit:
            passed = await deadlines.due(unit, desk.jurisdiction)
        if not passed:
            return
        for incident_id in passed:
            await deadlines.meet(db, desk, incident_id)
        await asyncio.sleep(0.02)
    raise AssertionError("a deadline stays due")


async def kinds(world: World) -> list[str]:
    return sorted(alert["kind"] for alert in (await world.get("/v1/alerts")).json()["items"])


async def to(world: World, *actions: str, **wish: Any) -> tuple[dict[str, Any], str, dict[str, Any]]:
    team = fakes.a_team()
    world.teams.items = [team]
    call = await world.wish(**wish)
    offer = await world.offered(team)
    for action in actions:
        answer = await world.act(team, offer["id"], action)
        assert answer.status_code == 200, answer.text
    world.teams.items = []  # nobody else, so that what becomes of the call can be seen
    return team, call, offer


async def test_an_offer_that_nobody_answers_expires_and_goes_to_the_next_team(world: World) -> None:
    _, call, offer = await to(world)
    other = fakes.a_team("Other")
    world.teams.items = [other]
    await pass_by(world, timedelta(seconds=91))
    assert (await world.get(f"/v1/assignments/{offer['id']}")).json()["status"] == "expired"
    assert (await world.offered(other))["incident_id"] == call


async def test_an_offer_whose_time_has_passed_is_neither_shown_nor_accepted_before_the_sweep(world: World) -> None:
    team, _, offer = await to(world)
    loop_free = world.app.state.sweeps
    await loop_free.stop()
    await world.passes(timedelta(seconds=91))
    assert await world.tablet(team) == []
    late = await world.act(team, offer["id"], "accept")
    assert (late.status_code, late.json()["assignment_status"]) == (409, "expired")
    loop_free.start()


async def test_a_call_is_returned_at_its_deadline_with_the_offer_taken_back(world: World) -> None:
    soon = datetime.fromisoformat((await world.put("/v1/heartbeat", {"echo": None})).json()["as_of"]) + MINUTE
    team, call, offer = await to(world, facts=fakes.facts(assign_by=soon.isoformat()))
    assert datetime.fromisoformat(offer["respond_by"]) == soon
    await pass_by(world, 2 * MINUTE)
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"]) == ("ended", "no_team_accepted")
    assert progress["assignment"]["status"] in {"expired", "recalled"}
    assert await world.tablet(team) == []


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([], "no_team_on_duty"),
        ([fakes.a_team(offerable=False, reasons=["off_shift"])], "no_team_on_duty"),
        ([fakes.a_team(disciplines=["interrupter"])], "no_team_on_duty"),
        (
            [fakes.a_team(offerable=False, reasons=["held"], hold={
                "assignment_id": "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c", "incident_id": "0193576e-0c5e-7c5a-9a53-0d7f6e0a1b2c",
                "since": "2026-11-24T02:00:00Z"})],
            "all_teams_busy",
        ),
    ],
)  # fmt: skip
async def test_a_call_without_a_team_waits_until_its_deadline_and_says_why(
    world: World, items: list[dict[str, Any]], reason: str
) -> None:
    world.teams.items = items
    call = await world.wish()

    async def seen() -> bool:
        row = await world.row("SELECT unmatched FROM dispatch.incident")
        return bool(row["unmatched"] == reason)

    await world.until(seen)
    await pass_by(world, 16 * MINUTE)
    assert await kinds(world) == ["waiting_long"]
    assert (await world.progress(call))["status"] == "waiting"
    await pass_by(world, 45 * MINUTE)
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"]) == ("ended", reason)
    assert await kinds(world) == []


async def test_a_call_that_could_never_be_matched_is_returned_as_our_fault(world: World) -> None:
    world.teams.silent = True
    call = await world.wish()
    await pass_by(world, 61 * MINUTE)
    assert (await world.progress(call))["return_reason"] == "system_fault"


async def test_a_call_whose_review_nobody_finished_is_returned_with_review_timeout(world: World) -> None:
    call = await world.wish(may_offer=False, reason="review")
    await pass_by(world, 61 * MINUTE)
    assert (await world.progress(call))["return_reason"] == "review_timeout"


async def test_an_urgent_call_is_alerted_after_5_minutes(world: World) -> None:
    await world.wish(facts=fakes.facts(decision=fakes.decision(priority=1)))
    await pass_by(world, 4 * MINUTE)
    assert await kinds(world) == []
    await pass_by(world, 2 * MINUTE)
    assert await kinds(world) == ["waiting_long"]


async def test_a_crew_that_does_not_leave_is_nudged_then_loses_the_call(world: World) -> None:
    team, call, offer = await to(world, "accept")
    await pass_by(world, timedelta(seconds=91))
    [item] = await world.tablet(team)
    assert (item["status"], item["alarm"]) == ("accepted", "depart")
    assert await kinds(world) == ["depart_late"]
    await pass_by(world, timedelta(seconds=91))
    [item] = await world.tablet(team)
    assert (item["status"], item["recall"]["reason"]) == ("withdrawing", "not_departed")
    progress = await world.progress(call)
    assert progress["status"] == "waiting"
    assert "depart_late" not in await kinds(world)
    world.teams.items = [team]
    assert (await world.act(team, offer["id"], "clear")).json()["status"] == "expired"
    await world.app.state.matchmaker.run()
    assert await world.tablet(team) == [], "the team that let it lapse is not asked again"


async def test_a_crew_that_leaves_after_the_nudge_keeps_the_call(world: World) -> None:
    team, _, offer = await to(world, "accept")
    await pass_by(world, timedelta(seconds=91))
    assert (await world.act(team, offer["id"], "depart")).status_code == 200
    assert await kinds(world) == []
    assert (await world.tablet(team))[0]["alarm"] is None


async def test_a_crew_that_does_not_arrive_is_nudged_then_the_call_is_returned_and_somebody_looks_for_it(
    world: World,
) -> None:
    team, call, _ = await to(world, "accept", "depart")
    await pass_by(world, 21 * MINUTE)
    assert (await world.tablet(team))[0]["alarm"] == "arrive"
    assert await kinds(world) == ["arrive_late"]
    await pass_by(world, 11 * MINUTE)
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"]) == ("ended", "team_silent")
    assert [notice["kind"] for notice in progress["notices"]] == ["check_on_team"]
    assert progress["assignment"]["status"] == "withdrawing"
    assert await kinds(world) == ["check_on_team"]


async def test_a_crew_on_its_way_that_checks_in_is_not_silent(world: World) -> None:
    team, call, offer = await to(world, "accept", "depart")
    await pass_by(world, 21 * MINUTE)
    assert (await world.act(team, offer["id"], "check_in")).status_code == 200
    assert await kinds(world) == []
    await pass_by(world, 9 * MINUTE)
    assert (await world.progress(call))["status"] == "committed"


async def test_a_long_drive_has_a_deadline_of_twice_its_estimate(world: World) -> None:
    far = fakes.a_team(base={"lat_deg": 34.3, "lon_deg": -118.6})
    world.teams.items = [far]
    await world.wish()
    offer = await world.offered(far)
    await world.act(far, offer["id"], "accept")
    await world.act(far, offer["id"], "depart")
    row = await world.row("SELECT drive_s, eta, act_by, dispatch.clock() AS now FROM dispatch.assignment")
    assert row["drive_s"] > 20 * 60
    assert abs((row["act_by"] - row["now"]).total_seconds() - 2 * row["drive_s"]) < 5
    assert abs((row["eta"] - row["now"]).total_seconds() - row["drive_s"]) < 5


async def test_a_crew_on_scene_that_does_not_check_in_is_looked_for_every_10_minutes(world: World) -> None:
    team, call, offer = await to(world, "accept", "arrive")
    await pass_by(world, 11 * MINUTE)
    assert (await world.tablet(team))[0]["alarm"] == "check_in"
    assert await kinds(world) == ["check_in_missed"]
    assert (await world.progress(call))["notices"] == []
    await pass_by(world, 3 * MINUTE)
    await pass_by(world, 11 * MINUTE)
    progress = await world.progress(call)
    assert [notice["kind"] for notice in progress["notices"]] == ["check_on_team", "check_on_team"]
    assert progress["assignment"]["status"] == "on_scene"
    assert (await world.act(team, offer["id"], "check_in")).status_code == 200
    assert await kinds(world) == []
    await pass_by(world, 9 * MINUTE)
    assert len((await world.progress(call))["notices"]) == 2


@pytest.mark.parametrize("reason", ["review", "police_staged"])
async def test_worse_news_does_not_put_off_the_search_for_a_silent_crew_on_scene(world: World, reason: str) -> None:
    _, call, _ = await to(world, "accept", "arrive")
    await pass_by(world, 11 * MINUTE)
    for seq, changes in ((2, {"may_depart": False, "reason": reason}), (3, {})):
        await world.wish(call, seq=seq, **changes)
    row = await world.row("SELECT watch, stage, act_by - dispatch.clock() AS left FROM dispatch.assignment")
    assert (row["watch"], row["stage"], row["left"] <= 2 * MINUTE) == ("check_in", 1, True)
    await pass_by(world, 3 * MINUTE)
    assert [notice["kind"] for notice in (await world.progress(call))["notices"]] == ["check_on_team"]


async def test_worse_news_does_not_put_off_the_search_for_a_crew_that_has_not_arrived(world: World) -> None:
    _, call, _ = await to(world, "accept", "depart")
    await pass_by(world, 21 * MINUTE)
    for seq, changes in ((2, {"may_depart": False, "reason": "review"}), (3, {})):
        await world.wish(call, seq=seq, **changes)
    await pass_by(world, 11 * MINUTE)
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"]) == ("ended", "team_silent")
    assert [notice["kind"] for notice in progress["notices"]] == ["check_on_team"]


async def test_a_crew_that_must_stop_on_its_way_is_asked_after_no_later_than_it_was_to_arrive(world: World) -> None:
    _, call, _ = await to(world, "accept", "depart")
    await pass_by(world, 18 * MINUTE)
    await world.wish(call, seq=2, may_depart=False, reason="police_staged")
    row = await world.row("SELECT watch, stage, act_by - dispatch.clock() AS left FROM dispatch.assignment")
    assert (row["watch"], row["stage"], row["left"] <= 2 * MINUTE) == ("staged", 0, True)
    await world.wish(call, seq=3)
    row = await world.row("SELECT watch, stage, act_by - dispatch.clock() AS left FROM dispatch.assignment")
    assert (row["watch"], row["stage"], row["left"] > 19 * MINUTE) == ("arrive", 0, True), (
        "it drives on, and has the time to"
    )


async def test_a_crew_that_stays_silent_after_an_acknowledgement_is_a_new_alert(world: World) -> None:
    await to(world, "accept", "arrive")
    await pass_by(world, 11 * MINUTE)
    await pass_by(world, 3 * MINUTE)
    for alert in (await world.get("/v1/alerts")).json()["items"]:
        await world.post(f"/v1/alerts/{alert['id']}/acknowledge", {}, "supervisor")
    await pass_by(world, 11 * MINUTE)
    alerts = (await world.get("/v1/alerts")).json()["items"]
    assert [alert["kind"] for alert in alerts if alert["acknowledged_at"] is None] == ["check_on_team"]


async def test_a_recall_that_nobody_reads_ends_at_a_notice_with_the_last_position_and_repeats(world: World) -> None:
    seen = {"lat_deg": 34.0441, "lon_deg": -118.2101, "at": "2026-11-24T02:00:00Z"}
    team = fakes.a_team(position=seen)
    world.teams.items = [team]
    call = await world.wish()
    offer = await world.offered(team)
    await world.act(team, offer["id"], "accept")
    await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2))
    await pass_by(world, timedelta(seconds=61))
    assert await kinds(world) == ["recall_unread"]
    assert (await world.tablet(team))[0]["alarm"] == "read"
    await pass_by(world, timedelta(seconds=61))
    await pass_by(world, 11 * MINUTE)
    notices = (await world.progress(call))["notices"]
    assert [notice["kind"] for notice in notices] == ["check_on_team"] * 2
    assert notices[0]["position"]["lat_deg"] == seen["lat_deg"]
    await world.act(team, offer["id"], "acknowledge_recall")
    assert await kinds(world) == []


async def test_a_crew_that_read_its_recall_but_never_says_it_is_away_is_looked_for(world: World) -> None:
    team, call, offer = await to(world, "accept")
    await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2))
    await world.act(team, offer["id"], "acknowledge_recall")
    await pass_by(world, 11 * MINUTE)
    assert await kinds(world) == ["not_away"]
    await pass_by(world, 3 * MINUTE)
    assert [notice["kind"] for notice in (await world.progress(call))["notices"]] == ["check_on_team"]


async def test_a_co_response_that_does_not_come_is_alerted_then_the_call_is_returned(world: World) -> None:
    team, call, _ = await to(world, "accept", may_depart=False, reason="police_staged")
    await pass_by(world, 6 * MINUTE)
    assert await kinds(world) == ["co_response_awaited"]
    await pass_by(world, 5 * MINUTE)
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"]) == ("ended", "no_co_response")
    assert (await world.tablet(team))[0]["status"] == "withdrawing"


async def test_the_time_to_depart_begins_when_the_crew_may(world: World) -> None:
    team, call, _ = await to(world, "accept", may_depart=False, reason="police_staged")
    await world.passes(4 * MINUTE)
    await world.wish(call, seq=2)
    row = await world.row("SELECT watch, stage, act_by - dispatch.clock() AS left FROM dispatch.assignment")
    assert (row["watch"], row["stage"]) == ("depart", 0)
    assert 80 < row["left"].total_seconds() <= 90
    assert (await world.tablet(team))[0]["may_depart"] is True


async def test_a_choice_that_was_never_held_is_let_go(world: World) -> None:
    team = fakes.a_team()
    world.teams.items = [team]
    await world.app.state.sweeps.stop()
    call = await world.wish()
    world.app.state.matchmaker.pursue = lambda *_: None  # the process dies on this line
    await world.app.state.matchmaker.run()
    assert (await world.progress(call))["assignment"]["status"] == "holding"
    assert await world.tablet(team) == []
    await pass_by(world, timedelta(seconds=11))
    progress = await world.progress(call)
    assert (progress["status"], progress["assignment"]["status"]) == ("waiting", "cancelled")


async def test_every_live_row_always_has_a_deadline_ahead_or_just_met(world: World) -> None:
    team, call, offer = await to(world, "accept", "depart")

    async def met() -> bool:
        row = await world.row("SELECT count(*) AS n FROM dispatch.assignment WHERE act_by <= dispatch.clock()")
        return bool(row["n"] == 0)

    for minutes in (21, 11, 2, 2, 11, 11):
        await pass_by(world, minutes * MINUTE)
        await world.until(met)
        progress = await world.progress(call)
        assert progress["act_by"] is not None
    await world.act(team, offer["id"], "clear")
    assert (await world.progress(call))["act_by"] is None
