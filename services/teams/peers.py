"""Intake, as teams sees it."""

from typing import Final

from pydantic import BaseModel, ValidationError

from shared.peer import Peer, PeerSilentError

_WITHIN_S: Final = 5.0
"""The answer has every boundary in it, some megabytes in a city that was drawn finely."""


class _Properties(BaseModel):
    slug: str


class _Feature(BaseModel):
    properties: _Properties


class _Neighborhoods(BaseModel):
    """What teams reads of the map: the slugs, not the boundaries."""

    features: list[_Feature]


class Intake:
    """What teams asks of intake: which neighborhoods there are. No call, no hold and no duty waits for it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def neighborhoods(self) -> frozenset[str]:
        """Return the slugs of the neighborhoods in force; empty: none were loaded. Raises PeerSilentError without a usable answer."""
        reply = await self._peer.request("GET", "/v1/neighborhoods", timeout_s=_WITHIN_S)
        try:
            found = _Neighborhoods.model_validate(reply.body if reply.ok else None)
        except ValidationError as error:
            raise PeerSilentError(f"{reply.status} to a question about neighborhoods") from error
        return frozenset(feature.properties.slug for feature in found.features)

    async def close(self) -> None:
        """Close every connection."""
        await self._peer.close()


__all__ = ["Intake", "PeerSilentError"]
