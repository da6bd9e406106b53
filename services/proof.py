"""Shows that a running system does its job: one call of each discipline to the end, and one that no civilian may take.

Everything goes over the public HTTP API, with fresh event ids each time; the crew's part is played here.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from services.replay.api import API, Answer
from services.tokens import Tokens

PATIENCE_S: Final = 30.0
"""How long each step of a proof may take before it counts as failed."""
_LONG_POLL_S: Final = 10.0
_CREW: Final = ("accept", "depart", "arrive", "check_in", "clear")


class ProofFailedError(Exception):
    """A call of the proof did not go as it should; the message says where."""


@dataclass(frozen=True)
class Case:
    """A call to report and how it should end."""

    name: str
    discipline: str | None
    """None: no civilian may be sent."""
    report: Mapping[str, Any]


@dataclass
class Course:
    """What happened to one call of the proof."""

    case: Case
    ok: bool = False
    steps: list[tuple[float, str]] = field(default_factory=list)
    """Seconds since the report, and what was true then."""
    ended: str = "not reported"

    def note(self, since: float, what: str) -> None:
        """Add a step."""
        self.steps.append((time.monotonic() - since, what))


def _answers(**others: Any) -> dict[str, Any]:
    denied = dict.fromkeys(("weapons", "violence", "injuries", "threats"), "no")
    return denied | {"caller_safe": "yes", "consent": "yes", "location_known": "yes"} | others


CASES: Final = (
    Case(
        "Neighbors argue over parking",
        "mediator",
        {
            "call_type_code": "415N",
            "call_type_text": "NEIGHBOR DISPUTE",
            "narrative": "RP and downstairs neighbor arguing over parking. Verbal only. No weapons, no threats, "
            "nobody hurt.",
            "language": "en",
            "answers": _answers(suspect_on_scene="yes", relationship="neighbor", parties=2),
            "location": {
                "lat_deg": 34.0443,
                "lon_deg": -118.2106,
                "accuracy_m": 30,
                "address": "E 1st St / S Boyle Av",
            },
        },
    ),
    Case(
        "Two groups of young people argue in a park",
        "interrupter",
        {
            "call_type_code": "415J",
            "call_type_text": "YOUTH DISTURBANCE",
            "narrative": "Two groups of teens arguing on the basketball court about whose turn it is. Verbal only. "
            "No weapons, no threats, nobody hurt.",
            "language": "en",
            "answers": _answers(suspect_on_scene="yes", parties=8),
            "location": {"lat_deg": 33.9425, "lon_deg": -118.2420, "accuracy_m": 50, "address": "E 103rd St"},
        },
    ),
    Case(
        "A painted garage, a week later",
        "restorative_justice",
        {
            "call_type_code": "594",
            "call_type_text": "VANDALISM",
            "narrative": "Neighbor's son painted on the garage last week and admitted it. RP wants to talk with the "
            "family about repair. Nobody hurt, no threats.",
            "language": "en",
            "answers": _answers(suspect_on_scene="no", relationship="neighbor", parties=2),
            "location": {"lat_deg": 34.0776, "lon_deg": -118.2606, "accuracy_m": 30, "address": "Echo Park Av"},
        },
    ),
    Case(
        "An argument with a knife",
        None,
        {
            "call_type_code": "415N",
            "call_type_text": "NEIGHBOR DISPUTE",
            "narrative": "Neighbor came to the door with a kitchen knife and said he will cut RP.",
            "language": "en",
            "answers": _answers(
                weapons="yes", threats="yes", suspect_on_scene="yes", relationship="neighbor", parties=2
            ),
            "location": {"lat_deg": 34.1016, "lon_deg": -118.3267, "accuracy_m": 30, "address": "Hollywood Bl"},
        },
    ),
)


async def prove(
    api: API, tokens: Tokens, *, now: Callable[[], datetime], told: Callable[[Course], None]
) -> list[Course]:
    """Return what happened to each case; `told` hears of each as it ends. `now` is the system's time."""
    run = f"{now():%y%m%d%H%M%S}-{uuid4().hex[:6]}"
    # A call for a reviewer goes back at once where nobody reads the queue.
    await api.insist("intake", "GET", "/v1/calls?review=open", token=tokens.reviewer)

    async def one(case: Case, number: int) -> Course:
        course = await _Proof(api, tokens, Course(case), now).run(f"PROOF-{run}-{number}")
        told(course)
        return course

    return list(await asyncio.gather(*(one(case, number) for number, case in enumerate(CASES, start=1))))


