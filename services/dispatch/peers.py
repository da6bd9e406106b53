"""The other two services as dispatch sees them. A timeout is an answer here ("unknown"), never an error to hide."""

from enum import StrEnum
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.messages.availability import Availability, HoldRequest, Holds
from shared.messages.base import LooseNotice
from shared.messages.incidents import Progress, ProgressReceipt
from shared.peer import PeerSilentError, Reply


class Caller(Protocol):
    """What is needed of a `shared.peer.Peer`."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Return the peer's answer. Raises PeerSilentError."""

    async def ready(self) -> bool:
        """Say whether the peer's process answers at all."""

    async def close(self) -> None:
        """Close every connection."""


class HoldAnswer(StrEnum):
    """What teams said to a hold."""

    HELD = "held"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """No usable answer: the hold may or may not exist."""


class Intake:
    """Intake: told of progress and of notices."""

    def __init__(self, peer: Caller) -> None:
        self.peer = peer

    async def report(self, call_id: UUID, progress: Progress) -> ProgressReceipt:
        """Deliver a progress report. Raises PeerSilentError when intake gave no receipt, whatever it answered."""
        body = progress.model_dump(mode="json", by_alias=True)
        reply = await self.peer.request("PUT", f"/v1/calls/{call_id}/progress", json=body)
        return _read(ProgressReceipt, reply)

    async def notify(self, notice_id: UUID, notice: LooseNotice) -> None:
        """Deliver a notice without a call. Raises PeerSilentError unless intake has it."""
        reply = await self.peer.request("PUT", f"/v1/notices/{notice_id}", json=notice.model_dump(mode="json"))
        if not reply.ok:
            raise PeerSilentError(f"status {reply.status}")


class Teams:
    """The teams service: who can go, and the holds that keep them."""

    def __init__(self, peer: Caller) -> None:
        self.peer = peer

    async def availability(
        self, *, known: str | None = None, wait_s: int = 0
    ) -> tuple[Availability | None, str | None]:
        """Return every team and the ETag; None for the teams when nothing changed within `wait_s`. Raises PeerSilentError."""
        headers = {"If-None-Match": known} if known else {}
        if wait_s:
            headers["Prefer"] = f"wait={wait_s}"
        reply = await self.peer.request("GET", "/v1/availability?all=true", headers=headers, timeout_s=wait_s + 3)
        if reply.status == 304:
            return None, reply.etag
        return _read(Availability, reply), reply.etag

    async def hold(self, assignment_id: UUID, team_id: UUID, incident_id: UUID, *, restore: bool = False) -> HoldAnswer:
        """Hold a team for an assignment; `restore` puts the missing hold of a live one back."""
        body = HoldRequest(team_id=team_id, incident_id=incident_id, restore=restore).model_dump(mode="json")
        try:
            reply = await self.peer.request("PUT", f"/v1/holds/{assignment_id}", json=body)
        except PeerSilentError:
            return HoldAnswer.UNKNOWN
        if reply.ok:
            return HoldAnswer.HELD
        return HoldAnswer.REFUSED if 400 <= reply.status < 500 else HoldAnswer.UNKNOWN

    async def release(self, assignment_id: UUID) -> None:
        """Release a hold, also in advance. Raises PeerSilentError unless teams has it."""
        reply = await self.peer.request("DELETE", f"/v1/holds/{assignment_id}")
        if not reply.ok:
            raise PeerSilentError(f"status {reply.status}")

    async def holds(self) -> Holds:
        """Return the live holds. Raises PeerSilentError."""
        return _read(Holds, await self.peer.request("GET", "/v1/holds"))


M = TypeVar("M", ProgressReceipt, Availability, Holds)


def _read(kind: type[M], reply: Reply) -> M:
    if not reply.ok:
        raise PeerSilentError(f"status {reply.status}")
    try:
        return kind.model_validate(reply.body)
    except ValidationError as error:
        raise PeerSilentError("an answer that cannot be read") from error
