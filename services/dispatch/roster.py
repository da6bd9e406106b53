"""The teams as dispatch last saw them, kept in memory by one long-poll on availability."""

from typing import Any
from uuid import UUID

from services.dispatch.domain.pool import Busy, DoNotSend, Place, Position, Team
from services.dispatch.peers import Teams
from services.dispatch.tablets import SILENT, LastSeen, on_duty, without_silent
from shared.messages.availability import Availability, TeamAvailability


class Roster:
    """The newest availability snapshot. For words and positions only: matching takes a fresh one for each round."""

    def __init__(self, seen: LastSeen) -> None:
        self._seen = seen
        self._teams: dict[UUID, TeamAvailability] = {}
        self._etag: str | None = None

    def take(self, snapshot: Availability) -> Availability:
        """Replace what is known, and return it with the teams whose tablet is silent not offerable."""
        self._seen.expect(on_duty(snapshot))
        snapshot = without_silent(snapshot, self._seen.silent())
        self._teams = {team.team_id: team for team in snapshot.items}
        return snapshot

    async def follow(self, teams: Teams, *, wait_s: int) -> bool:
        """Wait for a change of availability and take it; False when nothing changed in time. Raises PeerSilentError."""
        snapshot, self._etag = await teams.availability(known=self._etag, wait_s=wait_s)
        if snapshot is None:
            return False
        self.take(snapshot)
        return True

    def get(self, team_id: UUID) -> TeamAvailability | None:
        """Return the team as last seen."""
        return self._teams.get(team_id)

    def everybody(self) -> list[TeamAvailability]:
        """Return every team as last seen, by name."""
        silent = self._seen.silent()  # a tablet may have fallen silent, or come back, since the snapshot was taken
        teams = without_silent(Availability(items=[_heard(team) for team in self._teams.values()]), silent).items
        return sorted(teams, key=lambda team: (team.team_name, team.team_id))

    def tablet_age_s(self, team_id: UUID) -> float | None:
        """Return how many seconds ago the team's tablet was seen; None: not known."""
        return self._seen.age_s(team_id)

    def position(self, team_id: UUID) -> dict[str, Any] | None:
        """Return where the team was last seen, as JSON; None when that is not known."""
        team = self._teams.get(team_id)
        return None if team is None or team.position is None else team.position.model_dump(mode="json")


def _heard(team: TeamAvailability) -> TeamAvailability:
    if SILENT not in team.reasons:
        return team
    reasons = [reason for reason in team.reasons if reason != SILENT]
    return team.model_copy(update={"offerable": not reasons, "reasons": reasons})


def as_team(
    seen: TeamAvailability, *, busy_here: bool = False, in_emergency: bool = False, has_it: bool = False, busy: Busy | None = None
) -> Team:  # fmt: skip
    """Return a team of the snapshot as matching reads it; one that `has_it`, this very call, is not busy with another."""
    reasons = tuple(reason for reason in seen.reasons if not (has_it and reason == "held"))
    position = None
    if seen.position is not None:
        position = Position(Place(seen.position.lat_deg, seen.position.lon_deg), seen.position.at)
    return Team(
        id=seen.team_id,
        name=seen.team_name,
        provider_id=seen.provider_id,
        provider_name=seen.provider_name,
        offerable=seen.offerable or (has_it and not reasons),
        reasons=reasons,
        disciplines=frozenset(seen.disciplines),
        languages=tuple(seen.languages),
        catchment=seen.catchment,
        position=position,
        base=Place(seen.base.lat_deg, seen.base.lon_deg) if seen.base else None,
        crew=seen.crew,
        minimum_crew=seen.minimum_crew,
        shift_ends_at=seen.shift_ends_at,
        do_not_send=tuple(DoNotSend(one.neighborhood, one.address_key, one.until) for one in seen.do_not_send),
        held=seen.hold is not None and not has_it,
        busy_here=busy_here and not has_it,
        in_emergency=in_emergency,
        busy=None if has_it else busy,
    )
