"""Who stands around the system: a CAD, a crew with its tablet, a reviewer, a supervisor. Each speaks only the public API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from services.tokens import Tokens
from shared.auth import Role
from tests.field.wire import Body, Reply, Wire, eventually
from tests.patience import Patience

FINAL: Final = frozenset({"closed", "returned", "cancelled"})
DENIED: Final = {"weapons": "no", "violence": "no", "injuries": "no", "threats": "no"}
"""The core four, each asked and denied."""
CALM: Final[Body] = {
    "call_type_code": "415N",
    "call_type_text": "NEIGHBOR DISPUTE",
    "narrative": "RP and downstairs neighbor arguing over parking. Verbal only. NWS, no threats, nobody hurt.",
    "language": "en",
    "answers": DENIED
    | {
        "suspect_on_scene": "yes", "relationship": "neighbor", "parties": 2, "caller_safe": "yes", "consent": "yes",
        "location_known": "yes",
    },
}  # fmt: skip
"""What is reported unless a test says otherwise: two neighbors, every disqualifying question denied."""
WORSE: Final[Body] = {
    "narrative": "Caller now says the neighbor has a knife in his hand.",
    "answers": {"weapons": "yes"},
}
"""News after which no civilian may go."""
UNSURE: Final[Body] = {"answers": DENIED | {"weapons": "unknown"}, "narrative": "Neighbors arguing about a fence."}
"""A report that nobody has asked about weapons."""
DOUBT: Final[Body] = {"answers": {"dv_relation": "yes"}, "narrative": "They used to be a couple."}
"""News that a person must look at."""


@dataclass
class Cad:
    """A call center's dispatch system, bound to one `cad_system`."""

    wire: Wire
    token: str
    now: Callable[[], datetime]
    cad_system: str

    def a_report(self, **differs: Any) -> Body:
        """Return a report of a new event; `differs` replaces whole fields."""
        fixed = {
            "cad_system": self.cad_system, "cad_event_id": f"E-{uuid4().hex[:12]}", "received_at": self.now().isoformat()
        }  # fmt: skip
        return fixed | CALM | differs

    async def send(self, body: Body, **how: Any) -> Reply:
        """Post a report, once."""
        return await self.wire.ask("intake", "POST", "/v1/calls", token=self.token, json=body, **how)

    async def report(self, **differs: Any) -> Body:
        """Post a new event and return the call."""
        return (await self.send(self.a_report(**differs))).good()

    async def update(self, call: Body, body: Body) -> Body:
        """Post news and return the call."""
        return (await self.ask("POST", call, "/updates", json=body)).good()

    async def staged(self, call: Body, *, yes: bool = True, observed_at: datetime | None = None) -> Body:
        """Say that police are staged near the scene, or no longer are."""
        observed = (observed_at or self.now()).isoformat()
        return await self.update(call, {"police_staged": yes, "observed_at": observed})

    async def cancel(self, call: Body, reason: str = "caller_cancelled") -> Body:
        """Call it off and return the call."""
        return (await self.ask("POST", call, "/cancel", json={"reason": reason})).good()

    async def acknowledge(self, call: Body, **body: Any) -> Body:
        """Say that the return, or the notice named, has reached a person."""
        return (await self.ask("POST", call, "/acknowledge", json=body)).good()

    async def ask(self, method: str, call: Body, path: str = "", **request: Any) -> Reply:
        """Send a request about one call."""
        return await self.wire.ask("intake", method, f"/v1/calls/{call['id']}{path}", token=self.token, **request)

    async def call(self, call: Body) -> Body:
        """Return the call as it is."""
        return (await self.ask("GET", call)).good()

    async def by_event(self, cad_event_id: str, attempt: int | None = None) -> Reply:
        """Look a call up by the CAD's own name for it."""
        name = f"{self.cad_system}:{cad_event_id}" + (f":{attempt}" if attempt else "")
        return await self.wire.ask("intake", "GET", f"/v1/calls/{quote(name, safe='')}", token=self.token)

    async def until(
        self, call: Body, status: str, *, within_s: float = 10.0, where: Callable[[Body], bool] | None = None
    ) -> Body:
        """Follow the call by long-polls until it has `status` (and `where` holds); return it. Raises AssertionError."""
        patience = Patience(within_s, look_s=2.5)  # a poll and a bit
        known, etag = call, None
        while True:
            path = f"/v1/calls/{call['id']}"
            reply = await self.wire.poll("intake", path, token=self.token, wait_s=2, etag=etag)
            if reply.ok:
                known, etag = reply.good(), reply.etag
                if known["status"] == status and (where is None or where(known)):
                    return known
            else:
                etag = etag if reply.status == 304 else None
            said = f"the call is {known['status']} ({known['return_reason'] or known['outcome']}), not {status}"
            assert known["status"] not in FINAL or known["status"] == status, said
            assert not patience.is_over(), f"{said} after {within_s:g} s; assignment {known['assignment']}"

    async def changes(self, after: str | None = None, *, wait_s: float | None = None) -> Body:
        """Return the next page of the feed."""
        path = "/v1/changes?limit=200" + (f"&after={after}" if after else "")
        if wait_s is None:
            return (await self.wire.ask("intake", "GET", path, token=self.token)).good()
        headers = {"Prefer": f"wait={round(wait_s)}"}
        return (
            await self.wire.ask("intake", "GET", path, token=self.token, headers=headers, timeout_s=wait_s + 10)
        ).good()

    async def feed(self, after: str | None = None) -> list[Body]:
        """Return everything in the feed since a cursor."""
        items: list[Body] = []
        while True:
            page = await self.changes(after)
            items += page["items"]
            if not page["items"]:
                return items
            after = page["next"]

    async def timeline(self, call: Body) -> list[Body]:
        """Return every event of the call, across services."""
        return (await self.ask("GET", call, "/timeline?limit=200")).items()


