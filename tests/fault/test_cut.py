"""Dispatch stops hearing from intake: within 30 s nobody is sent anywhere any more, and the call center knows in 10 s."""

import asyncio
import time
from datetime import timedelta

import pytest

from services.links import Cut
from tests.field.ground import Corner, Field
from tests.field.people import WORSE
from tests.field.wire import Body, eventually

THREE = {"accept": (), "depart": ("accept",), "arrive": ("accept", "depart")}
"""What must not succeed any more, and the steps before it."""


async def three_calls(field: Field) -> dict[str, tuple[Corner, Body, Body]]:
    """Return a call whose crew would accept next, one to depart, one to arrive."""
    made = {}
    for action, steps in THREE.items():
        corner = await field.corner()
        call, item = await corner.under_way(*steps)
        made[action] = corner, call, item
    await field.link_is_up()
    return made


async def cad_is_told(corner: Corner, call: Body, cursor: str | None) -> Body:
    """Wait for the notice that asks for police, in the feed."""

    async def look() -> Body | None:
        for change in await corner.cad.feed(cursor):
            for notice in (change.get("call") or {}).get("notices", []):
                if notice["kind"] == "send_police" and change["call"]["id"] == call["id"]:
                    return dict(notice)
        return None

    return await eventually("the feed shows send_police", look, within_s=12)


async def home(made: dict[str, tuple[Corner, Body, Body]]) -> None:
    """Let every crew turn round."""
    for corner, call, _ in made.values():
        if corner.tablet and any(item["incident_id"] == call["id"] for item in await corner.tablet.list()):
            await corner.tablet.withdraw(call)


@pytest.mark.parametrize("how", [Cut.SILENT, Cut.REFUSED])
async def test_cut_off_from_intake_no_crew_is_sent_30_s_later_and_the_cad_is_told_within_10_s(
    field: Field, how: Cut
) -> None:
    """The silent cut in real time, which is what an operator gets; for the other the clock is moved."""
    made = await three_calls(field)
    cursors = {action: (await corner.cad.changes())["next"] for action, (corner, _, _) in made.items()}
    await field.system.cut("intake", "dispatch", how)
    since = time.monotonic()
    for corner, call, _ in made.values():
        assert (await corner.cad.update(call, WORSE))["status"] == "returned"
    posted = time.monotonic()
    for action, (corner, call, _) in made.items():
        notice = await cad_is_told(corner, call, cursors[action])
        assert notice["acknowledged_at"] is None
    told_s = time.monotonic() - posted
    assert told_s <= 10, f"the CAD was told after {told_s:.1f} s"

    left_s = max(0.0, 30 - (time.monotonic() - since))
    if how is Cut.SILENT:
        await asyncio.sleep(left_s)
    else:
        await field.later(timedelta(seconds=left_s))
    for action, (corner, _, item) in made.items():
        reply = await corner.tablet.act(item, action)
        reply.refused(503, "safety-link-down")
        assert "retry-after" in reply.headers
    print(f"{how}: the CAD was told after {told_s:.1f} s, nobody could be sent after 30 s")

    await field.system.mend()
    for action, (corner, call, item) in made.items():
        if action == "accept":
            await corner.tablet.is_empty_of(call)
        else:
            await corner.tablet.shows(call, "withdrawing")
        assert (await corner.tablet.act(item, action)).status == 409
    await home(made)


async def test_without_the_link_a_tablet_says_so_and_its_crew_can_still_do_what_keeps_it_safe(field: Field) -> None:
    made = await three_calls(field)
    corner, call, item = made["arrive"]
    on_scene = await field.corner()
    there_call, there = await on_scene.under_way("accept", "depart", "arrive")
    await field.system.cut("intake", "dispatch")
    await field.later(timedelta(seconds=31))
    shown = await corner.tablet.shows(call, "en_route", where=lambda seen: "safety_link" in seen["awaiting"])
    assert not shown["may_depart"]
    assert not {"arrive", "depart"} & set(shown["actions"])
    for action in THREE:
        (await made[action][0].tablet.act(made[action][2], action)).refused(503, "safety-link-down")
    (await corner.tablet.act(item, "check_in")).good()
    assert (await corner.tablet.emergency()).status == 202
    (await corner.tablet.act(item, "escalate", needs="police")).good()
    (await on_scene.tablet.act(there, "clear", outcome="calmed")).good()
    await corner.tablet.withdraw(call)
    await field.system.mend()
    await field.link_is_up()
    assert (await corner.cad.until(call, "returned"))["return_reason"] in {"team_escalated", "system_fault"}
    await on_scene.cad.until(there_call, "closed")
    for action in ("accept", "depart"):
        await made[action][0].cad.cancel(made[action][1])
    await made["depart"][0].tablet.withdraw(made["depart"][1])


async def test_a_heartbeat_that_was_long_under_way_proves_nothing(field: Field) -> None:
    corner = await field.corner()
    call, item = await corner.offered()
    await field.system.cut("intake", "dispatch")
    old = await field.value("SELECT heard_as_of FROM dispatch.link")
    await field.later(timedelta(seconds=40))
    for echo in (old.isoformat(), (field.now() + timedelta(minutes=5)).isoformat(), None):
        applied = await field.value("SELECT applied FROM dispatch.link")
        beat = {"echo": echo, "applied": applied, "withdrawn": []}
        reply = await field.wire.ask("dispatch", "PUT", "/v1/heartbeat", token=field.tokens.service, json=beat)
        answer = reply.good()
        (await corner.tablet.act(item, "accept")).refused(503, "safety-link-down")
    beat = {"echo": answer["as_of"], "applied": answer["applied"], "withdrawn": []}
    (await field.wire.ask("dispatch", "PUT", "/v1/heartbeat", token=field.tokens.service, json=beat)).good()
    (await corner.tablet.act(item, "accept")).good()
    await field.system.mend()
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def test_a_heartbeat_that_names_a_withdrawn_call_stops_its_crew_before_the_wish_arrives(field: Field) -> None:
    corner = await field.corner()
    call, item = await corner.under_way("accept", "depart")
    await field.system.cut("intake", "dispatch")
    applied = await field.value("SELECT applied FROM dispatch.link")
    beat = {"echo": None, "applied": applied, "withdrawn": [call["id"]]}
    (await field.wire.ask("dispatch", "PUT", "/v1/heartbeat", token=field.tokens.service, json=beat)).good()
    await corner.tablet.shows(call, "withdrawing")
    (await corner.tablet.act(item, "arrive")).refused(409)
    await corner.cad.update(call, WORSE)
    await field.system.mend()
    await corner.tablet.withdraw(call)
    assert (await field.office.assignment(item["id"]))["status"] == "recalled"


async def test_the_alert_about_a_late_withdrawal_ends_with_its_confirmation(field: Field) -> None:
    corner = await field.corner()
    call, _ = await corner.under_way("accept", "depart")
    await field.system.cut("intake", "dispatch")
    await corner.cad.update(call, WORSE)
    await field.office.alert("intake", call["id"], "withdrawal_unconfirmed", within_s=12)
    await field.system.mend()
    shown = await corner.tablet.shows(call, "withdrawing")
    # a heartbeat may have named the call before its wish came, and it says no reason
    assert shown["recall"]["reason"] in {"risk_rose", "withdrawn"}

    async def over() -> bool:
        alerts = await field.office.alerts("intake")
        return not any(a["subject"] == call["id"] and a["kind"] == "withdrawal_unconfirmed" for a in alerts)

    await eventually("the alert is over", over)
    await corner.tablet.withdraw(call)
