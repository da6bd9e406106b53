"""How providers, teams, duty and positions are answered."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import RowMapping

from services.teams.api.bodies import Contact, DoNotSendRule, Member, Point, Strength, Vehicle
from services.teams.domain.duty import DutyStatus
from services.teams.records import Seen, TeamRecord
from shared.edge import Answer, Time
from shared.messages.availability import Base, DoNotSend, HoldView, TeamAvailability
from shared.messages.base import Position


class ProviderView(Answer):
    """An organisation that runs teams."""

    id: UUID
    name: str
    kind: str
    contact: Contact
    version: int
    retired: bool
    created_at: Time


class DutyView(Answer):
    """How a team stands now: its duty with the hold and the shift."""

    team_id: UUID
    status: DutyStatus
    crew: list[str]
    until: Time | None = None
    reason: str | None = None
    since: Time
    version: int
    offerable: bool
    reasons: list[str] = Field(description="Why the team is not offerable.", examples=[["off_shift"]])
    shift_ends_at: Time | None = Field(default=None, description="Null off shift, or with no end within seven days.")
    hold: HoldView | None = None


class PositionView(Answer):
    """Where a team was seen last, and when by its own clock."""

    lat_deg: float
    lon_deg: float
    at: Time


class TeamView(Answer):
    """A team: who it is, and how it stands now."""

    id: UUID
    provider_id: UUID
    name: str
    disciplines: list[str]
    languages: list[str]
    catchment: dict[str, Strength]
    minimum_crew: int
    base: Point
    members: list[Member]
    do_not_send: list[DoNotSendRule]
    contact: Contact
    vehicle: Vehicle
    retired: bool
    version: int
    created_at: Time
    duty: DutyView
    position: PositionView | None = None


class HistoryEvent(Answer):
    """One change of duty, hold, shifts or profile."""

    seq: int
    at: Time
    actor: str
    kind: Literal["profile", "duty", "shift", "hold"]
    action: str
    reason: str | None = None
    detail: dict[str, Any]


def provider_view(row: RowMapping) -> ProviderView:
    """Return a provider as it is answered."""
    return ProviderView(**{**row, "retired": row["retired_at"] is not None})


def seen_view(seen: Seen | None) -> PositionView | None:
    """Return a position as it is answered."""
    return None if seen is None else PositionView(lat_deg=seen.lat_deg, lon_deg=seen.lon_deg, at=seen.at)


def hold_view(team: TeamRecord) -> HoldView | None:
    """Return the live hold of a team as it is answered."""
    if team.hold is None or team.hold.incident_id is None or team.hold.held_at is None:
        return None
    return HoldView(assignment_id=team.hold.assignment_id, incident_id=team.hold.incident_id, since=team.hold.held_at)


def duty_view(team: TeamRecord) -> DutyView:
    """Return how a team stands."""
    now = team.standing
    ended = now.duty is not team.state.duty and team.state.duty.until is not None
    return DutyView(
        team_id=team.id,
        status=now.duty.status,
        crew=list(now.duty.crew),
        until=now.duty.until,
        reason=now.duty.reason,
        since=_since(team, ended=ended),
        version=team.duty_version,
        offerable=now.offerable,
        reasons=list(now.reasons),
        shift_ends_at=now.shift_ends_at,
        hold=hold_view(team),
    )


def _since(team: TeamRecord, *, ended: bool) -> datetime:
    until = team.state.duty.until
    return until if ended and until is not None else team.duty_since


def team_view(team: TeamRecord) -> TeamView:
    """Return a team as it is answered."""
    lat_deg, lon_deg = team.base
    plain = {
        name: team.profile[name]
        for name in (
            "id", "provider_id", "name", "disciplines", "languages", "catchment", "minimum_crew", "members", "do_not_send",
            "contact", "vehicle", "version", "created_at",
        )
    }  # fmt: skip
    return TeamView(
        **plain,
        base=Point(lat_deg=lat_deg, lon_deg=lon_deg),
        retired=team.state.retired,
        duty=duty_view(team),
        position=seen_view(team.position),
    )


def availability_view(team: TeamRecord) -> TeamAvailability:
    """Return a team as dispatch reads it. Not validated once more: it comes from our own tables."""
    lat_deg, lon_deg = team.base
    seen, able = team.position, team.standing.ability
    assert able is not None  # a record always says what its provider claims
    return TeamAvailability.model_construct(
        team_id=team.id,
        team_name=team.profile["name"],
        provider_id=team.provider_id,
        provider_name=team.profile["provider_name"],
        offerable=team.standing.offerable,
        reasons=list(team.standing.reasons),
        disciplines=list(able.disciplines),
        languages=list(able.languages),
        catchment=team.profile["catchment"],
        position=None if seen is None else Position(lat_deg=seen.lat_deg, lon_deg=seen.lon_deg, at=seen.at),
        base=Base.model_construct(lat_deg=lat_deg, lon_deg=lon_deg),
        crew=len(team.standing.duty.crew),
        minimum_crew=team.state.minimum_crew,
        shift_ends_at=team.standing.shift_ends_at,
        do_not_send=rules_in_force(team),
        hold=hold_view(team),
    )


def rules_in_force(team: TeamRecord) -> list[DoNotSend]:
    """Return where the team must not be sent at its `now`."""
    rules = (DoNotSend.model_validate(rule) for rule in team.profile["do_not_send"])
    return [rule for rule in rules if rule.until is None or rule.until > team.now]
