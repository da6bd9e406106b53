"""A simulated tablet does what its crew intends, believes the newest it was shown, and idle does nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.replay.clock import SystemClock
from services.replay.crew import Crew, Intent
from services.replay.script import load_script
from services.replay.tablet import Tablet
from tests.unit.replay.fake import FakeSystem

NEXT = {
    "accept": "accepted",
    "decline": None,
    "depart": "en_route",
    "arrive": "on_scene",
    "clear": None,
    "escalate": "withdrawing",
}
DRILL = load_script("drill")


class Dispatch:
    """One assignment as dispatch keeps it."""

    def __init__(self) -> None:
        self.item: dict[str, Any] | None = {
            "id": "a1", "incident_id": "i1", "status": "offered", "version": 1, "may_depart": True, "awaiting": [],
            "recall": None, "briefing": {}, "actions": [],
        }  # fmt: skip
        self.actions: list[dict[str, Any]] = []
        self.refuse: Callable[[str], int | None] = lambda action: None
        self._shown: Any = None

    def respond(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path.endswith("/positions"):
            return 200, {}
        if path.endswith("/emergency"):
            self.actions.append({"action": "emergency"})
            return 202, {}
        if method == "GET":
            if self._shown == self.item:
                return 304, None
            self._shown = dict(self.item) if self.item else None
            return 200, {"items": [dict(self.item)] if self.item else [], "next": None}
        if (status := self.refuse(body["action"])) is not None:
            return status, {"type": "refused"}
        self.actions.append(body)
        self.move(body["action"])
        return 200, {**self.item} if self.item else {"status": "ended", "version": 99}

    def move(self, action: str) -> None:
        if action == "check_in" or self.item is None:
            return
        if action == "acknowledge_recall":
            self.item = {**self.item, "recall": {"acknowledged_at": "2026-01-01T00:00:00+00:00"}}
        elif self.item["status"] == "withdrawing":
            self.item = None
        else:
            status = NEXT[action]
            self.item = {**self.item, "status": status, "version": self.item["version"] + 1} if status else None


INTENT = Intent(
    answer="accept", answers_after=timedelta(seconds=5), decline_reason="tired", departs_after=timedelta(seconds=5),
    on_scene=timedelta(minutes=20), outcome="agreement", reads_after=timedelta(seconds=5), away_after=timedelta(seconds=5),
    escalates=None, needs="police", panics=False, falls_silent=None, silent_for=timedelta(minutes=30),
)  # fmt: skip


class Minded(Crew):
    """A crew whose intent is given."""

    intended = INTENT

    def intent(self, incident_id: str, team: str) -> Intent:
        return type(self).intended


@asynccontextmanager
async def running(
    dispatch: Dispatch, intent: Intent | None, rate: float = 6000.0
) -> AsyncIterator[tuple[FakeSystem, Tablet]]:
    system = FakeSystem(dispatch.respond)
    crew = None
    if intent is not None:
        crew = Minded(DRILL.crews, 1, str)
        Minded.intended = intent
    tablet = Tablet(
        system.api, SystemClock(rate), "t1", "token", (34.0, -118.2), crew=crew, where=lambda _: (34.01, -118.21)
    )
    task = asyncio.create_task(tablet.run())
    try:
        yield system, tablet
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await system.api.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)


def done(dispatch: Dispatch) -> list[str]:
    return [body["action"] for body in dispatch.actions]


async def test_a_crew_takes_a_call_to_its_end_and_checks_in_on_the_way() -> None:
    dispatch = Dispatch()
    async with running(dispatch, INTENT) as (system, _):
        await until(lambda: dispatch.item is None)
        assert done(dispatch) == ["accept", "depart", "arrive", "check_in", "check_in", "clear"]
        assert dispatch.actions[-1]["outcome"] == "agreement"
        assert len({str(fix["fixes"][0]["lat_deg"]) for fix in system.bodies("POST", "/positions")}) > 1


async def test_a_crew_that_declines_says_why() -> None:
    dispatch = Dispatch()
    async with running(dispatch, replace(INTENT, answer="decline")):
        await until(lambda: dispatch.item is None)
        assert dispatch.actions[0]["reason"] == "tired"


@pytest.mark.parametrize("intent", [None, replace(INTENT, answer="ignore")])
async def test_an_idle_tablet_and_one_that_ignores_poll_but_answer_nothing(intent: Intent | None) -> None:
    dispatch = Dispatch()
    async with running(dispatch, intent) as (system, _):
        await until(lambda: len(system.bodies("GET", "/assignments")) > 5)
        assert dispatch.actions == []


async def test_a_crew_waits_until_it_may_depart() -> None:
    dispatch = Dispatch()
    assert dispatch.item is not None
    dispatch.item |= {"may_depart": False, "awaiting": ["police_staged"]}
    async with running(dispatch, INTENT) as (system, _):
        await until(lambda: done(dispatch) == ["accept"] and len(system.bodies("GET", "/assignments")) > 8)
        assert done(dispatch) == ["accept"]
        dispatch.item = {**dispatch.item, "may_depart": True, "awaiting": []}
        await until(lambda: "depart" in done(dispatch))


async def test_a_recall_beats_whatever_the_crew_was_about_to_do() -> None:
    dispatch = Dispatch()
    async with running(dispatch, replace(INTENT, on_scene=timedelta(hours=9))):
        await until(lambda: dispatch.item is not None and dispatch.item["status"] == "on_scene")
        assert dispatch.item is not None
        dispatch.item = {**dispatch.item, "status": "withdrawing", "version": 9, "recall": {"acknowledged_at": None}}
        await until(lambda: dispatch.item is None)
        assert done(dispatch)[-2:] == ["acknowledge_recall", "clear"]
        assert "outcome" not in dispatch.actions[-1]


async def test_a_refused_action_is_tried_again_and_a_moved_assignment_is_believed() -> None:
    dispatch = Dispatch()
    refusals = iter([409, 503])
    dispatch.refuse = lambda action: next(refusals, None) if action == "depart" else None
    async with running(dispatch, INTENT) as (_, tablet):
        await until(lambda: "depart" in done(dispatch))
        assert tablet.did["depart: refused"] == 1


async def test_a_panic_is_an_emergency_and_then_an_escalation() -> None:
    dispatch = Dispatch()
    async with running(dispatch, replace(INTENT, escalates="on_scene", panics=True)):
        await until(lambda: "clear" in done(dispatch))
        assert done(dispatch)[3:6] == ["emergency", "escalate", "acknowledge_recall"] or "emergency" in done(dispatch)
        assert next(body for body in dispatch.actions if body["action"] == "escalate")["needs"] == "police"


async def test_a_silent_tablet_sends_nothing_until_it_is_back() -> None:
    dispatch = Dispatch()
    async with running(dispatch, replace(INTENT, falls_silent="en_route", silent_for=timedelta(hours=1))) as (
        system,
        tablet,
    ):
        await until(lambda: tablet.did["fell_silent"] == 1)
        await asyncio.sleep(0.05)
        before = len(system.asked)
        await asyncio.sleep(0.2)
        assert len(system.asked) - before <= 1
        assert "arrive" not in done(dispatch)
        await until(lambda: len(system.asked) > before + 1)


async def test_an_idle_tablet_leaves_the_position_to_another_that_reports_it() -> None:
    clock = SystemClock(6000.0)
    seen: dict[str, Any] = {"lat_deg": 34.0, "lon_deg": -118.0, "at": clock.now().isoformat()}

    def respond(method: str, path: str, body: Any) -> tuple[int, Any]:
        if path == "/v1/teams/t1":
            return 200, {"position": {**seen, "at": (clock.now() - timedelta(seconds=1)).isoformat()}}
        return (304, None) if method == "GET" else (200, {})

    system = FakeSystem(respond)
    tablet = Tablet(system.api, clock, "t1", "token", (34.0, -118.2))
    task = asyncio.create_task(tablet.run())
    await until(lambda: len(system.bodies("GET", "/t1")) > 3)
    assert system.bodies("POST", "/positions") == []
    task.cancel()
    await system.api.close()
