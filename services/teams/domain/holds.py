"""A hold: a team is kept for one assignment. Held once, released once, never again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.teams.domain.availability import Reason, Standing
from shared.errors import Refusal


@dataclass(frozen=True, slots=True)
class HoldState:
    """What is stored under a hold's id. Released in advance, it names no team."""

    assignment_id: UUID
    team_id: UUID | None
    incident_id: UUID | None
    held_at: datetime | None
    released_at: datetime | None


class TeamNotFree(Refusal):
    """The team cannot be held now; `reasons` say why."""

    title = "The team is not free"


class HoldReleased(Refusal):
    """The hold was released, before or after it was put; it can never be held again."""

    title = "The hold was released"


class HoldMismatch(Refusal):
    """The id holds another team, or the same team for another incident."""

    title = "The hold is another one"


def settled(known: HoldState | None, *, team_id: UUID, incident_id: UUID) -> bool:
    """Say whether the hold asked for stands already. Raises HoldReleased, HoldMismatch."""
    if known is None:
        return False
    if known.released_at is not None:
        raise HoldReleased("This hold was released; it can never be held again. Use a new id.")
    if (known.team_id, known.incident_id) != (team_id, incident_id):
        raise HoldMismatch("This id holds another team or incident.")
    return True


def against(team: Standing, *, restore: bool) -> TeamNotFree | None:
    """Return what stands against holding the team, or None.

    `restore` puts back the hold of an assignment that is live: the crew is at work whatever its shift says, so only another
    hold stands against it.
    """
    reasons = [reason.value for reason in team.reasons if reason is Reason.HELD or not restore]
    return TeamNotFree(f"The team cannot be held: {', '.join(reasons)}.", reasons=reasons) if reasons else None
