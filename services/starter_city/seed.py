"""Loads the starter city into a running system, once: what is there already is left as it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from services.replay.api import API, Answer
from services.starter_city.cells import feature_collection
from services.starter_city.roster import Provider, Team, teams

if TYPE_CHECKING:
    from shared.db import Database

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ROUND_THE_CLOCK: Final = {
    "weekly": [
        {"weekday": day, "from": "00:00", "to": "24:00", "time_zone": "America/Los_Angeles"} for day in _WEEKDAYS
    ]
}

SOURCE: Final = "starter city (approximate)"
"""How intake's layer of neighborhoods names where it came from."""
_NEVER_SAID: Final = 1
"""The version of a team's duty about which nobody has said anything yet."""


class SeedFailedError(Exception):
    """The system refused a part of the starter city; the message says which and why."""


class Tokens(Protocol):
    """The tokens that seeding needs."""

    @property
    def admin(self) -> str:
        """An administrator's token."""

    @property
    def supervisor(self) -> str:
        """A supervisor's token, bound to no provider."""


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What the system holds of the starter city now."""

    neighborhoods: int
    providers: int
    teams: Mapping[str, str]
    """Names by team id."""
    added: int
    """How many neighborhoods, providers and teams were new."""
    left_out: tuple[str, ...] = ()
    """Names of the starter teams that would serve no neighborhood of the city's own map."""

    @property
    def team_ids(self) -> tuple[str, ...]:
        """The ids of the starter teams."""
        return tuple(self.teams)

    def __str__(self) -> str:
        """Return one line for a person."""
        what = f"{self.neighborhoods} neighborhoods (approximate), {self.providers} providers, {len(self.teams)} teams"
        out = (
            f"; left out, for the map has none of their neighborhoods: {', '.join(self.left_out)}"
            if self.left_out
            else ""
        )
        return f"starter city: {what}" + ("" if self.added else ", all there before") + out


async def seed(intake_dsn: str, urls: Mapping[str, str], tokens: Tokens) -> SeedReport:
    """Load the starter city; a second run continues with the same data. Raises SeedFailedError.

    Neighborhoods go into intake's database (there is no such call in the API), and only where no layer is in force: a city's
    own boundaries stay. Providers and teams are matched by name and go over the teams API, after the neighborhoods, which
    teams asks intake about.
    """
    slugs, new = await _seed_neighborhoods(intake_dsn)
    api = API(urls)
    try:
        roster = _Roster(api, tokens, slugs)
        providers = {provider: await roster.provider(provider) for provider in {team.provider for team in teams()}}
        ids = {team.name: await roster.team(team, providers[team.provider]) for team in teams()}
    finally:
        await api.close()
    names = {team_id: name for name, team_id in ids.items() if team_id is not None}
    left_out = tuple(name for name, team_id in ids.items() if team_id is None)
    return SeedReport(len(slugs), len(providers), names, new + roster.added, left_out)


async def _seed_neighborhoods(intake_dsn: str) -> tuple[frozenset[str], int]:
    """Load the cells unless another layer is in force; the slugs of the neighborhoods there are, and how many are new."""
    from services.intake.commands.layers import replace_layer
    from shared.db import Database

    db = Database(intake_dsn, application="commonground-seed", pool_size=1)
    try:
        source, _ = await _layer_in_force(db)
        new = 0
        if source in (None, SOURCE):
            report = await replace_layer(db, feature_collection(), source=SOURCE, approximate=True)
            new = report.areas if report.changed else 0
        return (await _layer_in_force(db))[1], new
    finally:
        await db.close()


