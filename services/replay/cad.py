"""The simulated call center: reports calls at their time, follows the feed, and does what a CAD owes (promise 2)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from services.replay.api import API, Answer, pause
from services.replay.calls import ReplayCall
from services.replay.clock import SystemClock, parse_time
from services.replay.draws import chance
from services.replay.errands import Errands
from services.replay.later import Later
from services.replay.ledger import FINAL, Case, Ledger
from services.replay.news import events_of
from services.replay.script import Script

REPORT_WITHIN_S: Final = 2.0
"""A report that is not answered 2xx within so many wall-clock seconds stays with the call center."""
_FEED_AGAIN: Final = timedelta(seconds=45)
"""The feed is asked again at least this often, in the system's time: each answer gives every open call 120 s more."""
_CALLED_BACK: Final = "call_center_took_it_back"
_NO_TEAM: Final = frozenset({"no_team_on_duty", "all_teams_busy", "no_team_accepted", "no_reviewer"})
_LATE_WALL_S: Final = 5.0
"""HTTP does not get faster with the system's clock: so long a wall-clock delay is forgiven before a call is taken back."""


@dataclass(slots=True, eq=False)
class CAD:
    """One simulated CAD. `report_all` reports the calls; `follow` and `watch` run as tasks until cancelled."""

    api: API
    clock: SystemClock
    token: str
    supervisor_token: str
    script: Script
    ledger: Ledger
    cad_system: str
    run_id: str
    seed: int
    errands: Errands
    relies_until: datetime | None = None
    """Until when the newest answer of the feed speaks for every open call."""
    _cursor: str | None = None
    _desks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(32))

    async def report_all(self, calls: list[ReplayCall], speed: float, done: asyncio.Event) -> None:
        """Report each call at its time, `speed` times faster than it came; set `done` when the last one is answered."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as reports:
            for call in calls:
                wait_s = (call.at - calls[0].at).total_seconds() / speed - (loop.time() - began)
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                reports.create_task(self.report(call))
        done.set()

    async def report(self, call: ReplayCall, attempt: int = 1) -> Case:
        """Report one call; its case, whatever the answer."""
        case = self.ledger.open_case(call, f"{self.run_id}-{call.key}", attempt)
        async with self._desks:
            body = self._body(case, call.report)
            answer = await self.api.request(
                "intake", "POST", "/v1/calls", token=self.token, json=body, timeout_s=REPORT_WITHIN_S
            )
        self.ledger.did["reports"] += 1
        if not answer.ok:
            case.kept = f"answered {answer.status}" if answer.status else f"no answer within {REPORT_WITHIN_S:.0f} s"
            self.ledger.did["kept_by_call_center"] += 1
            self.errands.start(self._cancel_when_possible(case, _CALLED_BACK))
            return case
        self._learn_time(answer)
        case.reported_at = self.clock.now()
        case.decision_ms = answer.took_ms
        case.first_verdict = answer.body["decision"]["verdict"]
        case.returned_at_once = answer.body["status"] == "returned"
        case.pending = events_of(call, self.script, self.seed) if attempt == 1 else []
        self._heard(answer.body, case)
        return case

    def _body(self, case: Case, report: Mapping[str, Any]) -> dict[str, Any]:
        at = self.clock.now() - timedelta(seconds=2)
        named = {"cad_system": self.cad_system, "cad_event_id": case.event_id, "received_at": at.isoformat()}
        return {**report, **named} | ({"attempt": case.attempt} if case.attempt > 1 else {})

    def _learn_time(self, answer: Answer) -> None:
        said = parse_time(answer.body["decision"].get("decided_at"))
        if said is not None and answer.status == 201:
            self.clock.learn(said, asked_at=answer.asked_at, answered_at=answer.answered_at)

    # What the feed says, and what follows from it.

    async def skip_history(self) -> None:
        """Move the feed's cursor to now, past what the system did before this replay."""
        answer = await self.api.insist("intake", "GET", "/v1/changes?after=latest", token=self.token)
        if answer.ok:
            self._cursor = answer.body["next"]

    async def follow(self) -> None:
        """Follow the feed until cancelled."""
        failures = 0
        while True:
            wait_s = max(1.0, min(25.0, self.clock.wall_s(_FEED_AGAIN)))
            answer = await self.api.poll("intake", self._feed_path(), token=self.token, wait_s=wait_s)
            if not answer.ok:
                failures += 1
                await pause(answer, min(failures, 4))
                continue
            failures = 0
            self.relies_until = parse_time(answer.body["hand_back_by"])
            self._cursor = answer.body["next"]
            for item in answer.body["items"]:
                self._take_item(item)

    def _feed_path(self) -> str:
        return "/v1/changes?limit=200" + (f"&after={quote(self._cursor)}" if self._cursor else "")

    def _take_item(self, item: Mapping[str, Any]) -> None:
        if isinstance(item.get("call"), Mapping):
            self._heard(item["call"])
        if isinstance(item.get("notice"), Mapping) and item["notice"].get("acknowledged_at") is None:
            self.ledger.did[f"loose notices {item['notice'].get('kind')}"] += 1

    def _heard(self, view: Mapping[str, Any], case: Case | None = None) -> None:
        known = self.ledger.note(view, case)
        if known is None:
            return
        for event in known.due():
            self.errands.start(self._happen(known, event))
        self._ask_for_police(known)
        if known.status == "returned" and not known.returned_at_once and "return" not in known.acknowledging:
            known.acknowledging.add("return")
            self.errands.start(self._acknowledge(known, None))
        for notice in view.get("notices", ()):
            if notice.get("acknowledged_at") is None and notice["id"] not in known.acknowledging:
                known.acknowledging.add(notice["id"])
                self.ledger.did[f"notices {notice['kind']}"] += 1
                self.errands.start(self._acknowledge(known, notice["id"]))

    async def _acknowledge(self, case: Case, notice_id: str | None) -> None:
        draw = chance(self.seed, case.call.key, case.attempt, "operator", notice_id is None)
        await self.clock.sleep(self.script.cad.acknowledges_after.draw(draw))
        body = {"operator": f"op-{draw.randint(1, 9)}"} | ({"notice_id": notice_id} if notice_id else {})
        answer = await self.api.insist(
            "intake", "POST", f"/v1/calls/{case.id}/acknowledge", token=self.token, json=body
        )
        self._count("acknowledged notice" if notice_id else "acknowledged return", answer)
        again = draw.random() < self.script.cad.reported_again
        if (
            notice_id is None
            and answer.ok
            and again
            and case.attempt == 1
            and case.view.get("return_reason") in _NO_TEAM
        ):
            self.ledger.did["reported again as attempt 2"] += 1
            await self.report(case.call, attempt=2)

    def _ask_for_police(self, case: Case) -> None:
        decision = case.view.get("decision") or {}
        if (
            decision.get("disposition") != "civilian_with_co_response"
            or case.co_response
            or not case.reached("accepted")
        ):
            return
        case.co_response = True
        if any(event.do == "police_staged" for event in case.call.later):
            return
        draw = chance(self.seed, case.call.key, "police")
        if draw.random() < self.script.cad.police_staged:
            delay_s = self.script.cad.police_staged_after.draw(draw).total_seconds()
            self.errands.start(self._happen(case, Later(do="police_staged", delay_s=delay_s)))
        else:
            self.ledger.did["police never came"] += 1

    async def _happen(self, case: Case, event: Later) -> None:
        await self.clock.sleep(event.delay)
        path = f"/v1/calls/{case.id}"
        match event.do:
            case "update":
                answer = await self._post(f"{path}/updates", event.body)
                self._count("updates with worse news", answer)
            case "police_staged":
                now = self.clock.now().isoformat()
                body = {"police_staged": True, "observed_at": now, **event.body}
                answer = await self._post(f"{path}/updates", body)
                self._count("updates police staged", answer)
            case "cancel":
                answer = await self._post(f"{path}/cancel", {"reason": "caller_cancelled", **event.body})
                self._count("cancels", answer)
            case "report_again":
                answer = await self._post("/v1/calls", self._body(case, {**case.call.report, **event.body}))
                self._count("reported a second time", answer)
            case "recall":
                if not case.open:
                    return
                answer = await self.api.insist(
                    "dispatch", "POST", f"/v1/incidents/{case.id}/recall", token=self.supervisor_token, json=event.body
                )
                self._count("recalls by a supervisor", answer)
                return
        if answer.ok and isinstance(answer.body, Mapping):
            self._heard(answer.body)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return await self.api.insist("intake", "POST", path, token=self.token, json=dict(body), timeout_s=5)

    def _count(self, what: str, answer: Answer) -> None:
        self.ledger.did[what if answer.ok else f"{what}: refused {answer.status}"] += 1

    # The CAD's side of promise 2.

    async def watch(self) -> None:
        """Take back every call about which nothing newer has come by its `hand_back_by`, until cancelled."""
        late = timedelta(seconds=_LATE_WALL_S * self.clock.rate)
        while True:
            await asyncio.sleep(1)
            now = self.clock.now()
            for case in self.ledger.cases:
                if not case.open or case.taken_back or case.kept:
                    continue
                by = parse_time(case.view.get("hand_back_by"))
                due = max((time for time in (by, self.relies_until) if time is not None), default=None)
                if due is not None and due + late < now:
                    case.taken_back = True
                    self.ledger.did["taken back at hand_back_by"] += 1
                    self.errands.start(self._cancel_when_possible(case, _CALLED_BACK))

    async def _cancel_when_possible(self, case: Case, reason: str) -> None:
        """Say again and again that the call center has the call, until the system has heard it or never knew the call."""
        name = quote(f"{self.cad_system}:{case.event_id}:{case.attempt}", safe="")
        attempt = 0
        while True:
            await asyncio.sleep(min(1.0 * 2**attempt, 10.0))
            attempt += 1
            answer = await self.api.request(
                "intake", "POST", f"/v1/calls/{name}/cancel", token=self.token, json={"reason": reason}
            )
            if answer.ok:
                self.ledger.did["cancels of calls taken back"] += 1
                self.ledger.note(answer.body, case)
                return
            if answer.status == 404 and attempt > 2:
                return
            if not answer.worth_trying_again and answer.status != 404:
                self.ledger.did[f"cancels of calls taken back: refused {answer.status}"] += 1
                return

    def open_cases(self) -> list[Case]:
        """Return the cases that the system still answers for."""
        return [case for case in self.ledger.cases if case.open and case.status not in FINAL]
