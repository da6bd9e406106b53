"""The summary counts what the system says, and the proof names every call that is neither final nor held."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from services.replay.clock import SystemClock
from services.replay.ledger import Case, Ledger
from services.replay.proof import Proved, Prover, spans
from services.replay.screen import show_summary
from services.replay.script import load_script
from services.replay.summary import TeamShare, summarize
from services.replay.supervisor import Phases, Supervisor
from tests.unit.replay.fake import FakeSystem, Responder, call, view

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).isoformat()


def row(service: str, minutes: float, action: str, to: str | None = None, reason: str | None = None) -> dict[str, Any]:
    return {"service": service, "at": at(minutes), "action": action, "to": to, "reason": reason}


def case(status: str, **more: Any) -> Case:
    made = Case(call(), "run-E1", id="c1", decision_ms=12.0, first_verdict="safe")
    made.view = view("c1", status, **more)
    return made


def test_times_and_events_are_those_of_the_timeline() -> None:
    rows = (
        row("intake", 0, "reported"),
        row("dispatch", 1, "offer", "offered"),
        row("dispatch", 2, "decline", "declined"),
        row("dispatch", 3, "offer", "offered"),
        row("dispatch", 4, "accept", "accepted"),
        row("dispatch", 9, "arrive", "on_scene"),
        row("dispatch", 20, "clear", "cleared"),
    )
    summary = summarize({}, [], [Proved(case("closed", outcome="calmed"), "final", timeline=rows)], [], {})
    assert summary["reached_a_team"] == {"offered": 1, "accepted": 1, "on_scene": 1}
    assert summary["times"]["offer_s"]["p50"] == 60
    assert summary["times"]["accept_s"]["p99"] == 240
    assert summary["events"] == {"accepted": 1, "arrived": 1, "cleared": 1, "declined": 1}
    assert summary["calls"]["by_outcome"] == {"calmed": 1}


def test_return_reasons_that_did_not_occur_are_named() -> None:
    proved = [Proved(case("returned", return_reason="risk_rose"), "final")]
    calls = summarize({}, [], proved, [], {})["calls"]
    assert calls["by_return_reason"] == {"risk_rose": 1}
    assert "risk_rose" not in calls["return_reasons_that_did_not_occur"]
    assert len(calls["return_reasons_that_did_not_occur"]) == 16


def test_one_call_that_is_neither_final_nor_held_fails_the_proof() -> None:
    good, bad = Proved(case("closed"), "final"), Proved(case("queued"), "unproved", why="act_by has passed")
    assert summarize({}, [], [good], [], {})["proof"]["ok"]
    summary = summarize({}, [], [good, bad], [], {})
    assert not summary["proof"]["ok"]
    assert summary["proof"]["neither"][0]["seen"] == "act_by has passed"
    console = Console(record=True, width=120)
    show_summary(console, summary)
    assert "act_by has passed" in console.export_text()


def test_busy_share_is_held_time_of_time_on_duty() -> None:
    events = [
        {"seq": 1, "at": at(-100), "kind": "duty", "action": "duty_changed", "detail": {"to": "available"}},
        {"seq": 2, "at": at(-10), "kind": "hold", "action": "held", "detail": {}},
        {"seq": 3, "at": at(10), "kind": "hold", "action": "released", "detail": {}},
        {"seq": 4, "at": at(40), "kind": "duty", "action": "duty_changed", "detail": {"to": "off_duty"}},
        {"seq": 5, "at": at(45), "kind": "profile", "action": "team_changed", "detail": {}},
    ]
    held, present = spans(reversed(events), began=T0, ended=T0 + timedelta(minutes=60))
    assert (held, present) == (timedelta(minutes=10), timedelta(minutes=40))
    assert TeamShare("t", held, present).busy == 0.25
    assert TeamShare("t", timedelta(0), timedelta(0)).busy is None


@asynccontextmanager
async def prover(respond: Responder) -> AsyncIterator[Prover]:
    system = FakeSystem(respond)
    yield Prover(system.api, SystemClock(1.0), "cad", "supervisor", Ledger(), "test-cad")
    await system.api.close()


async def prove(answers: dict[str, tuple[int, Any]], a_case: Case) -> Proved:
    def respond(_method: str, path: str, _body: Any) -> tuple[int, Any]:
        plain = path.split("?", maxsplit=1)[0]
        if plain.endswith("/timeline"):
            return 200, {"items": [row("intake", 0, "reported")], "next": None}
        return answers["incident" if "/incidents/" in plain else "call"]

    async with prover(respond) as asks:
        [found] = await asks.prove([a_case])
        return found


async def test_a_call_with_a_team_and_a_deadline_ahead_is_held_by_the_team() -> None:
    ahead = (SystemClock(1.0).now() + timedelta(hours=1)).isoformat()
    incident = {"status": "committed", "act_by": ahead, "assignment": {"team_name": "Westside"}}
    found = await prove({"call": (200, view("c1", "en_route")), "incident": (200, incident)}, case("en_route"))
    assert (found.standing, found.holder) == ("held", "Westside")
    assert found.timeline


async def test_a_deadline_that_has_passed_proves_nothing(monkeypatch: Any) -> None:
    monkeypatch.setattr("services.replay.proof._AGAIN_S", 0.0)
    incident = {"status": "waiting", "act_by": "2026-01-01T00:00:00+00:00", "assignment": None}
    found = await prove({"call": (200, view("c1", "queued")), "incident": (200, incident)}, case("queued"))
    assert found.standing == "unproved"


async def test_a_review_is_held_until_its_review_by() -> None:
    ahead = (SystemClock(1.0).now() + timedelta(seconds=30)).isoformat()
    found = await prove({"call": (200, view("c1", "in_review", review_by=ahead))}, case("in_review"))
    assert (found.standing, found.holder) == ("held", "reviewer")


async def test_a_kept_call_that_the_system_never_stored_is_with_the_call_center() -> None:
    kept = Case(call(), "run-E1", kept="answered 503")
    assert (await prove({"call": (404, {})}, kept)).standing == "call_center"


async def test_a_call_that_was_answered_2xx_and_is_gone_is_unproved(monkeypatch: Any) -> None:
    monkeypatch.setattr("services.replay.proof._AGAIN_S", 0.0)
    assert (await prove({"call": (404, {})}, case("queued"))).standing == "unproved"


async def test_teams_go_off_duty_for_the_phase_and_come_back() -> None:
    system = FakeSystem(lambda *_: (200, {}))
    phase = load_script("drill").phases[-1]
    phases = Phases((phase,), SystemClock(1.0), SystemClock(1.0).now() - timedelta(hours=18.5), timedelta(hours=24))
    teams = {"t1": {"disciplines": ["mediator"], "catchment": {}, "crew": ["a", "b"]}}
    supervisor = Supervisor(system.api, SystemClock(1.0), "token", phases, teams)
    await supervisor._arrange(supervisor._wanted_away())
    await supervisor.end()
    said = [(body["status"], body["crew"]) for body in system.bodies("PUT", "/duty")]
    assert said == [("off_duty", []), ("available", ["a", "b"])]
    await system.api.close()
