"""The availability snapshots of this process, and how long each is still the truth without looking at a team.

What was read of a team, and how it is written, is kept under the team's revision too: when a snapshot must be made again, only
what has changed is read and rendered again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from services.teams import queries
from services.teams.api.views import availability_view, rules_in_force
from services.teams.domain.availability import standing, stands_until
from services.teams.domain.shifts import NO_END
from services.teams.queries import ALWAYS_SENT, News
from services.teams.records import POSITION_COLUMNS, TeamRecord, positions, received_slice, slice_of, team_record
from services.teams.scope import Scope
from shared.db import Unit
from shared.edge import Tagged, etag, knows

_POSITION: Final = slice(len(ALWAYS_SENT) - len(POSITION_COLUMNS), len(ALWAYS_SENT))
_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot, the news that it counts, and when time alone changes it."""

    tagged: Tagged
    """The body holds the positions of `news`."""
    news: News
    until: datetime
    settles: bool
    """Some position is newer than what the tag counts: it counts from the next slice of ten seconds on."""

    def is_current(self, news: News) -> bool:
        """Say whether its tag is still the right one."""
        if news.changes != self.news.changes or news.now >= self.until or news.now < self.news.now:
            return False
        if slice_of(news.now) == slice_of(self.news.now):
            return True
        return news.positions == self.news.positions and not self.settles


@dataclass(slots=True)
class _Kept:
    """One revision of a team: what was read of it, what the tag counts of it, and its text once somebody needed it."""

    team: TeamRecord
    position: tuple[Any, ...]
    """As stored."""
    received_slice: float | None
    settles: bool
    """The position came in the slice of `team.now`: the tag does not count it yet."""
    until: datetime
    """When time alone changes how the team stands."""
    mark: bytes
    text: str | None = None

    def rendered(self) -> str:
        """Return the team as it is answered."""
        if self.text is None:
            self.text = availability_view(self.team).model_dump_json()
        return self.text

    def at(self, now: datetime, now_slice: float, position: tuple[Any, ...]) -> "_Kept":
        """Return this revision as it stands now, with the position that is stored now."""
        if not self.team.now <= now < self.until:
            live, settled = positions(now, position)
            stands = standing(self.team.state, now)
            return _keep(replace(self.team, now=now, standing=stands, position=live, settled=settled), position)
        moved = position != self.position
        if not moved and self.settles is (self.received_slice == now_slice):
            return self
        live, settled = positions(now, position)
        of_position = _of_position(position, now_slice)
        return _Kept(
            replace(self.team, position=live, settled=settled), position, *of_position, self.until,
            self.mark[:_DIGEST_BYTES] + repr(settled).encode(), None if moved else self.text,
        )  # fmt: skip


def _keep(team: TeamRecord, position: tuple[Any, ...]) -> _Kept:
    rules = rules_in_force(team)
    until = min([stands_until(team.state, team.now), *(rule.until for rule in rules if rule.until is not None)])
    digest = blake2b(repr((team.id, team.revision, team.standing, rules)).encode(), digest_size=_DIGEST_BYTES).digest()
    of_position = _of_position(position, slice_of(team.now))
    return _Kept(team, position, *of_position, until, digest + repr(team.settled).encode())


def _of_position(position: tuple[Any, ...], now_slice: float) -> tuple[float | None, bool]:
    came_in = received_slice(position)
    return came_in, came_in == now_slice


class Snapshots:
    """The newest snapshot for each kind of question; a question costs one statement that touches no row of a team."""

    def __init__(self) -> None:
        self._made: dict[tuple[UUID | None, bool], Snapshot] = {}
        self._kept: dict[UUID | None, dict[UUID, _Kept]] = {}

    async def read(self, unit: Unit, scope: Scope, *, everybody: bool, known: str | None) -> Tagged:
        """Return the snapshot as it is now, with the positions of this instant; for who knows its tag, only the tag."""
        key = (scope.provider_id, everybody)
        news = await queries.read_news(unit.conn, scope.jurisdiction)
        made = self._made.get(key)
        if made is not None and news.changes < made.news.changes:  # the database was set back, and revisions with it
            self._made.clear()
            self._kept.clear()
            made = None
        if made is not None and made.is_current(news):
            if knows(known, made.tagged.tag):
                return Tagged(_nothing_new, made.tagged.tag)
            if news.positions == made.news.positions:
                return made.tagged
        # Counted before the teams are read: what is committed in between is read now, and read once more next time.
        teams = await self._read_teams(unit, scope)
        until = min((team.until for team in teams), default=NO_END)
        settles = any(team.settles for team in teams)
        shown = [team for team in teams if everybody or team.team.standing.offerable]
        self._made[key] = Snapshot(_tagged(shown), news, until, settles)
        return self._made[key].tagged

    async def _read_teams(self, unit: Unit, scope: Scope) -> list[_Kept]:
        # Another reading may finish meanwhile: what comes back is laid over what this one said that it knew.
        kept = self._kept.get(scope.provider_id, {})
        rows = await queries.glance(unit.conn, scope, {team_id: one.team.revision for team_id, one in kept.items()})
        now_slice = slice_of(rows[0].now) if rows else 0.0
        teams = {row.id: _of_row(row, kept.get(row.id), now_slice) for row in rows}
        self._kept[scope.provider_id] = teams
        return list(teams.values())


def _of_row(row: Row[Any], kept: _Kept | None, now_slice: float) -> _Kept:
    if kept is not None and kept.team.revision == row.revision:
        return kept.at(row.now, now_slice, row[_POSITION])
    return _keep(team_record(row._mapping), row[_POSITION])  # noqa: SLF001 - public, with a name that no column can have


def _tagged(teams: Sequence[_Kept]) -> Tagged:
    """Return the body, with the positions of this instant, and a tag that counts those of up to ten seconds ago.

    The tag is of what can differ: all that is written raises a team's `revision`, time changes how it stands, and positions settle.
    """

    @cache  # rendered when somebody needs it, and once
    def body() -> bytes:
        return f'{{"items":[{",".join(team.rendered() for team in teams)}],"next":null}}'.encode()

    return Tagged(body, f"W/{etag(b''.join(team.mark for team in teams))}")


def _nothing_new() -> bytes:
    raise AssertionError("nobody renders what the caller has")
