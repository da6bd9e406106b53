"""The terminal tablet, worked by its keys: a shift, a recall, the alarm, and what it refuses to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from services.replay.clock import SystemClock
from services.tablet.briefing import countdown
from services.tablet.crew_desk import CrewDesk
from services.tablet.link import Link, Pace
from services.tablet.screen import TabletScreen
from tests.unit.tablet.fake import FakeDispatch, until


@asynccontextmanager
async def in_hand(dispatch: FakeDispatch) -> AsyncIterator[tuple[Pilot[None], Link]]:
    clock = SystemClock()
    link = Link(dispatch.api, clock, "t1", "token", pace=Pace(pauses_s=(0.002,)))
    screen = TabletScreen(link, CrewDesk(dispatch.api, "t1", "token", (34.05, -118.24)), clock)
    async with screen.run_test(size=(100, 30)) as pilot:
        yield pilot, link


def shown(pilot: Pilot[None]) -> str:
    pilot.app.redraw()  # type: ignore[attr-defined]  # Pilot does not know which application it drives
    parts = ("top", "headline", "briefing", "log", "keys")
    return "\n".join(str(pilot.app.screen_stack[0].query_one(f"#{part}", Static).render()) for part in parts)


async def test_a_crew_works_a_call_by_keys(monkeypatch: Any) -> None:
    dispatch = FakeDispatch()
    async with in_hand(dispatch) as (pilot, link):
        by = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()
        dispatch.offer(respond_by=by)
        await until(lambda: link.items)
        text = shown(pilot)
        for words in (
            "OFFER",
            "answer within 1:",
            "dog in the yard",
            "Verbal only.",
            "Unknown   intoxication",
            "E 1st St",
        ):
            assert words in text
        await pilot.press("a")
        assert "Read the briefing" in shown(pilot)
        await pilot.press("b", "a")
        await until(lambda: link.items[0]["status"] == "accepted")
        for key, status in (("d", "en_route"), ("r", "on_scene")):
            await pilot.press(key)
            await until(lambda status=status: link.items[0]["status"] == status)
        await pilot.press("c")
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(lambda: not link.items)
        assert "Nothing to do." in shown(pilot)
    assert [one["action"] for one in dispatch.got] == ["accept", "depart", "arrive", "check_in", "clear"]
    assert dispatch.got[0]["note"].startswith("Briefing read at ")
    assert dispatch.got[-1]["outcome"] == "calmed"


async def test_a_recall_takes_the_screen_and_the_crew_reads_it_and_is_away() -> None:
    dispatch = FakeDispatch()
    dispatch.offer(status="en_route", actions=["arrive", "escalate"])
    async with in_hand(dispatch) as (pilot, link):
        await until(lambda: link.items)
        dispatch.recall()
        await until(lambda: link.items[0]["recall"])
        assert "RECALL: A knife was seen." in shown(pilot)
        await pilot.press("r")  # arriving is no button any more
        await pilot.press("k")
        await until(lambda: link.items[0]["recall"]["acknowledged_at"])
        await pilot.press("x")
        await until(lambda: not link.items)
    assert [one["action"] for one in dispatch.got] == ["acknowledge_recall", "clear"]


async def test_declining_and_escalating_ask_why_and_who_and_escape_does_nothing() -> None:
    dispatch = FakeDispatch()
    dispatch.offer()
    async with in_hand(dispatch) as (pilot, link):
        await until(lambda: link.items)
        await pilot.press("n")
        await pilot.pause()
        assert "OFFER" in shown(pilot)  # what is behind the question is kept up to date
        await pilot.press("escape")
        assert len(link.presses) == 0
        await pilot.press("n")
        await pilot.pause()
        await pilot.press("enter")
        await until(lambda: not link.items)
        dispatch.offer("a2", status="on_scene", actions=["check_in", "clear", "escalate"])
        await until(lambda: link.items)
        await pilot.press("e")
        await pilot.pause()
        await pilot.press("enter")
        await until(lambda: link.items[0]["status"] == "withdrawing")
    assert [(one["action"], one.get("reason"), one.get("needs")) for one in dispatch.got] == [
        ("decline", "crew_too_tired", None), ("escalate", None, "police"),
    ]  # fmt: skip


async def test_without_a_network_presses_are_shown_as_not_sent_and_the_alarm_as_not_received() -> None:
    dispatch = FakeDispatch()
    dispatch.offer(status="accepted", actions=["depart"])
    async with in_hand(dispatch) as (pilot, link):
        await until(lambda: link.items)
        dispatch.cut()
        await until(lambda: not link.connected)
        await pilot.press("d", "d", "exclamation_mark")
        text = shown(pilot)
        for words in ("no network", "not sent yet: depart", "pressed already", "ALARM NOT YET RECEIVED", "ACCEPTED"):
            assert words in text
        dispatch.online = True
        await until(lambda: not len(link.presses) and not link.alarms_unsent)
        assert "EN ROUTE" in shown(pilot)
    assert (dispatch.alarms, [one["action"] for one in dispatch.got]) == (1, ["depart"])


async def test_duty_is_said_from_the_tablet_and_quitting_with_work_is_asked_twice() -> None:
    dispatch = FakeDispatch()
    async with in_hand(dispatch) as (pilot, link):
        await pilot.press("u")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(lambda: dispatch.duty == "break")
        dispatch.offer()
        await until(lambda: link.items)
        await pilot.press("q")
        assert "You have work" in shown(pilot)
        await pilot.press("q")


def test_the_countdown_is_of_the_deadline_that_the_crew_can_meet() -> None:
    now = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    later = (now + timedelta(seconds=45)).isoformat()
    item = {"status": "offered", "respond_by": later, "act_by": later, "recall": None}
    assert countdown(item, now) == ("answer within", 45)
    assert countdown({**item, "status": "accepted"}, now) == ("next step within", 45)
    recall = {"acknowledge_by": later, "acknowledged_at": None}
    assert countdown({**item, "status": "withdrawing", "recall": recall}, now) == ("read within", 45)
    assert countdown({**item, "status": "accepted", "act_by": None}, now) is None
