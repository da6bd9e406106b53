"""The tablet's protocol: what it shows is the truth as it was heard, and each press is applied or refused once, in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from services.replay.clock import SystemClock
from services.tablet.link import Link, Pace
from services.tablet.presses import Press, Presses
from tests.unit.tablet.fake import FakeDispatch, until

FAST = Pace(pauses_s=(0.002,))


@asynccontextmanager
async def switched_on(
    dispatch: FakeDispatch, file: Path | None = None, changed: Callable[[], None] = lambda: None
) -> AsyncIterator[Link]:
    link = Link(dispatch.api, SystemClock(), "t1", "token", file=file, pace=FAST, changed=changed)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_shift_from_offer_to_clear() -> None:
    dispatch = FakeDispatch()
    async with switched_on(dispatch) as link:
        dispatch.offer()
        await until(lambda: link.items)
        for action, fields in (("accept", {}), ("depart", {}), ("arrive", {}), ("clear", {"outcome": "calmed"})):
            await until(lambda action=action: link.items and action in link.items[0]["actions"])
            link.press(link.items[0], action, **fields)
        await until(lambda: not link.items and not len(link.presses))
    assert [one["action"] for one in dispatch.got] == ["accept", "depart", "arrive", "clear"]
    assert [why for _, why in link.settled] == ["applied"] * 4


async def test_presses_made_without_a_network_are_sent_in_order_with_their_own_time() -> None:
    dispatch = FakeDispatch()
    item = dispatch.offer()
    async with switched_on(dispatch) as link:
        await until(lambda: link.items)
        dispatch.cut()
        pressed = [link.press(item, action) for action in ("accept", "depart", "arrive")]
        await until(lambda: not link.connected)
        assert (dispatch.got, len(link.presses)) == ([], 3)
        dispatch.online = True
        await until(lambda: not len(link.presses))
    assert [(one["action"], one["at"]) for one in dispatch.got] == [(press.action, press.at) for press in pressed]


async def test_a_lost_answer_does_nothing_twice() -> None:
    dispatch = FakeDispatch()
    item = dispatch.offer()
    async with switched_on(dispatch) as link:
        await until(lambda: link.items)
        dispatch.loses_answers = True
        link.press(item, "accept")
        await until(lambda: dispatch.got)
        dispatch.loses_answers = False
        await until(lambda: not len(link.presses))
    assert [one["action"] for one in dispatch.got] == ["accept"]
    assert [why for _, why in link.settled] == ["applied"]


async def test_a_list_older_than_an_answer_is_not_shown_but_what_the_database_says_is() -> None:
    dispatch = FakeDispatch()
    offered = dict(dispatch.offer())
    seen: list[str] = []

    def look() -> None:
        seen.extend([item["status"] for item in link.items])

    async with switched_on(dispatch, changed=look) as link:
        await until(lambda: link.items)
        dispatch.remembers = [offered]
        link.press(offered, "accept")
        await until(lambda: seen.count("accepted") > 5)  # asked again and again meanwhile
        assert "offered" not in seen[seen.index("accepted") :]
        dispatch.remembers = None
        dispatch.items["a1"] = offered  # an older backup was restored
        dispatch.changed()
        await until(lambda: seen[-1] == "offered")


async def test_a_recall_beats_what_is_queued_but_a_call_for_help_and_the_crew_is_told() -> None:
    dispatch = FakeDispatch()
    dispatch.offer()
    async with switched_on(dispatch) as link:
        await until(lambda: link.items)
        link.press(link.items[0], "accept")
        await until(lambda: link.items[0]["status"] == "accepted")
        dispatch.cut()
        await until(lambda: not link.connected)
        for action in ("depart", "arrive"):
            link.press(link.items[0], action)
        escalated = link.press(link.items[0], "escalate", needs="police")
        dispatch.recall()
        dispatch.online = True
        await until(lambda: not len(link.presses))
        assert link.items[0]["recall"]["words"] == "A knife was seen."
    assert [one["action"] for one in dispatch.got] == ["accept", "escalate"]
    assert {press.action: why for press, why in link.settled} == {
        "accept": "applied", "depart": "recalled", "arrive": "recalled", escalated.action: "applied",
    }  # fmt: skip


async def test_who_was_offline_or_switched_off_asks_once_without_waiting() -> None:
    dispatch = FakeDispatch()
    async with switched_on(dispatch) as link:
        await until(lambda: any(dispatch.waits))
        dispatch.cut()
        await until(lambda: not link.connected)
        before = len(dispatch.waits)
        dispatch.online = True
        await until(lambda: link.connected)
        assert not dispatch.waits[before]
        await until(lambda: dispatch.waits[-1])
    before = len(dispatch.waits)
    again = asyncio.create_task(link.run())
    await until(lambda: len(dispatch.waits) > before)
    assert not dispatch.waits[before]
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


async def test_after_an_outage_nothing_is_sent_before_the_list_is_read() -> None:
    dispatch = FakeDispatch()
    item = dispatch.offer(status="accepted", actions=["depart", "escalate"])
    async with switched_on(dispatch) as link:
        await until(lambda: link.items)
        dispatch.cut()
        link.press(item, "depart")
        await until(lambda: not link.connected)
        dispatch.lists = asyncio.Event()
        dispatch.online = True
        await asyncio.sleep(0.05)  # it has tried many times
        assert (dispatch.got, len(link.presses)) == ([], 1)
        dispatch.recall()
        dispatch.lists.set()
        await until(lambda: link.settled)
    assert ([why for _, why in link.settled], dispatch.got) == (["recalled"], [])


async def test_what_is_refused_while_the_safety_link_is_down_does_not_hold_up_an_escalation() -> None:
    dispatch = FakeDispatch()
    item = dispatch.offer(status="accepted", actions=["depart", "escalate"])
    dispatch.safety_link = False
    async with switched_on(dispatch) as link:
        await until(lambda: link.items)
        link.press(item, "depart")
        link.press(item, "escalate", needs="police")
        await until(lambda: len(link.settled) == 2)
        assert any("Stop short" in words for _, words in link.log)
    assert [one["action"] for one in dispatch.got] == ["escalate"]
    assert [why for _, why in link.settled] == ["safety-link-down", "applied"]


async def test_an_offer_that_was_lost_meanwhile_disappears_and_its_answer_is_refused() -> None:
    dispatch = FakeDispatch()
    item = dispatch.offer()
    async with switched_on(dispatch) as link:
        await until(lambda: link.items)
        dispatch.cut()
        link.press(item, "accept")
        await until(lambda: not link.connected)
        dispatch.recall()
        dispatch.online = True
        await until(lambda: not len(link.presses) and not link.items)
    assert dispatch.got == []
    assert [why for _, why in link.settled] == ["illegal-transition"]
    assert "too late" in link.log[-1][1]


async def test_two_tablets_of_one_team_stay_in_step() -> None:
    dispatch = FakeDispatch()
    dispatch.offer()
    async with switched_on(dispatch) as one, switched_on(dispatch) as other:
        await until(lambda: one.items and other.items)
        one.press(one.items[0], "accept")
        await until(lambda: other.items[0]["status"] == "accepted")
        other.press(other.items[0], "depart")
        await until(lambda: one.items[0]["status"] == "en_route")


async def test_the_queue_survives_a_dead_battery(tmp_path: Path) -> None:
    file = tmp_path / "tablets" / "t1.json"
    dispatch = FakeDispatch()
    item = dispatch.offer()
    dispatch.cut()
    async with switched_on(dispatch, file) as link:
        first = link.press(item, "accept")
    assert [press.key for press in Presses(file)] == [first.key]
    dispatch.online = True
    async with switched_on(dispatch, file) as link:
        await until(lambda: not len(link.presses) and dispatch.got)
    assert (dispatch.got[0]["at"], len(Presses(file))) == (first.at, 0)


async def test_the_alarm_goes_ahead_of_the_queue_and_until_it_is_heard() -> None:
    dispatch = FakeDispatch()
    dispatch.cut()
    async with switched_on(dispatch) as link:
        link.panic(lat_deg=34.05, lon_deg=-118.24)
        await until(lambda: not link.connected)
        assert link.alarms_unsent == 1
        dispatch.online = True
        await until(lambda: link.alarms_unsent == 0)
    assert dispatch.alarms == 1


async def test_a_crew_under_way_that_hears_nothing_for_30_s_must_stop_short() -> None:
    dispatch = FakeDispatch()
    dispatch.offer(status="en_route")
    async with switched_on(dispatch) as link:
        await until(lambda: link.items)
        assert not link.link_lost
        assert link.heard_at is not None
        link.heard_at -= timedelta(seconds=31)
        assert link.link_lost
        link.items[0]["status"] = "offered"
        assert not link.link_lost
        link.items[0]["awaiting"] = ["safety_link"]
        assert link.link_lost


def test_only_a_withdrawal_makes_a_press_void_and_never_one_that_keeps_the_crew_safe() -> None:
    presses = Presses()
    actions = ("accept", "decline", "depart", "arrive", "check_in", "clear", "escalate", "acknowledge_recall")
    for action in actions:
        presses.add(Press("a1", action, "2026-11-23T18:00:00Z"))
    assert presses.overtaken([{"id": "a1", "status": "en_route"}, {"id": "a2", "status": "withdrawing"}]) == []
    void = presses.overtaken([{"id": "a1", "status": "withdrawing"}])
    assert [press.action for press, _ in void] == ["accept", "decline", "depart", "arrive", "check_in"]
    assert [press.action for press in presses] == ["clear", "escalate", "acknowledge_recall"]


def test_a_press_that_is_being_sent_is_not_void_before_its_answer() -> None:
    presses = Presses()
    press = Press("a1", "depart", "2026-11-23T18:00:00Z")
    presses.add(press)
    withdrawn = [{"id": "a1", "status": "withdrawing"}]
    assert presses.overtaken(withdrawn, sending=press) == []
    assert presses.overtaken(withdrawn) == [(press, "recalled")]
