"""Police and civilians together, calls that belong together, and calls that are tried again."""

from datetime import datetime, timedelta

from tests.field.ground import Corner, Field
from tests.field.people import CALM, DENIED, WORSE
from tests.field.wire import Body, eventually

CROWD: Body = {
    "narrative": "Neighbors arguing in the yard. Verbal only. Many people gathered around.",
    "answers": CALM["answers"] | {"parties": 40},
}


async def co_response(corner: Corner, field: Field) -> Body:
    """Report a call that needs police near by and have it cleared by a reviewer."""
    await field.reviewer.queue()
    call = await corner.report(**CROWD)
    assert call["decision"]["disposition"] == "civilian_with_co_response", call["decision"]["reasons"]
    assert call["status"] == "in_review"
    return await field.reviewer.clear(call)


async def test_a_crew_waits_for_police_at_the_staging_point_and_stops_short_when_they_leave(field: Field) -> None:
    corner = await field.corner(disciplines=["interrupter"])
    call = await co_response(corner, field)
    item = await corner.tablet.shows(call)
    assert (item["may_depart"], item["awaiting"]) == (False, ["police_staged"])
    await corner.tablet.go(item, "accept")
    for action in ("depart", "arrive"):
        assert (await corner.tablet.act(item, action)).refused(409)["awaiting"] == ["police_staged"]

    seen_at = field.now()
    await corner.cad.staged(call, observed_at=seen_at)
    await corner.tablet.shows(call, "accepted", where=lambda seen: bool(seen["may_depart"]))
    await corner.tablet.go(item, "depart")

    await corner.cad.staged(call, yes=False, observed_at=seen_at)  # at a tie, false wins
    await corner.tablet.shows(call, "en_route", where=lambda seen: seen["awaiting"] == ["police_staged"])
    (await corner.tablet.act(item, "arrive")).refused(409)
    await corner.cad.staged(call, yes=True, observed_at=seen_at - timedelta(seconds=5))  # older news changes nothing
    (await corner.tablet.act(item, "arrive")).refused(409)

    await corner.cad.staged(call, yes=True, observed_at=seen_at + timedelta(seconds=1))
    await corner.tablet.shows(call, "en_route", where=lambda seen: bool(seen["may_depart"]))
    await corner.tablet.go(item, "arrive", "clear")
    await corner.cad.until(call, "closed")


async def test_when_police_never_come_the_call_is_returned(field: Field) -> None:
    corner = await field.corner(disciplines=["interrupter"])
    call = await co_response(corner, field)
    item = await corner.tablet.shows(call)
    await corner.tablet.go(item, "accept")
    for _ in range(2):
        shown = await corner.tablet.shows(call, "accepted")
        await field.just_after(datetime.fromisoformat(shown["act_by"]))

        async def moved(before: str = shown["act_by"]) -> bool:
            return all(i["status"] != "accepted" or i["act_by"] != before for i in await corner.tablet.list())

        await eventually("the deadline did something", moved, within_s=15)
    returned = await corner.cad.until(call, "returned", within_s=15)
    assert returned["return_reason"] == "no_co_response"
    await corner.tablet.withdraw(call)


async def test_police_staged_without_a_time_is_refused(corner: Corner) -> None:
    call = await corner.report()
    refusal = await corner.cad.ask("POST", call, "/updates", json={"police_staged": True})
    assert refusal.refused(422)
    assert "/observed_at" in refusal.pointers
    await corner.cad.cancel(call)


async def test_danger_told_of_one_call_withdraws_the_call_that_it_is_linked_to(field: Field) -> None:
    corner = await field.corner(teams=2)
    first = await corner.report(cad_event_id="L-1")
    second = await corner.report(cad_event_id="L-2", linked_to=["L-1"])
    await corner.cad.until(first, "offered")
    await corner.cad.until(second, "offered")
    await corner.cad.update(second, WORSE)
    assert (await corner.cad.until(first, "returned"))["return_reason"] == "risk_rose"


async def test_a_new_call_shares_the_danger_of_the_call_that_it_names(corner: Corner) -> None:
    await corner.report(cad_event_id="D-1", answers=DENIED | {"weapons": "yes"})
    linked = await corner.report(cad_event_id="D-2", linked_to=["D-1"])
    assert (linked["status"], linked["decision"]["verdict"]) == ("returned", "unsafe")


async def test_a_call_tried_again_remembers_the_old_danger(corner: Corner) -> None:
    first = await corner.report(cad_event_id="A-1", answers=DENIED | {"violence": "yes"})
    again = await corner.report(cad_event_id="A-1", attempt=2)
    assert again["id"] != first["id"]
    assert again["decision"]["verdict"] == "unsafe"
    newest = (await corner.cad.by_event("A-1")).good()
    assert newest["id"] == again["id"]
    assert (await corner.cad.by_event("A-1", attempt=1)).good()["id"] == first["id"]


async def test_a_call_returned_for_want_of_a_team_may_be_tried_again(corner: Corner) -> None:
    call, item = await corner.offered(cad_event_id="A-2")
    await corner.tablet.press(item, "accept")
    await corner.tablet.press(item, "escalate", needs="ems")
    await corner.cad.until(call, "returned")
    await corner.tablet.withdraw(call)
    again = await corner.report(cad_event_id="A-2", attempt=2)
    assert again["id"] != call["id"]
    assert again["decision"]["verdict"] in {"safe", "review"}


async def test_the_same_report_again_changes_nothing_and_a_different_one_is_an_update(corner: Corner) -> None:
    body = corner.cad.a_report(location=corner.location)
    first = await corner.cad.send(body)
    again = await corner.cad.send(body)
    assert (first.status, again.status) == (201, 200)
    assert again.body["id"] == first.body["id"]
    assert again.body["decision"] == first.body["decision"]
    item = await corner.tablet.shows(first.body)
    worse = await corner.cad.send(body | WORSE)
    assert worse.good()["status"] == "returned"
    assert worse.status == 200
    await corner.tablet.is_empty_of(first.body)
    (await corner.tablet.act(item, "accept")).refused(409)
    assert (await corner.cad.send(body)).good()["status"] == "returned"