async def _layer_in_force(db: "Database") -> tuple[str | None, frozenset[str]]:
    """Return where the newest layer came from and the slugs of its neighborhoods; None where there is no layer."""
    from sqlalchemy import select

    from services.intake.tables import neighborhood, neighborhood_layer

    newest = select(neighborhood_layer.c.version, neighborhood_layer.c.source).order_by(
        neighborhood_layer.c.version.desc()
    )
    async with db.autocommit() as unit:
        row = (await unit.conn.execute(newest.limit(1))).one_or_none()
        if row is None:
            return None, frozenset()
        slugs = select(neighborhood.c.slug).where(neighborhood.c.layer_version == row.version)
        return row.source, frozenset(await unit.conn.scalars(slugs))


class _Roster:
    """Providers and teams over the API, by name."""

    def __init__(self, api: API, tokens: Tokens, slugs: frozenset[str]) -> None:
        self._api = api
        self._tokens = tokens
        self._slugs = slugs
        self._known: dict[str, dict[tuple[str | None, str], dict[str, Any]]] = {}
        self.added = 0

    async def provider(self, provider: Provider) -> str:
        """Return the provider's id, adding it if it is new."""
        known = await self._list("providers")
        if (found := known.get((None, provider.name))) is not None:
            return str(found["id"])
        body = {"name": provider.name, "kind": provider.kind}
        return str((await self._add("/v1/providers", body, provider.name))["id"])

    async def team(self, team: Team, provider_id: str) -> str | None:
        """Return the team's id, adding it with shifts round the clock and its crew on duty if it is new.

        A new team serves what the map has of its neighborhoods. None: the map has none of them, and the team is not added.
        """
        known = await self._list("teams")
        found = known.get((provider_id, team.name))
        if found is None:
            served = {slug: strength for slug, strength in team.catchment.items() if slug in self._slugs}
            if not served:
                return None
            found = await self._add("/v1/teams", _body(replace(team, catchment=served), provider_id), team.name)
        if found["duty"]["version"] <= _NEVER_SAID:  # new, or a start that was cut short
            await self._put_on_duty(found["id"], team)
        return str(found["id"])

    async def _put_on_duty(self, team_id: str, team: Team) -> None:
        token = self._tokens.supervisor
        for path, body in (
            ("shifts", ROUND_THE_CLOCK),
            ("duty", {"status": "available", "crew": list(team.crew)}),  # last: it marks the team as done
        ):
            answer = await self._api.insist("teams", "PUT", f"/v1/teams/{team_id}/{path}", token=token, json=body)
            _require(answer, f"{path} of {team.name}")

    async def _list(self, what: str) -> dict[tuple[str | None, str], dict[str, Any]]:
        if what not in self._known:
            token, found, cursor = self._tokens.supervisor, list[dict[str, Any]](), ""
            while True:
                answer = await self._api.insist("teams", "GET", f"/v1/{what}?limit=200{cursor}", token=token)
                page = _require(answer, f"the list of {what}")
                found += page["items"]
                if page["next"] is None:
                    break
                cursor = f"&cursor={page['next']}"
            self._known[what] = {(item.get("provider_id"), item["name"]): item for item in found}
        return self._known[what]

    async def _add(self, path: str, body: Mapping[str, Any], name: str) -> dict[str, Any]:
        answer = await self._api.insist("teams", "POST", path, token=self._tokens.admin, json=body)
        added: dict[str, Any] = _require(answer, name)
        self.added += 1
        return added


def _body(team: Team, provider_id: str) -> dict[str, Any]:
    return {
        "provider_id": provider_id,
        "name": team.name,
        "disciplines": list(team.disciplines),
        "languages": list(team.languages),
        "catchment": dict(team.catchment),
        "minimum_crew": team.minimum_crew,
        "base": {"lat_deg": team.base[0], "lon_deg": team.base[1]},
        "members": [
            {"id": member, "name": f"Crew member {member}", "languages": list(team.languages)} for member in team.crew
        ],
    }


def _require(answer: Answer, what: str) -> Any:
    if answer.ok:
        return answer.body
    detail = answer.body.get("detail") if isinstance(answer.body, dict) else answer.body
    raise SeedFailedError(f"{what}: teams answered {answer.status or 'nothing'}: {detail}")
