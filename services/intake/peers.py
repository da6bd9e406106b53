"""Dispatch and teams, as intake sees them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.intake.store.wishes import WishToSend
from shared.messages.incidents import Heartbeat, HeartbeatAnswer, Progress, WishAnswer
from shared.peer import Peer, PeerSilentError, Reply
from shared.problems import URN

M = TypeVar("M", bound=BaseModel)
MISSING: Final = URN + "wishes-missing"
_MOST_PAGES: Final = 50


class DispatchRefused(Exception):
    """Dispatch answered, but not with what was asked for; the message names the status only."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        """None: the answer was a good one that could not be read."""


class IncidentUnknown(Exception):
    """Dispatch has no incident for that call."""


@dataclass(frozen=True, slots=True)
class WishesMissing:
    """Dispatch's database was restored: it has applied fewer wishes than intake has seen it apply."""

    answer: HeartbeatAnswer


class Dispatch:
    """What intake asks of dispatch. Raises PeerSilentError when no answer came: whether it acted is unknown."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def put_wish(self, wish: WishToSend) -> WishAnswer | WishesMissing:
        """Tell dispatch what intake wants for a call now; return dispatch's whole view of it. Any 2xx confirms the `seq`."""
        body = {
            "seq": wish.seq,
            "wanted": wish.wanted,
            "may_offer": wish.may_offer,
            "may_depart": wish.may_depart,
            "reason": wish.reason,
            "facts": wish.facts,
            "applied": wish.applied,
        }
        reply = await self._peer.request("PUT", f"/v1/incidents/{wish.call_id}", json=body)
        return _missing(reply) or _read(reply, WishAnswer, "a wish")

    async def get_incident(self, call_id: UUID, *, timeout_s: float) -> Progress:
        """Return dispatch's view of a call. Raises IncidentUnknown if it has none."""
        reply = await self._peer.request("GET", f"/v1/incidents/{call_id}", timeout_s=timeout_s)
        if reply.status == HTTPStatus.NOT_FOUND:
            raise IncidentUnknown
        return _read(reply, Progress, "a question about an incident")

    async def beat(self, heartbeat: Heartbeat) -> HeartbeatAnswer | WishesMissing:
        """Tell dispatch that intake lives, and return its time and its count of applied wishes."""
        reply = await self._peer.request("PUT", "/v1/heartbeat", json=heartbeat.model_dump(mode="json"))
        return _missing(reply) or _read(reply, HeartbeatAnswer, "a heartbeat")

    async def ready(self) -> bool:
        """Say whether dispatch's process answers at all."""
        return await self._peer.ready()

    async def close(self) -> None:
        """Close every connection."""
        await self._peer.close()


class _Provider(BaseModel):
    """What intake reads of a provider."""

    id: UUID
    name: str


class _ProviderPage(BaseModel):
    items: list[_Provider]
    next: str | None


class Teams:
    """What intake asks of teams: which providers there are. No call waits for it, only a plan that names some."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def providers(self) -> frozenset[str]:
        """Return the names and ids of all providers that are not retired. Raises PeerSilentError without a usable answer."""
        known: set[str] = set()
        cursor: str | None = ""
        for _ in range(_MOST_PAGES):
            reply = await self._peer.request(
                "GET", "/v1/providers?limit=200" + (f"&cursor={quote(cursor)}" if cursor else "")
            )
            try:
                page = _ProviderPage.model_validate(reply.body if reply.ok else None)
            except ValidationError as error:
                raise PeerSilentError(f"{reply.status} to a question about providers") from error
            known |= {word for provider in page.items for word in (provider.name, str(provider.id))}
            if (cursor := page.next) is None:
                return frozenset(known)
        raise PeerSilentError("a list of providers without an end")

    async def close(self) -> None:
        """Close every connection."""
        await self._peer.close()


def _missing(reply: Reply) -> WishesMissing | None:
    if reply.status == HTTPStatus.CONFLICT and isinstance(reply.body, dict) and reply.body.get("type") == MISSING:
        return WishesMissing(_parsed(reply, HeartbeatAnswer, "a count of wishes"))
    return None


def _read(reply: Reply, model: type[M], what: str) -> M:
    if not reply.ok:
        raise DispatchRefused(f"{reply.status} to {what}", reply.status)
    return _parsed(reply, model, what)


def _parsed(reply: Reply, model: type[M], what: str) -> M:
    try:
        return model.model_validate(reply.body)
    except ValidationError as error:
        raise DispatchRefused(f"an unreadable answer to {what}") from error


__all__ = ["Dispatch", "DispatchRefused", "IncidentUnknown", "PeerSilentError", "Teams", "WishesMissing"]
