"""The proof: every call is final, or has a holder and a deadline in the future. Whatever is neither is named."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

from services.replay.api import API
from services.replay.clock import SystemClock, parse_time
from services.replay.ledger import FINAL, Case, Ledger

_TRIES: Final = 6
_AGAIN_S: Final = 1.0
_AT_ONCE: Final = 6

Standing = Literal["final", "held", "call_center", "unproved"]


@dataclass(frozen=True, slots=True)
class Proved:
    """Where one call stands, and its history as the system tells it."""

    case: Case
    standing: Standing
    holder: str | None = None
    deadline: datetime | None = None
    why: str = ""
    """For `unproved`: what was seen."""
    timeline: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Prover:
    """Asks the system about each call once more."""

    api: API
    clock: SystemClock
    cad_token: str
    supervisor_token: str
    ledger: Ledger
    cad_system: str
    _desks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def prove(self, cases: Iterable[Case]) -> list[Proved]:
        """Return where each call stands now."""
        return list(await asyncio.gather(*(self._prove(case) for case in cases)))

    async def _prove(self, case: Case) -> Proved:
        async with self._desks:
            found = Proved(case, "unproved", why="never asked")
            for _ in range(_TRIES):
                found = await self._look(case)
                if found.standing != "unproved":
                    break
                await asyncio.sleep(_AGAIN_S)
            if case.id is None:
                return found
            return Proved(case, found.standing, found.holder, found.deadline, found.why, await self._timeline(case.id))

    async def _look(self, case: Case) -> Proved:
        name = case.id or quote(f"{self.cad_system}:{case.event_id}:{case.attempt}", safe="")
        answer = await self.api.insist("intake", "GET", f"/v1/calls/{name}", token=self.cad_token)
        if answer.status == 404 and case.kept is not None:
            return Proved(case, "call_center", "call center", why="never stored by the system")
        if not answer.ok:
            return Proved(case, "unproved", why=f"GET /v1/calls/{name} was answered {answer.status}")
        self.ledger.note(answer.body, case)
        view = answer.body
        if view["status"] in FINAL:
            return Proved(case, "final", "call center" if view["status"] == "returned" else None)
        return await self._holder(case, view)

    async def _holder(self, case: Case, view: Mapping[str, Any]) -> Proved:
        review_by = parse_time(view.get("review_by"))
        if view["status"] == "in_review" and review_by is not None and review_by > self.clock.now():
            return Proved(case, "held", "reviewer", review_by)
        answer = await self.api.insist("dispatch", "GET", f"/v1/incidents/{view['id']}", token=self.supervisor_token)
        if not answer.ok:
            return Proved(case, "unproved", why=f"{view['status']}; GET /v1/incidents was answered {answer.status}")
        act_by = parse_time(answer.body.get("act_by"))
        if answer.body["status"] != "ended" and act_by is not None and act_by > self.clock.now():
            assignment = answer.body.get("assignment")
            holder = (
                assignment["team_name"] if assignment and answer.body["status"] == "committed" else "dispatch queue"
            )
            return Proved(case, "held", holder, act_by)
        why = f"{view['status']}; its incident is {answer.body['status']} with act_by {answer.body.get('act_by')}"
        return Proved(case, "unproved", why=why)

    async def _timeline(self, call_id: str) -> tuple[Mapping[str, Any], ...]:
        path, rows = f"/v1/calls/{call_id}/timeline?limit=200", list[Mapping[str, Any]]()
        cursor: str | None = None
        while True:
            more = f"&cursor={quote(cursor)}" if cursor else ""
            answer = await self.api.insist("intake", "GET", path + more, token=self.supervisor_token)
            if not answer.ok:
                return tuple(rows)
            rows += answer.body["items"]
            cursor = answer.body.get("next")
            if cursor is None:
                return tuple(rows)


async def team_hours(
    api: API, token: str, team_id: str, *, began: datetime, ended: datetime
) -> tuple[timedelta, timedelta]:
    """Return how long a team was held and how long it was available between two times, from its own history."""
    events: list[Mapping[str, Any]] = []
    cursor: str | None = None
    while True:
        path = f"/v1/teams/{team_id}/history?limit=200" + (f"&cursor={quote(cursor)}" if cursor else "")
        answer = await api.insist("teams", "GET", path, token=token)
        if not answer.ok:
            return timedelta(0), timedelta(0)
        events += answer.body["items"]
        cursor = answer.body.get("next")
        oldest = parse_time(events[-1]["at"]) if events else None
        if cursor is None or (oldest is not None and oldest < began and _knows_both(events, began)):
            return spans(events, began=began, ended=ended)


def _knows_both(events: list[Mapping[str, Any]], began: datetime) -> bool:
    """Whether the newest change of duty and of hold before `began` are among `events`."""
    before = {event["kind"] for event in events if (at := parse_time(event["at"])) is not None and at <= began}
    return {"duty", "hold"} <= before


def spans(events: Iterable[Mapping[str, Any]], *, began: datetime, ended: datetime) -> tuple[timedelta, timedelta]:
    """Return held and available time from history rows in any order; a team that was held counts as available."""
    held = present = timedelta(0)
    is_held = is_present = False
    last = began
    for event in sorted(events, key=lambda event: event["seq"]):
        at = parse_time(event["at"])
        if at is None or event["kind"] not in ("duty", "hold"):
            continue
        now = min(max(at, began), ended)
        held += (now - last) if is_held else timedelta(0)
        present += (now - last) if is_present or is_held else timedelta(0)
        last = now
        if event["kind"] == "hold":
            is_held = event["action"] != "released"
        else:
            is_present = event["detail"].get("to") == "available"
    held += (ended - last) if is_held else timedelta(0)
    present += (ended - last) if is_present or is_held else timedelta(0)
    return held, present
