"""Where the people meet: a running system on a database of its own, and a fresh corner of the city for each test."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from services.servers import SERVICES
from services.starter_city.cells import Neighborhood, feature_collection, neighborhoods
from services.starter_city.seed import ROUND_THE_CLOCK
from services.system import System
from services.tokens import Tokens
from shared.auth import Role
from shared.db import Database
from tests import pg
from tests.field.people import Cad, Office, Reviewer, Tablet
from tests.field.wire import Body, Wire, eventually
from tests.systems import running_system


@dataclass
class Corner:
    """One neighborhood for one test, its CAD and its teams; nothing else in the city can come into its way."""

    field: "Field"
    place: Neighborhood
    cad: Cad
    tablets: list[Tablet]

    @property
    def location(self) -> Body:
        """Where its calls are."""
        return {
            "lat_deg": self.place.lat_deg, "lon_deg": self.place.lon_deg, "accuracy_m": 20,
            "address": f"1 Main St, {self.place.name}",
        }  # fmt: skip

    @property
    def tablet(self) -> Tablet:
        """The first team's."""
        return self.tablets[0]

    async def report(self, **differs: Any) -> Body:
        """Report a call here and return it."""
        return await self.cad.report(**{"location": self.location} | differs)

    async def offered(self, **differs: Any) -> tuple[Body, Body]:
        """Report a call; return it and the first team's offer."""
        call = await self.report(**differs)
        return call, await self.tablet.shows(call)

    async def under_way(self, *actions: str, **differs: Any) -> tuple[Body, Body]:
        """Report a call and bring the first team as far as `actions` go; return the call and the item."""
        call, item = await self.offered(**differs)
        await self.tablet.go(item, *actions)
        return call, item

    async def extra_team(self, **differs: Any) -> Tablet:
        """Put one more team on duty here and return its tablet."""
        tablet = await self.field.team({self.place.slug: "home"}, base=self.place, **differs)
        self.tablets.append(tablet)
        return tablet

    async def put_plan(self, plan: Body) -> None:
        """Put a public safety plan into force here."""
        body = {"plan": plan, "approved_by": "Council file 26-0001"}
        path = f"/v1/neighborhoods/{self.place.slug}/plan"
        (await self.field.office.ask("intake", "PUT", path, json=body)).good()

    async def everybody_off(self) -> None:
        """Send home whoever has no work."""
        for tablet in self.tablets:
            await tablet.duty("off_duty")


