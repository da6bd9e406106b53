"""The calls that wait and the teams that may go: the values that matching decides on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Place(NamedTuple):
    """WGS 84."""

    lat_deg: float
    lon_deg: float


class Position(NamedTuple):
    """Where a team was seen, and when."""

    place: Place
    at: datetime | None


class DoNotSend(NamedTuple):
    """A conflict of interest of a team with a neighborhood or an address."""

    neighborhood: str | None
    address_key: str | None
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Say whether it still forbids anything."""
        return self.until is None or self.until > now


class Busy(NamedTuple):
    """When and where a team that has work is expected to be free again."""

    free_at: datetime
    place: Place | None
    said_by: str = "estimate"
    """`crew`: from its tablet; `estimate`: from how long such calls last."""


@dataclass(frozen=True, slots=True)
class Team:
    """A team as the availability snapshot shows it, and whether it has work or an emergency here."""

    id: UUID
    name: str
    provider_id: UUID | None = None
    provider_name: str | None = None
    offerable: bool = True
    reasons: tuple[str, ...] = ()
    disciplines: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    catchment: Mapping[str, str] = field(default_factory=dict)
    position: Position | None = None
    base: Place | None = None
    crew: int = 2
    minimum_crew: int = 2
    shift_ends_at: datetime | None = None
    do_not_send: tuple[DoNotSend, ...] = ()
    held: bool = False
    busy_here: bool = False
    in_emergency: bool = False
    busy: Busy | None = None
    """Set when the only thing against the team is work that is expected to end: a call may be kept for it."""

    @property
    def absent(self) -> bool:
        """Whether the team cannot be offered to for a reason that is not its work."""
        if self.offerable:
            return False
        return not self.held or any(reason != "held" for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a call needs."""

    id: UUID
    priority: int
    since: datetime
    disciplines: tuple[str, ...]
    required_languages: tuple[str, ...] = ()
    preferred_languages: tuple[str, ...] = ()
    place: Place | None = None
    neighborhood: str | None = None
    catchment: tuple[str, ...] = ()
    address_key: str | None = None
    refused_by: frozenset[UUID] = frozenset()
    """Teams that declined this call or let its offer expire."""
    known_to: frozenset[UUID] = frozenset()
    """Teams that have cleared a call at this address before."""
    preferred_providers: tuple[str, ...] = ()
    """Names or ids of the providers that the neighborhood's plan asks first."""
    assign_by: datetime | None = None
    """When the call is returned if no team has accepted; None in studies without deadlines."""

    @property
    def served_from(self) -> tuple[str, ...]:
        """The neighborhoods one of which a team must serve."""
        return self.catchment or ((self.neighborhood,) if self.neighborhood else ())


def covers(spoken: str, wanted: str) -> bool:
    """Say whether one BCP 47 tag serves for another; a plain `es` covers `es-MX` and the other way round."""
    one, other = spoken.lower(), wanted.lower()
    return one == other or one.startswith(other + "-") or other.startswith(one + "-")


def speaks(team: Team, language: str) -> bool:
    """Say whether a team's languages cover a tag."""
    return any(covers(one, language) for one in team.languages)
