"""The starter city's providers and teams, read from `teams.yaml` and checked for the coverage that they promise."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, Final

import yaml

from services.starter_city.cells import Neighborhood, neighborhoods

DISCIPLINES: Final = ("mediator", "interrupter", "restorative_justice")
LANGUAGES: Final = ("en", "es")
STRENGTHS: Final = ("home", "also_serves", "mutual_aid")
"""How strongly a team belongs to a neighborhood, the strongest first."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An organisation that runs teams."""

    key: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Team:
    """A team as the starter city has it; `catchment` names every neighborhood it serves."""

    name: str
    provider: Provider
    disciplines: tuple[str, ...]
    languages: tuple[str, ...]
    crew: tuple[str, ...]
    minimum_crew: int
    base: tuple[float, float]
    """Latitude and longitude in degrees."""
    catchment: Mapping[str, str]


@cache
def teams() -> tuple[Team, ...]:
    """The teams, in the order of the file."""
    document = yaml.safe_load(files(__package__).joinpath("teams.yaml").read_text(encoding="utf-8"))
    providers = {entry["key"]: Provider(**entry) for entry in document["providers"]}
    return tuple(_team(entry, providers) for entry in document["teams"])


def uncovered() -> list[tuple[str, str, str]]:
    """Every (neighborhood, discipline, language) that no team serves: empty, or the starter city breaks its promise."""
    wanted = product((row.slug for row in neighborhoods()), DISCIPLINES, LANGUAGES)
    return [
        (slug, discipline, language)
        for slug, discipline, language in wanted
        if not any(
            slug in team.catchment and discipline in team.disciplines and language in team.languages for team in teams()
        )
    ]


def _team(entry: Mapping[str, Any], providers: Mapping[str, Provider]) -> Team:
    return Team(
        name=entry["name"],
        provider=providers[entry["provider"]],
        disciplines=tuple(entry["disciplines"]),
        languages=tuple(entry["languages"]),
        crew=tuple(entry["crew"]),
        minimum_crew=entry.get("minimum_crew", 2),
        base=(entry["base"]["lat_deg"], entry["base"]["lon_deg"]),
        catchment=_catchment(entry, neighborhoods()),
    )


def _catchment(entry: Mapping[str, Any], rows: tuple[Neighborhood, ...]) -> dict[str, str]:
    strengths: dict[str, str] = {}
    for strength in STRENGTHS:
        regions = entry.get(strength, ())
        for row in rows:
            if row.region in regions:
                strengths.setdefault(row.slug, strength)
    return strengths