@dataclass
class Field:
    """A running system and how to reach everybody around it."""

    system: System
    wire: Wire
    provider_id: str = ""
    ahead: timedelta = timedelta(0)
    _places: Iterator[Neighborhood] = field(default_factory=lambda: cycle(neighborhoods()))
    _corners: dict[str, Corner] = field(default_factory=dict)

    @property
    def tokens(self) -> Tokens:
        """Who may do what."""
        return self.system.tokens

    @property
    def office(self) -> Office:
        """Supervisor, admin, auditor and the services' own requests."""
        return Office(self.wire, self.tokens)

    @property
    def reviewer(self) -> Reviewer:
        """A reviewer; present once the queue was read."""
        return Reviewer(self.wire, self.tokens.reviewer)

    def now(self) -> datetime:
        """Return the system's time."""
        return datetime.now(UTC) + self.ahead

    def cad(self, cad_system: str | None = None) -> Cad:
        """Return a CAD with a token for its own `cad_system` alone."""
        name = cad_system or f"cad-{uuid4().hex[:8]}"
        return Cad(self.wire, self.tokens.cad_for(name), self.now, name)

    async def corner(self, teams: int = 1, **differs: Any) -> Corner:
        """Return a neighborhood that is nobody else's, with so many teams on duty."""
        place = next(self._places)
        if (left := self._corners.get(place.slug)) is not None:
            await left.everybody_off()
        found = self._corners[place.slug] = Corner(self, place, self.cad(), [])
        for _ in range(teams):
            await found.extra_team(**differs)
        return found

    async def team(self, catchment: Mapping[str, str], *, base: Neighborhood, **differs: Any) -> Tablet:
        """Create a team with a crew of two, on shift and available; return its tablet."""
        name = f"Team {uuid4().hex[:8]}"
        crew = [f"{name[5:]}-1", f"{name[5:]}-2"]
        profile = {
            "provider_id": self.provider_id, "name": name, "disciplines": ["mediator"], "languages": ["en", "es"],
            "catchment": dict(catchment), "base": {"lat_deg": base.lat_deg, "lon_deg": base.lon_deg},
            "members": [{"id": member, "name": member} for member in crew],
        }  # fmt: skip
        office = self.office
        made = (await office.ask("teams", "POST", "/v1/teams", role=Role.ADMIN, json=profile | differs)).good()
        tablet = Tablet(
            self.wire, self.tokens.team(made["id"]), made["id"], made["name"], crew, (base.lat_deg, base.lon_deg)
        )
        (await office.ask("teams", "PUT", f"/v1/teams/{tablet.team_id}/shifts", json=ROUND_THE_CLOCK)).good()
        (await tablet.duty("available")).good()
        return tablet

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Return what the database holds, seen with every right."""
        async with pg.connected(self.system.plan.admins["intake"]) as admin:
            found: list[asyncpg.Record] = await admin.fetch(query, *arguments)
            return found

    async def value(self, query: str, *arguments: Any) -> Any:
        """Return one value out of the database."""
        return (await self.rows(query, *arguments))[0][0]

    async def later(self, by: timedelta, *, only: str | None = None) -> None:
        """Set the clock of every service (or `only` of one) forward; negative: back."""
        if only is None:
            self.ahead += by
        await self.system.set_clock(offset=self.ahead if only is None else self.ahead + by, only=only)

    async def just_after(self, when: datetime, *, by: timedelta = timedelta(milliseconds=50)) -> None:
        """Set every clock forward to just after `when`."""
        await self.later(when + by - self.now())

    async def link_is_up(self, *, within_s: float = 15.0) -> None:
        """Wait until dispatch has heard from intake of late, as it must before it sends anybody anywhere."""

        async def heard() -> bool:
            query = (
                "SELECT heard_as_of BETWEEN clock_timestamp() + $1 - interval '15 s' AND clock_timestamp() + $1 "
                "FROM dispatch.link"
            )
            found = await self.rows(query, self.ahead)
            return bool(found and found[0][0])

        await eventually("dispatch hears intake", heard, within_s=within_s)


@asynccontextmanager
async def running(server_dsn: str, logs: Path, **wishes: Any) -> AsyncIterator[Field]:
    """Yield a system with replicas, breakable everywhere, in a city without teams; `wishes` as `running_system` takes them.

    At the end no service may have met a bug of its own, whatever was done to it.
    """
    async with running_system(server_dsn, logs, seeded=False, **wishes) as system:
        wire = Wire({service: system.addresses(service).split(",") for service in SERVICES})
        try:
            yield await _settled(Field(system, wire))
        finally:
            await wire.close()
    bugs = bugs_in(logs)
    assert not bugs, "\n".join(bugs[:5])


def bugs_in(logs: Path) -> list[str]:
    """Return what the services' logs say of faults of their own."""
    texts = (log.read_text(errors="replace") for log in sorted(logs.glob("*.log")))
    return [line for text in texts for line in text.splitlines() if "request.bug" in line]


async def _settled(made: Field) -> Field:
    """Load the neighborhoods and a provider, and wait until intake and dispatch hear each other."""
    from services.intake.commands.layers import replace_layer  # loads geometry

    db = Database(made.system.plan.dsns["intake"], application="test-field", pool_size=1)
    await replace_layer(db, feature_collection(), source="starter city", approximate=True)
    await db.close()
    body = {"name": "Test provider", "kind": "nonprofit"}
    provider = (await made.office.ask("teams", "POST", "/v1/providers", role=Role.ADMIN, json=body)).good()
    made.provider_id = provider["id"]
    await made.reviewer.queue()
    await made.link_is_up()
    return made
