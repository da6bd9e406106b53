"""Stand-ins for the peers of dispatch: they answer as the contract says and remember what they were told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.peer import PeerSilentError, Reply


def a_team(name: str = "Eastside Mediation", **changes: Any) -> dict[str, Any]:
    """Return a team of the availability snapshot that fits `a_wish()`."""
    team: dict[str, Any] = {
        "team_id": str(uuid4()), "team_name": name, "provider_id": str(uuid4()), "offerable": True, "reasons": [],
        "disciplines": ["mediator"], "languages": ["en", "es"], "catchment": {"boyle-heights": "home"},
        "position": None, "base": {"lat_deg": 34.05, "lon_deg": -118.21}, "crew": 2, "minimum_crew": 2,
        "shift_ends_at": None, "do_not_send": [], "hold": None,
    }  # fmt: skip
    return team | changes


@dataclass
class FakeTeams:
    """The teams service: an availability list, and holds by the contract's rules."""

    items: list[dict[str, Any]] = field(default_factory=list)
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    silent: bool = False
    silent_for_holds: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        self.asked.append((method, path))
        if self.silent or (self.silent_for_holds and path.startswith("/v1/holds/")):
            raise PeerSilentError("ConnectTimeout")
        if path.startswith("/v1/availability"):
            if headers and "Prefer" in headers and "If-None-Match" in headers:
                await asyncio.sleep(3600)
            return Reply(200, {"items": [self._shown(team) for team in self.items], "next": None}, '"1"')
        if path == "/v1/holds":
            age_s = 120.0
            return Reply(
                200, {"items": [{**hold, "assignment_id": key, "age_s": age_s} for key, hold in self.holds.items()]}
            )
        assignment_id = path.rsplit("/", 1)[1]
        if method == "DELETE":
            self.released.add(assignment_id)
            self.holds.pop(assignment_id, None)
            return Reply(200, {"assignment_id": assignment_id, "released_at": datetime.now(UTC).isoformat()})
        return self._hold(assignment_id, json)

    def _hold(self, assignment_id: str, body: dict[str, Any]) -> Reply:
        if assignment_id in self.released:
            return Reply(409, {"type": "urn:commonground:problem:hold-released"})
        if assignment_id in self.holds:
            return Reply(200, self.holds[assignment_id])
        if any(hold["team_id"] == body["team_id"] for hold in self.holds.values()):
            return Reply(409, {"type": "urn:commonground:problem:team-not-free"})
        self.holds[assignment_id] = {**body, "held_at": datetime.now(UTC).isoformat()}
        return Reply(200, {"assignment_id": assignment_id, **self.holds[assignment_id]})

    def _shown(self, team: dict[str, Any]) -> dict[str, Any]:
        for assignment_id, hold in self.holds.items():
            if hold["team_id"] == team["team_id"]:
                live = {"assignment_id": assignment_id, "incident_id": hold["incident_id"], "since": hold["held_at"]}
                return team | {"offerable": False, "reasons": ["held"], "hold": live}
        return team

    async def ready(self) -> bool:
        return not self.silent

    async def close(self) -> None:
        pass


@dataclass
class FakeIntake:
    """Intake: keeps the newest report of each call, and every event once."""

    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    silent: bool = False
    deaf_to: set[str] = field(default_factory=set)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        if self.silent:
            raise PeerSilentError("ConnectTimeout")
        parts = path.split("/")
        if parts[2] == "notices":
            self.notices[parts[3]] = json
            return Reply(200, {})
        call_id = parts[3]
        if call_id in self.deaf_to:
            return Reply(404, {})
        if json["version"] >= self.reports.get(call_id, {"version": 0})["version"]:
            self.reports[call_id] = json
        kept = self.events.setdefault(call_id, {})
        kept.update({event["seq"]: event for event in json["events"]})
        return Reply(
            200,
            {"status": "queued", "version": self.reports[call_id]["version"], "events_through": max(kept, default=0)},
        )

    async def ready(self) -> bool:
        return not self.silent

    async def close(self) -> None:
        pass


def facts(**changes: Any) -> dict[str, Any]:
    """Return facts of a safe call for a mediator."""
    base: dict[str, Any] = {
        "decision": {"verdict": "safe", "disposition": "civilian", "discipline": "mediator", "priority": 2, "reasons": [],
                     "protocol_version": "2026-11-23.1"},
        "neighborhood": "boyle-heights", "plan_version": 3, "disciplines": ["mediator"],
        "languages": {"required": [], "preferred": []},
        "location": {"lat_deg": 34.0443, "lon_deg": -118.2106, "accuracy_m": 30, "address": "E 1st St / S Boyle Ave"},
        "address_key": "d1", "assign_by": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "briefing": {"cautions": ["dog"], "words": [{"source": "narrative", "text": "Verbal only."}], "unknown": [], "notes": []},
        "catchment": ["boyle-heights"],
    }  # fmt: skip
    return base | changes


def decision(verdict: str = "safe", priority: int = 2) -> dict[str, Any]:
    return {"verdict": verdict, "disposition": "civilian", "priority": priority, "reasons": []}


def a_wish(seq: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a wish for a civilian team."""
    base = {"seq": seq, "wanted": "civilian", "may_offer": True, "may_depart": True, "reason": None, "facts": facts()}
    return base | changes


def withdrawn(seq: int, reason: str = "risk_rose") -> dict[str, Any]:
    return {"seq": seq, "wanted": "withdrawn", "may_offer": False, "may_depart": False, "reason": reason, "facts": None}


def as_uuid(text: str) -> UUID:
    return UUID(text)