@dataclass
class Tablet:
    """One team's tablet, and its crew's hands."""

    wire: Wire
    token: str
    team_id: str
    name: str
    crew: Sequence[str] = ()
    base: tuple[float, float] = (0.0, 0.0)

    @property
    def _path(self) -> str:
        return f"/v1/teams/{self.team_id}/assignments"

    async def list(self) -> list[Body]:
        """Return what is on the tablet now."""
        return (await self.wire.ask("dispatch", "GET", self._path, token=self.token)).items()

    async def poll(self, etag: str | None = None, *, wait_s: float = 10.0, replica: int | None = None) -> Reply:
        """Wait for news, as a tablet does all day."""
        return await self.wire.poll("dispatch", self._path, token=self.token, wait_s=wait_s, etag=etag, replica=replica)

    async def shows(
        self,
        call: Body,
        status: str = "offered",
        *,
        within_s: float = 10.0,
        where: Callable[[Body], bool] | None = None,
    ) -> Body:
        """Wait until the tablet shows this call in this status; return the item. Raises AssertionError."""
        patience, etag, seen = Patience(within_s, look_s=1.5), None, "nothing"
        while True:
            reply = await self.poll(etag, wait_s=1)
            if reply.ok:
                etag = reply.etag
                mine = [item for item in reply.items() if item["incident_id"] == call["id"]]
                for item in mine:
                    if item["status"] == status and (where is None or where(item)):
                        return item
                seen = ", ".join(item["status"] for item in mine) or "nothing"
            assert not patience.is_over(), f"{self.name} shows {seen}, not {status}, after {within_s:g} s"

    async def is_empty_of(self, call: Body, *, within_s: float = 10.0) -> None:
        """Wait until the call has left the tablet."""

        async def gone() -> bool:
            return all(item["incident_id"] != call["id"] for item in await self.list())

        await eventually(f"the call leaves the tablet of {self.name}", gone, within_s=within_s)

    async def act(self, item: Body, action: str, *, key: str | None = None, **body: Any) -> Reply:
        """Send one action, once."""
        headers = {"Idempotency-Key": key} if key else {}
        path = f"/v1/assignments/{item['id']}/actions"
        return await self.wire.ask(
            "dispatch", "POST", path, token=self.token, json={"action": action, **body}, headers=headers
        )

    async def press(self, item: Body, action: str, *, within_s: float = 60.0, **body: Any) -> Body:
        """Send one action as a tablet's queue does: with a key, again and again while there is silence or a fault."""
        path = f"/v1/assignments/{item['id']}/actions"
        reply = await self.wire.insist(
            "dispatch", "POST", path, within_s=within_s, token=self.token, json={"action": action, **body},
            headers={"Idempotency-Key": uuid4().hex},
        )  # fmt: skip
        return reply.good()

    async def go(self, item: Body, *actions: str) -> Body:
        """Press one button after the other, with what each needs; return the last answer."""
        needs: dict[str, Body] = {"clear": {"outcome": "agreement"}, "decline": {"reason": "too far"}}
        answer = item
        for action in actions:
            answer = await self.press(item, action, **needs.get(action, {}))
        return answer

    async def withdraw(self, call: Body) -> Body:
        """Read the recall and say that the crew is away; return the item as it was shown."""
        item = await self.shows(call, "withdrawing")
        await self.press(item, "acknowledge_recall")
        await self.press(item, "clear")
        return item

    async def emergency(self, **body: Any) -> Reply:
        """Press the panic button."""
        return await self.wire.ask(
            "dispatch", "POST", f"/v1/teams/{self.team_id}/emergency", token=self.token, json=body
        )

    async def duty(self, status: str, **body: Any) -> Reply:
        """Change the duty status; the whole crew is there unless the test says otherwise."""
        crew = {"crew": list(self.crew)} if status != "off_duty" else {}
        return await self.wire.ask(
            "teams", "PUT", f"/v1/teams/{self.team_id}/duty", token=self.token, json={"status": status, **crew, **body}
        )

    async def send_position(self, lat_deg: float, lon_deg: float, at: datetime) -> None:
        """Send one fix."""
        fix = {"lat_deg": lat_deg, "lon_deg": lon_deg, "accuracy_m": 10, "at": at.isoformat()}
        path = f"/v1/teams/{self.team_id}/positions"
        (await self.wire.ask("teams", "POST", path, token=self.token, json={"fixes": [fix]})).good()


