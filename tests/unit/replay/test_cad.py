"""The simulated call center keeps what is not answered, acknowledges what comes back, and takes back what goes quiet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.replay import cad as cad_module
from services.replay.cad import CAD
from services.replay.clock import SystemClock
from services.replay.errands import Errands
from services.replay.later import Later
from services.replay.ledger import Ledger
from services.replay.reviewer import Reviewers
from services.replay.script import load_script
from tests.unit.replay.fake import FakeSystem, Responder, call, view

CALM = load_script("calm")
QUIET = CALM.model_copy(
    update={
        "cad": CALM.cad.model_copy(update={"duplicate": 0.0, "worse_news": {}, "cancel": {}, "reported_again": 1.0})
    }
)


@asynccontextmanager
async def center(respond: Responder, rate: float = 600.0) -> AsyncIterator[tuple[FakeSystem, CAD]]:
    system, errands = FakeSystem(respond), Errands()
    cad = CAD(system.api, SystemClock(rate), "cad", "supervisor", QUIET, Ledger(), "test-cad", "run", 1, errands)
    yield system, cad
    errands.check()
    await errands.stop()
    await system.api.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not holds():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)


async def test_a_report_carries_the_systems_time_and_an_id_of_this_run() -> None:
    async with center(lambda *_: (201, view("c1", "queued"))) as (system, cad):
        case = await cad.report(call())
        [body] = system.bodies("POST", "/v1/calls")
        assert body["cad_event_id"] == "run-E1"
        assert body["cad_system"] == "test-cad"
        assert case.status == "queued"
        assert case.decision_ms is not None


@pytest.mark.parametrize("status", [422, 429, 500, 503])
async def test_anything_but_2xx_keeps_the_call_and_is_followed_by_a_cancel(status: int) -> None:
    def respond(method: str, path: str, body: Any) -> tuple[int, Any]:
        return (status, {}) if path == "/v1/calls" else (200, view("c1", "cancelled"))

    async with center(respond) as (system, cad):
        case = await cad.report(call())
        assert case.kept == f"answered {status}"
        await until(lambda: bool(system.bodies("POST", "/cancel")))
        assert any("test-cad%3Arun-E1%3A1/cancel" in path for _, path, _ in system.asked)
        await until(lambda: case.status == "cancelled")


async def test_no_answer_in_time_keeps_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cad_module, "REPORT_WITHIN_S", 0.05)

    class Slow(FakeSystem):
        async def _handle(self, request: Any) -> Any:
            if request.url.path == "/v1/calls":
                import httpx2

                raise httpx2.ReadTimeout("slow", request=request)
            return await super()._handle(request)

    async with center(lambda *_: (404, {})) as (_, cad):
        cad.api = Slow(lambda *_: (404, {})).api
        case = await cad.report(call())
        assert case.kept is not None
        assert case.kept.startswith("no answer within")


async def test_a_return_that_came_later_is_acknowledged_and_tried_again_when_no_team_was_there() -> None:
    def respond(method: str, path: str, body: Any) -> tuple[int, Any]:
        if path == "/v1/calls":
            return 201, view(f"c{body.get('attempt', 1)}", "queued")
        return 200, view("c1", "returned", version=3, return_reason="all_teams_busy")

    async with center(respond) as (system, cad):
        await cad.report(call())
        cad._heard(view("c1", "returned", version=2, return_reason="all_teams_busy"))
        await until(lambda: len(system.bodies("POST", "/v1/calls")) == 2)
        assert len(system.bodies("POST", "/acknowledge")) == 1
        assert system.bodies("POST", "/v1/calls")[1]["attempt"] == 2


async def test_a_return_in_the_answer_to_the_report_needs_no_acknowledgement() -> None:
    async with center(lambda *_: (201, view("c1", "returned", return_reason="unsafe"))) as (system, cad):
        await cad.report(call())
        cad._heard(view("c1", "returned", version=2, return_reason="unsafe"))
        await asyncio.sleep(0.1)
        assert system.bodies("POST", "/acknowledge") == []


async def test_each_notice_is_acknowledged_once() -> None:
    async with center(lambda *_: (200, view("c1", "on_scene", version=2))) as (system, cad):
        case = await cad.report(call())
        notice = {"id": "n1", "kind": "check_on_team", "acknowledged_at": None}
        for version in (3, 4):
            cad._heard(view("c1", "on_scene", version=version, notices=[notice]), case)
        await until(lambda: bool(system.bodies("POST", "/acknowledge")))
        assert [body["notice_id"] for body in system.bodies("POST", "/acknowledge")] == ["n1"]


async def test_co_response_gets_its_police_once_a_crew_has_accepted() -> None:
    co_response: dict[str, Any] = {
        "verdict": "safe",
        "disposition": "civilian_with_co_response",
        "missing": [],
        "decided_at": None,
    }
    async with center(lambda *_: (201, view("c1", "queued"))) as (system, cad):
        case = await cad.report(call())
        cad._heard(view("c1", "queued", version=2, decision=co_response), case)
        assert not case.co_response
        cad._heard(view("c1", "accepted", version=3, decision=co_response), case)
        await until(lambda: bool(system.bodies("POST", "/updates")))
        [update] = system.bodies("POST", "/updates")
        assert update["police_staged"] is True
        assert update["observed_at"]


async def test_a_call_about_which_nothing_comes_is_taken_back() -> None:
    async with center(lambda *_: (201, view("c1", "queued")), rate=60.0) as (system, cad):
        case = await cad.report(call())
        case.view = view("c1", "queued", hand_back_by=(cad.clock.now() - timedelta(hours=1)).isoformat())
        task = asyncio.create_task(cad.watch())
        await until(lambda: case.taken_back and bool(system.bodies("POST", "/cancel")))
        task.cancel()
        assert cad.ledger.did["taken back at hand_back_by"] == 1


async def test_a_feed_that_answers_keeps_every_open_call_where_it_is() -> None:
    async with center(lambda *_: (201, view("c1", "queued")), rate=60.0) as (_, cad):
        case = await cad.report(call())
        case.view = view("c1", "queued", hand_back_by=(cad.clock.now() - timedelta(hours=1)).isoformat())
        cad.relies_until = cad.clock.now() + timedelta(hours=1)
        task = asyncio.create_task(cad.watch())
        await asyncio.sleep(1.3)
        task.cancel()
        assert not case.taken_back


async def test_a_scripted_update_is_posted_once_the_call_has_come_so_far() -> None:
    news = Later(do="update", after="accepted", delay_s=1, body={"answers": {"weapons": "yes"}})
    async with center(lambda *_: (201, view("c1", "queued"))) as (system, cad):
        await cad.report(call(later=(news,)))
        assert system.bodies("POST", "/updates") == []
        cad._heard(view("c1", "accepted", version=2))
        await until(lambda: bool(system.bodies("POST", "/updates")))
        assert system.bodies("POST", "/updates") == [{"answers": {"weapons": "yes"}}]


@pytest.mark.parametrize(("could_go", "decision"), [(True, "send_civilian"), (False, "return")])
async def test_a_reviewer_sends_civilians_only_where_the_truth_allows_it(could_go: bool, decision: str) -> None:
    waiting = view("c1", "in_review", decision={"verdict": "review", "missing": ["weapons"]})

    def respond(method: str, path: str, body: Any) -> tuple[int, Any]:
        return (200, {"items": [waiting], "next": None}) if method == "GET" else (200, view("c1", "queued", version=2))

    script = CALM.reviewers.model_copy(update={"send_civilian": 1.0})
    system, errands, ledger = FakeSystem(respond), Errands(), Ledger()
    ledger.note(waiting, ledger.open_case(call(could_go=could_go), "run-E1"))
    reviewers = Reviewers(system.api, SystemClock(600.0), "token", script, ledger, 1, errands)
    task = asyncio.create_task(reviewers.run())
    await until(lambda: bool(system.bodies("POST", "/review")))
    task.cancel()
    await errands.stop()
    [body] = system.bodies("POST", "/review")
    assert body["decision"] == decision
    assert body.get("answers") == ({"weapons": "no"} if could_go else None)
