"""Crews that left a call, or asked for help on it: which later news they are told, and which not again."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.dispatch.commands import deadlines
from tests import pg
from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World
from tests.contract.dispatch.test_wishes import on_scene, put


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