@dataclass
class Reviewer:
    """A person who reads the review queue."""

    wire: Wire
    token: str

    async def queue(self) -> list[Body]:
        """Read the queue, and so be present."""
        path = "/v1/calls?review=open&limit=200"
        return (await self.wire.ask("intake", "GET", path, token=self.token)).items()

    async def say(self, call: Body, decision: str, **body: Any) -> Reply:
        """Decide a call, once."""
        said = {"decision": decision, "reason": "Read by a person."} | body
        path = f"/v1/calls/{call['id']}/review"
        return await self.wire.ask("intake", "POST", path, token=self.token, json=said)

    async def clear(self, call: Body, **body: Any) -> Body:
        """Read the call and send civilians, again when it has changed meanwhile."""
        for _ in range(10):
            path = f"/v1/calls/{call['id']}"
            now = (await self.wire.ask("intake", "GET", path, token=self.token)).good()
            reply = await self.say(now, "send_civilian", version=now["version"], **body)
            if reply.status != 412:
                break
        return reply.good()


@dataclass
class Office:
    """What only dispatch's supervisors, admins, auditors and other services may do."""

    wire: Wire
    tokens: Tokens

    async def ask(self, service: str, method: str, path: str, *, role: Role = Role.SUPERVISOR, **request: Any) -> Reply:
        """Send a request in a role."""
        token = self.tokens.role(role, f"office-{role.value}")
        return await self.wire.ask(service, method, path, token=token, **request)

    async def incident(self, call: Body) -> Body:
        """Return dispatch's view of the call."""
        return (await self.ask("dispatch", "GET", f"/v1/incidents/{call['id']}")).good()

    async def knows(self, call: Body) -> bool:
        """Say whether dispatch has been told of the call."""
        return (await self.ask("dispatch", "GET", f"/v1/incidents/{call['id']}")).ok

    async def assignment(self, assignment_id: str) -> Body:
        """Return one assignment with its history."""
        return (await self.ask("dispatch", "GET", f"/v1/assignments/{assignment_id}")).good()

    async def recall(self, call: Body, reason: str = "Rumors of a fight at the corner.") -> Reply:
        """Call the team off."""
        return await self.ask("dispatch", "POST", f"/v1/incidents/{call['id']}/recall", json={"reason": reason})

    async def alerts(self, service: str) -> list[Body]:
        """Return the open alerts of a service."""
        return (await self.ask(service, "GET", "/v1/alerts")).items()

    async def alert(self, service: str, subject: str, kind: str | None = None, *, within_s: float = 10.0) -> Body:
        """Wait for an alert about a subject."""

        async def look() -> Body | None:
            for alert in await self.alerts(service):
                if alert["subject"] == subject and kind in (None, alert["kind"]):
                    return alert
            return None

        return await eventually(f"an alert {kind or ''} about {subject} at {service}", look, within_s=within_s)

    async def hold_of(self, tablet: Tablet) -> Body | None:
        """Return the live hold of a team, if it has one."""
        token = self.tokens.supervisor
        holds = (await self.wire.insist("teams", "GET", "/v1/holds", token=token)).items()
        return next((hold for hold in holds if hold["team_id"] == tablet.team_id), None)

    async def is_free(self, tablet: Tablet, *, within_s: float = 10.0) -> None:
        """Wait until nothing holds the team."""

        async def free() -> bool:
            return await self.hold_of(tablet) is None

        await eventually(f"{tablet.name} is free", free, within_s=within_s)


def statuses(items: Sequence[Body]) -> list[str]:
    """Return the statuses of calls in the order of `items`, each run of the same one once."""
    found: list[str] = []
    for item in items:
        if not found or found[-1] != item["status"]:
            found.append(item["status"])
    return found
