"""The availability snapshots of this process, and how long each is still the truth without looking at a team."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from services.teams import queries
from services.teams.domain.availability import stands_until
from services.teams.queries import News
from services.teams.records import SETTLES_EVERY_S, TeamRecord
from services.teams.scope import Scope
from shared.db import Unit
from shared.edge import Tagged, knows

Render = Callable[[list[TeamRecord]], Tagged]
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot, the news that it counts, and when time alone changes it."""

    tag: str
    news: News
    until: datetime
    settles: bool
    """Some position is newer than what the tag counts: it counts from the next slice of ten seconds on."""
    body: Callable[[], bytes] | None = None
    """The body, which holds the positions of `news`."""

    def is_current(self, news: News) -> bool:
        """Say whether its tag is still the right one."""
        if news.changes != self.news.changes or news.now >= self.until or news.now < self.news.now:
            return False
        if _slice(news.now) == _slice(self.news.now):
            return True
        return news.positions == self.news.positions and not self.settles


def _slice(at: datetime) -> float:
    return at.timestamp() // SETTLES_EVERY_S


class Snapshots:
    """The newest snapshot for each kind of question; a question costs one statement that touches no row of a team."""

    def __init__(self) -> None:
        self._kept: dict[tuple[UUID | None, bool], Snapshot] = {}

    async def read(self, unit: Unit, scope: Scope, render: Render, *, everybody: bool, known: str | None) -> Tagged:
        """Return the snapshot as it is now, with the positions of this instant; for who knows its tag, only the tag."""
        key = (scope.provider_id, everybody)
        news = await queries.read_news(unit.conn, scope.jurisdiction)
        kept = self._kept.get(key)
        if kept is not None and kept.is_current(news):
            if knows(known, kept.tag):
                return Tagged(_nothing_new, kept.tag)
            if kept.body is not None and news.positions == kept.news.positions:
                return Tagged(kept.body, kept.tag)
        # Counted before the teams are read: what is committed in between is read now, and read once more next time.
        teams = await queries.teams_in_service(unit.conn, scope)
        tagged = render([team for team in teams if everybody or team.standing.offerable])
        body = cache(tagged.body)  # rendered when somebody needs it, and once
        self._kept[key] = Snapshot(tagged.tag, news, _until(teams), _settles(teams), body)
        return Tagged(body, tagged.tag)


def _nothing_new() -> bytes:
    raise AssertionError("nobody renders what the caller has")


def _until(teams: Sequence[TeamRecord]) -> datetime:
    bans = (
        datetime.fromisoformat(ban["until"])
        for team in teams
        for ban in team.profile["do_not_send"]
        if ban.get("until")
    )
    stands = (stands_until(team.state, team.now) for team in teams)
    return min((moment for moment in (*stands, *bans) if not teams or moment > teams[0].now), default=_FOREVER)


def _settles(teams: Sequence[TeamRecord]) -> bool:
    return any(team.position != team.settled for team in teams)
