"""Worse news: whatever the crew is doing, the call goes back to the police call center and the crew is called off."""

from datetime import datetime

import pytest

from tests.field.ground import Corner, Field
from tests.field.people import DOUBT, WORSE
from tests.field.wire import eventually

STEPS = {"accepted": ("accept",), "en_route": ("accept", "depart"), "on_scene": ("accept", "depart", "arrive")}


async def test_worse_news_takes_an_open_offer_back_at_once(corner: Corner, field: Field) -> None:
    call, item = await corner.offered()
    returned = await corner.cad.update(call, WORSE)
    assert (returned["status"], returned["return_reason"]) == ("returned", "risk_rose")
    assert returned["recommended_response"] == "police"
    await corner.tablet.is_empty_of(call)
    await field.office.is_free(corner.tablet)
    late = await corner.tablet.act(item, "accept")
    assert late.refused(409)["assignment_status"] == "recalled"


@pytest.mark.parametrize("reached", STEPS)
async def test_worse_news_calls_a_crew_off_and_holds_its_team_until_it_is_away(
    corner: Corner, field: Field, reached: str
) -> None:
    call, item = await corner.under_way(*STEPS[reached])
    await corner.cad.until(call, reached)
    returned = await corner.cad.update(call, WORSE)
    assert (returned["status"], returned["return_reason"]) == ("returned", "risk_rose")

    shown = await corner.tablet.shows(call, "withdrawing")
    assert set(shown["actions"]) == {"acknowledge_recall", "clear", "escalate"}
    assert shown["recall"]["reason"] == "risk_rose"
    assert shown["recall"]["words"]
    assert shown["recall"]["acknowledge_by"] is not None
    assert shown["recall"]["acknowledged_at"] is None
    for action in ("accept", "depart", "arrive"):
        (await corner.tablet.act(item, action)).refused(409)

    await corner.tablet.press(item, "acknowledge_recall")
    assert (await corner.tablet.shows(call, "withdrawing"))["recall"]["acknowledged_at"] is not None
    hold = await field.office.hold_of(corner.tablet)
    assert hold is not None
    assert hold["assignment_id"] == item["id"]

    await corner.tablet.press(item, "clear")
    assert (await field.office.assignment(item["id"]))["status"] == "recalled"
    await corner.tablet.is_empty_of(call)
    await field.office.is_free(corner.tablet)
    assert (await corner.cad.call(call))["status"] == "returned"


async def test_a_recalled_crew_does_not_keep_the_tablet_from_showing_it_first(corner: Corner) -> None:
    call, _ = await corner.under_way("accept", "depart")
    await corner.cad.update(call, WORSE)
    await corner.tablet.shows(call, "withdrawing")
    assert (await corner.tablet.list())[0]["status"] == "withdrawing"
    await corner.tablet.withdraw(call)


async def test_news_that_a_person_must_see_stops_an_offer_until_a_reviewer_clears_it(
    corner: Corner, field: Field
) -> None:
    await field.reviewer.queue()
    call, item = await corner.offered()
    doubted = await corner.cad.update(call, DOUBT)
    assert doubted["status"] == "in_review"
    assert doubted["review_by"] is not None
    await corner.tablet.is_empty_of(call)
    (await corner.tablet.act(item, "accept")).refused(409)
    assert call["id"] in {entry["id"] for entry in await field.reviewer.queue()}

    await field.reviewer.clear(doubted)
    again = await corner.tablet.shows(call)
    assert again["id"] != item["id"]
    await corner.tablet.go(again, "accept", "depart", "arrive", "clear")
    await corner.cad.until(call, "closed")


async def test_doubt_after_acceptance_stops_the_crew_short_and_nobody_clearing_it_returns_the_call(
    corner: Corner, field: Field
) -> None:
    await field.reviewer.queue()
    call, item = await corner.under_way("accept")
    await corner.cad.until(call, "accepted")
    doubted = await corner.cad.update(call, DOUBT)
    assert doubted["status"] == "accepted"
    assert doubted["review_by"] is not None
    shown = await corner.tablet.shows(call, "accepted", where=lambda seen: not seen["may_depart"])
    assert shown["awaiting"] == ["review"]
    assert (await corner.tablet.act(item, "depart")).refused(409)["awaiting"] == ["review"]

    cleared = await field.reviewer.clear(doubted)
    assert cleared["review_by"] is None
    await corner.tablet.shows(call, "accepted", where=lambda seen: bool(seen["may_depart"]))
    await corner.tablet.go(item, "depart")
    again = await corner.cad.update(call, {"narrative": "She is his ex girlfriend."})
    assert again["review_by"] is not None

    await field.just_after(datetime.fromisoformat(again["review_by"]))
    returned = await corner.cad.until(call, "returned", within_s=15)
    assert returned["return_reason"] == "risk_rose"
    await corner.tablet.withdraw(call)
    await field.office.is_free(corner.tablet)


async def test_a_supervisor_calls_a_team_off_and_the_call_is_returned(corner: Corner, field: Field) -> None:
    call, item = await corner.under_way("accept", "depart")
    (await field.office.recall(call)).good()
    returned = await corner.cad.until(call, "returned")
    assert returned["return_reason"] == "supervisor_recalled"
    assert returned["recommended_response"] is not None
    shown = await corner.tablet.withdraw(call)
    assert shown["recall"]["reason"] == "supervisor_recalled"
    assert (await field.office.assignment(item["id"]))["status"] == "recalled"


async def test_when_a_clear_and_a_recall_cross_the_call_is_returned(corner: Corner, field: Field) -> None:
    call, item = await corner.under_way("accept", "depart", "arrive")
    await field.system.cut("dispatch", "intake")
    try:
        await corner.tablet.go(item, "clear")
        assert (await field.office.assignment(item["id"]))["status"] == "cleared"
        assert (await corner.cad.update(call, WORSE))["status"] == "returned"
    finally:
        await field.system.mend()

    async def told() -> bool:
        events = await corner.cad.timeline(call)
        return any(event["service"] == "dispatch" and event["action"] == "clear" for event in events)

    await eventually("intake has heard of the clear", told, within_s=20)
    after = await corner.cad.call(call)
    assert (after["status"], after["outcome"]) == ("returned", None)
