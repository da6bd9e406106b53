"""For whom a command or a query works: the deployment's jurisdiction, the caller, and how to wake those who wait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from shared.auth import Caller, Role

AVAILABILITY: Final = "availability"
"""The hub's key for everything that `/v1/availability` shows, but positions: they show in time by themselves."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What limits a caller, beyond its role."""

    jurisdiction: str
    caller: Caller
    wake: Callable[[str], None]

    @property
    def provider_id(self) -> UUID | None:
        """The one provider that a supervisor or administrator is bound to; None: all of them."""
        return self.caller.provider_id

    def sees(self, team_id: UUID, provider_id: UUID) -> bool:
        """Say whether the team exists for this caller: a team sees itself, a bound supervisor its provider's teams."""
        if self.caller.role is Role.TEAM:
            return self.caller.team_id == team_id
        return self.provider_id in {None, provider_id}
