"""Who waits, who could go and how far it is: everything that a round of matching decides on, read together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.dispatch import facts, queries, routing
from services.dispatch.desk import Desk
from services.dispatch.domain import matching
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.costs import URGENT
from services.dispatch.domain.diversion import UnderWay
from services.dispatch.domain.lookahead import Work, expected_free
from services.dispatch.domain.matching import Plan
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Busy, Place, Team, Waiting
from services.dispatch.domain.travel import TravelTimes
from services.dispatch.peers import Teams
from services.dispatch.roster import as_team
from shared.db import Database
from shared.messages.availability import Availability, TeamAvailability


@dataclass(frozen=True, slots=True)
class Gathered:
    """A round's input."""

    now: datetime
    rows: Mapping[UUID, Mapping[Any, Any]]
    """The waiting incidents as they were read, by id."""
    calls: tuple[Waiting, ...]
    teams: tuple[Team, ...]
    times: TravelTimes | None
    under_way: Mapping[UUID, Mapping[Any, Any]]
    """The incidents whose team may be taken off, by id; read only when a call of priority 1 waits."""
    may_turn: tuple[UnderWay, ...]

    def decide(self, policy: Policy) -> Plan:
        """Return who goes where."""
        return matching.decide(self.calls, self.teams, self.times, policy, self.now, self.may_turn)


async def snapshot(desk: Desk, peer: Teams) -> Availability:
    """Return every team as the teams service knows it now, those with a silent tablet not offerable. Raises PeerSilentError."""
    seen, _ = await peer.availability()
    assert seen is not None, "nobody asked for changes only"
    return desk.roster.take(seen)


async def gather(db: Database, desk: Desk, seen: Availability) -> Gathered | None:
    """Return what a round decides on; None when nobody waits who may be offered to anybody now."""
    async with db.autocommit() as unit:
        rows = await queries.waiting(unit.conn, desk.jurisdiction)
        engaged = await queries.engaged(unit.conn, desk.jurisdiction)
        is_urgent = desk.policy.divert_saves is not None and any(row["priority"] == URGENT for row in rows)
        driven_to = await queries.under_way(unit.conn, desk.jurisdiction) if is_urgent else []
    if not rows:
        return None
    now = rows[0]["now"]
    calls = tuple(call_of(row) for row in rows)
    teams = everybody(seen, engaged, desk.policy, now)
    times = await drives(desk, calls, teams, now)
    may_turn = _may_turn(seen, engaged, driven_to)
    return Gathered(
        now, {row["id"]: row for row in rows}, calls, teams, times, {row["id"]: row for row in driven_to}, may_turn
    )


def _may_turn(seen: Availability, engaged: queries.Engaged, rows: Sequence[Mapping[Any, Any]]) -> tuple[UnderWay, ...]:
    """Return the teams that drive to a call as they would be without it; their own rules are asked like anybody else's."""
    teams = {team.team_id: team for team in seen.items}
    return tuple(
        UnderWay(
            as_team(teams[row["team_id"]], has_it=True, in_emergency=row["team_id"] in engaged.emergencies),
            call_of(row),
            row["eta"],
        )
        for row in rows
        if row["team_id"] in teams
    )


async def drives(desk: Desk, calls: Sequence[Waiting], teams: Sequence[Team], now: datetime) -> TravelTimes | None:
    """Return the routing server's times for these, if the deployment has one."""
    return await routing.travel_times(desk.router, calls, teams, desk.policy, now, within_s=desk.router_within_s)


def everybody(
    seen: Availability, engaged: queries.Engaged, policy: Policy, now: datetime, *, has_it: UUID | None = None
) -> tuple[Team, ...]:
    """Return all teams as matching reads them; the one that `has_it`, the call in question, is not busy with another."""
    return tuple(
        as_team(
            team,
            busy_here=team.team_id in engaged.work,
            in_emergency=team.team_id in engaged.emergencies,
            has_it=team.team_id == has_it,
            busy=_busy(engaged.work.get(team.team_id), team, policy, now),
        )
        for team in seen.items
    )


def _busy(row: Mapping[Any, Any] | None, team: TeamAvailability, policy: Policy, now: datetime) -> Busy | None:
    if row is None:
        return None
    place = facts.place_of(row["location"])
    if row["turns_since"] is not None and team.position is not None:
        place = Place(team.position.lat_deg, team.position.lon_deg)
    work = Work(
        status=Status(row["status"]),
        discipline=row["discipline"],
        place=place,
        arrived_at=row["arrived_at"],
        eta=row["eta"],
        drive=None if row["drive_s"] is None else timedelta(seconds=row["drive_s"]),
        expected_clear_at=row["expected_clear_at"],
        turns_since=row["turns_since"],
    )
    return expected_free(work, policy, now)


def call_of(row: Mapping[Any, Any]) -> Waiting:
    """Return a waiting incident as matching reads it."""
    return facts.waiting(
        row["id"],
        row["facts"],
        priority=row["priority"],
        since=row["created_at"],
        refused_by=frozenset(row["refused_by"]),
        known_to=frozenset(row["known_to"]),
    )