class _Proof:
    def __init__(self, api: API, tokens: Tokens, course: Course, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now
        self._tokens = tokens
        self._course = course
        self._since = time.monotonic()
        self._call: dict[str, Any] = {}

    async def run(self, event_id: str) -> Course:
        """Report the call and follow it to its end."""
        try:
            await self._report(event_id)
            if self._course.case.discipline is None:
                self._expect_unsafe()
            else:
                await self._until_offered()
                await self._crew()
                await self._until_closed()
            self._course.ok = True
        except ProofFailedError as failure:
            self._course.ended = str(failure)
        return self._course

    async def _report(self, event_id: str) -> None:
        body = {
            "cad_system": "proof",
            "cad_event_id": event_id,
            "received_at": self._now().isoformat(),
            **self._course.case.report,
        }
        answer = await self._api.insist("intake", "POST", "/v1/calls", token=self._tokens.cad, json=body)
        self._call = _good(answer, "the report")
        decision = self._call["decision"]
        self._course.note(self._since, f"{decision['verdict']} ({decision['disposition']})")

    def _expect_unsafe(self) -> None:
        call, decision = self._call, self._call["decision"]
        if decision["verdict"] != "unsafe" or call["status"] != "returned":
            raise ProofFailedError(f"should be unsafe and returned, is {decision['verdict']} and {call['status']}")
        self._course.ended = f"returned ({call['return_reason']}): send {call['recommended_response']}"

    async def _until_offered(self) -> None:
        """Follow the call until a team has an offer, clearing it as a reviewer where the protocol asks for that."""
        if self._call["status"] == "in_review":
            await self._review()
        call = await self._until(lambda call: call["assignment"] is not None, "a team")
        discipline = call["decision"]["discipline"]
        if discipline != self._course.case.discipline:
            raise ProofFailedError(f"should go to a {self._course.case.discipline}, went to a {discipline}")
        self._course.note(self._since, f"offered to {call['assignment']['team_name']}")

    async def _review(self) -> None:
        call = self._call
        body = {"decision": "send_civilian", "reason": "proof: read by a person", "version": call["version"]}
        path = f"/v1/calls/{call['id']}"
        answer = await self._api.insist("intake", "POST", f"{path}/review", token=self._tokens.reviewer, json=body)
        self._call = _good(answer, "the review")
        if call["decision"]["disposition"] == "civilian_with_co_response":
            staged = {"police_staged": True, "observed_at": self._now().isoformat()}
            answer = await self._api.insist("intake", "POST", f"{path}/updates", token=self._tokens.cad, json=staged)
            self._call = _good(answer, "police staged")
        self._course.note(self._since, "cleared by a reviewer")

    async def _crew(self) -> None:
        """Act as the offered team's tablet, from `accept` to `clear`."""
        team_id = self._call["assignment"]["team_id"]
        token = self._tokens.team(team_id)
        mine = await self._own_assignment(team_id, token)
        for action in _CREW:
            body = {"action": action, **_details(action, self._course.case, mine)}
            path = f"/v1/assignments/{mine['id']}/actions"
            await self._act(path, token, body)
            self._course.note(self._since, _PAST[action])

    async def _act(self, path: str, token: str, body: Mapping[str, Any]) -> Any:
        """Send one action; what is awaited (the wish that police are staged, say) may take a moment to arrive."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = await self._api.insist("dispatch", "POST", path, token=token, json=body)
            awaited = answer.status == 409 and isinstance(answer.body, dict) and answer.body.get("awaiting")
            if not awaited or time.monotonic() > deadline:
                return _good(answer, str(body["action"]))
            await asyncio.sleep(0.1)

    async def _own_assignment(self, team_id: str, token: str) -> dict[str, Any]:
        path, etag = f"/v1/teams/{team_id}/assignments", None
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer = await self._look("dispatch", path, token, etag)
            if answer.status == 200:
                etag = answer.etag
                for item in answer.body["items"]:
                    if item["incident_id"] == self._call["id"]:
                        found: dict[str, Any] = item
                        return found
            elif answer.status != 304:
                await asyncio.sleep(0.1)
        raise ProofFailedError("the offer never reached the team's tablet")

    async def _look(self, service: str, path: str, token: str, etag: str | None) -> Answer:
        """Return what is there now or, when that is what `etag` says, what comes next: else the change just made is missed."""
        if etag is None:
            return await self._api.insist(service, "GET", path, token=token)
        return await self._api.poll(service, path, token=token, wait_s=_LONG_POLL_S, etag=etag)

    async def _until_closed(self) -> None:
        call = await self._until(lambda call: call["status"] == "closed", "closed")
        self._course.ended = f"closed ({call['outcome']})"

    async def _until(self, holds: Any, what: str) -> dict[str, Any]:
        """Return the call once `holds` is true of it, by long-polls. Raises ProofFailedError."""
        etag: str | None = None
        deadline = time.monotonic() + PATIENCE_S
        while not holds(self._call):
            if self._call["status"] in {"returned", "cancelled", "closed"}:
                reason = self._call["return_reason"] or self._call["outcome"]
                raise ProofFailedError(f"waited for {what}; the call is {self._call['status']} ({reason})")
            if time.monotonic() > deadline:
                raise ProofFailedError(f"waited for {what} for {PATIENCE_S:.0f} s; the call is {self._call['status']}")
            path = f"/v1/calls/{self._call['id']}"
            answer = await self._look("intake", path, self._tokens.cad, etag)
            if answer.status == 200:
                self._call, etag = answer.body, answer.etag
            elif answer.status != 304:
                await asyncio.sleep(0.1)
        return self._call


_PAST: Final = {
    "accept": "accepted",
    "depart": "en route",
    "arrive": "on scene",
    "check_in": "checked in",
    "clear": "cleared",
}


def _details(action: str, case: Case, mine: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an action carries besides its name."""
    if action == "accept" and case.discipline == "restorative_justice":
        return {"depart_by": (datetime.fromisoformat(mine["respond_by"]) + timedelta(minutes=30)).isoformat()}
    if action == "clear":
        return {"outcome": "agreement", "note": "Part of the proof."}
    return {}


def _good(answer: Answer, what: str) -> Any:
    if answer.ok:
        return answer.body
    detail = answer.body.get("detail") if isinstance(answer.body, dict) else answer.body
    raise ProofFailedError(f"{what} was answered {answer.status or 'nothing'}: {detail}")
