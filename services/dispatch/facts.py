"""Reading intake's facts (as stored: the JSON of `messages.Facts`) as the values that the domain decides on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.domain.matching import why_not
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import DoNotSend, Place, Team, Waiting

SCHEDULED = "restorative_justice"


def priority_of(facts: Mapping[str, Any]) -> int:
    """Return the call's priority, 1 to 3; a decision that names none is 2."""
    stated = facts["decision"].get("priority")
    return stated if stated in {1, 2, 3} else 2


def verdict_of(facts: Mapping[str, Any]) -> str | None:
    """Return the newest decision's verdict."""
    verdict = facts["decision"].get("verdict")
    return verdict if isinstance(verdict, str) else None


def is_scheduled(facts: Mapping[str, Any]) -> bool:
    """Say whether only restorative-justice teams are asked: such an offer stays open for longer."""
    return list(facts["disciplines"]) == [SCHEDULED]


def waiting(
    incident_id: UUID,
    facts: Mapping[str, Any],
    *,
    priority: int,
    since: datetime,
    refused_by: frozenset[UUID] = frozenset(),
    known_to: frozenset[UUID] = frozenset(),
) -> Waiting:
    """Return what the call needs, as matching reads it."""
    languages = facts.get("languages") or {}
    return Waiting(
        id=incident_id,
        priority=priority,
        since=since,
        disciplines=tuple(facts["disciplines"]),
        required_languages=tuple(languages.get("required", ())),
        preferred_languages=tuple(languages.get("preferred", ())),
        place=place_of(facts.get("location")),
        neighborhood=facts.get("neighborhood"),
        catchment=tuple(facts.get("catchment", ())),
        address_key=facts.get("address_key"),
        refused_by=refused_by,
        known_to=known_to,
        preferred_providers=tuple(facts.get("preferred_providers", ())),
        assign_by=datetime.fromisoformat(facts["assign_by"]) if facts.get("assign_by") else None,
    )


def place_of(location: Mapping[str, Any] | None) -> Place | None:
    """Return where a call is; None when that is not known."""
    lat, lon = (location or {}).get("lat_deg"), (location or {}).get("lon_deg")
    return Place(lat, lon) if lat is not None and lon is not None else None


def team_as_stored(team: Team) -> dict[str, Any]:
    """Return what is kept of a team with its assignment, enough to check later whether it still fits."""
    return {
        "disciplines": sorted(team.disciplines),
        "languages": list(team.languages),
        "catchment": dict(team.catchment),
        "crew": team.crew,
        "shift_ends_at": team.shift_ends_at,
        "do_not_send": [one._asdict() for one in team.do_not_send],
    }


def misfit(facts: Mapping[str, Any], team_id: UUID, name: str, stored: Mapping[str, Any], now: datetime) -> str | None:
    """Return the rule by which an assigned team no longer fits the call's facts; None if it still does."""
    team = Team(
        id=team_id,
        name=name,
        disciplines=frozenset(stored.get("disciplines", ())),
        languages=tuple(stored.get("languages", ())),
        catchment=stored.get("catchment", {}),
        do_not_send=tuple(
            DoNotSend(
                one["neighborhood"],
                one["address_key"],
                datetime.fromisoformat(one["until"]) if one["until"] else None,
            )
            for one in stored.get("do_not_send", ())
        ),
    )
    call = waiting(team_id, facts, priority=2, since=now)
    refusal = why_not(call, team, Policy(), now, assigned=True)
    return refusal.name if refusal else None
