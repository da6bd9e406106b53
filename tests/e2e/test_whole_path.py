"""One call, from the CAD's report to a cleared scene and back, as each of the people around it sees it."""

import asyncio

from tests.field.ground import Corner, Field
from tests.field.people import statuses
from tests.field.wire import Body

STEPS = (("accept", "accepted"), ("depart", "en_route"), ("arrive", "on_scene"), ("clear", "closed"))


async def test_a_reported_call_wakes_a_waiting_tablet_and_comes_back_closed(corner: Corner, field: Field) -> None:
    cad, tablet = corner.cad, corner.tablet
    empty = await tablet.poll()
    assert empty.body["items"] == []
    waiting = asyncio.create_task(tablet.poll(empty.etag, wait_s=20))
    await asyncio.sleep(0.2)

    call = await corner.report()
    assert call["status"] == "queued"
    assert (call["decision"]["verdict"], call["decision"]["disposition"]) == ("safe", "civilian")
    assert call["neighborhood"]["slug"] == corner.place.slug
    assert call["hand_back_by"] is not None

    [item] = (await waiting).items()
    assert (item["incident_id"], item["status"]) == (call["id"], "offered")
    assert "accept" in item["actions"]
    assert any("arguing over parking" in words["text"] for words in item["briefing"]["words"])
    assert (await cad.until(call, "offered"))["assignment"]["team_id"] == tablet.team_id

    for action, status in STEPS:
        seen = asyncio.create_task(cad.until(call, status))
        if action == "clear":
            await tablet.press(item, "check_in")
            await tablet.press(item, "clear", outcome="agreement", note="They shook hands.")
        else:
            await tablet.press(item, action)
        assert (await seen)["assignment"]["id"] == item["id"]

    closed = await cad.call(call)
    assert (closed["outcome"], closed["return_reason"]) == ("agreement", None)
    await tablet.is_empty_of(call)
    await field.office.is_free(tablet)


async def test_the_cads_feed_shows_every_change_in_order(corner: Corner, field: Field) -> None:
    cad = corner.cad
    seen: list[Body] = []
    cursor = (await cad.changes())["next"]

    async def follow() -> None:
        nonlocal cursor
        while not seen or seen[-1]["status"] != "closed":
            page = await cad.changes(cursor, wait_s=5)
            seen.extend(change["call"] for change in page["items"])
            cursor = page["next"]

    following = asyncio.create_task(follow())
    call, item = await corner.offered()
    await corner.cad.until(call, "offered")
    for action, status in STEPS:
        await corner.tablet.go(item, action)
        await corner.cad.until(call, status)
    await asyncio.wait_for(following, 10)
    # `call` is the call as it is now: the status of a change may be read when the next one has already come
    steps = ["queued", "offered", "accepted", "en_route", "on_scene", "closed"]
    reached = [steps.index(status) for status in statuses(seen)]
    assert reached == sorted(reached), "never backwards"
    assert seen[-1]["status"] == "closed"
    written = await field.value("SELECT count(*) FROM intake.change WHERE call_id = $1::text::uuid", call["id"])
    assert len(seen) == written, "no change is skipped, none shown twice"
    assert {entry["id"] for entry in seen} == {call["id"]}
    versions = [entry["version"] for entry in seen]
    assert versions == sorted(versions)


async def test_the_timeline_tells_both_services_parts_in_order(corner: Corner) -> None:
    call, _ = await corner.under_way("accept", "depart", "arrive", "check_in", "clear")
    await corner.cad.until(call, "closed")
    events = await corner.cad.timeline(call)
    by_dispatch = [event for event in events if event["service"] == "dispatch"]
    assert {event["service"] for event in events} == {"intake", "dispatch"}
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert [event["seq"] for event in by_dispatch] == list(range(1, len(by_dispatch) + 1))
    acts = [event["action"] for event in by_dispatch]
    wanted = ["offer", "accept", "depart", "arrive", "check_in", "clear"]
    assert [act for act in acts if act in wanted] == wanted
    assert events[0]["service"] == "intake"
    reached = [event["to"] for event in events if event["service"] == "intake" and event["to"]]
    stages = ["queued", "offered", "accepted", "en_route", "on_scene", "closed"]
    assert reached == [
        stage for stage in stages if stage in reached
    ]  # what passed between two reports is dispatch's part
    assert {"queued", "closed"} <= set(reached)


async def test_an_answer_about_an_open_call_says_until_when_it_holds(corner: Corner, field: Field) -> None:
    from datetime import datetime, timedelta

    call, item = await corner.offered()
    left = datetime.fromisoformat(call["hand_back_by"]) - field.now()
    assert timedelta(seconds=100) < left < timedelta(seconds=121)
    await corner.tablet.go(item, "accept")
    accepted = await corner.cad.until(call, "accepted")
    act_by = await field.value("SELECT act_by FROM intake.call WHERE id = $1::text::uuid", call["id"])
    assert datetime.fromisoformat(accepted["hand_back_by"]) >= act_by + timedelta(minutes=1)
    await corner.tablet.go(item, "depart", "arrive", "clear")
    assert (await corner.cad.until(call, "closed"))["hand_back_by"] is None


async def test_arrive_from_accepted_implies_depart(corner: Corner) -> None:
    call, _ = await corner.under_way("accept", "arrive")
    await corner.cad.until(call, "on_scene")
