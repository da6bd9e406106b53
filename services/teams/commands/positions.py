"""Positions (AVL): a batch of fixes from a tablet, in any order, any number of times."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from prometheus_client import Counter

from services.teams import queries, store
from services.teams.domain.positions import Disbelief, Fix, judge, trace
from services.teams.records import Seen
from services.teams.scope import Scope
from shared.db import Unit

FIXES: Final = Counter("commonground_position_fixes_total", "Position fixes by what became of them", ["result"])


class Reported(NamedTuple):
    """What became of a batch: the team's position now, and the fixes that were not believed, by their place in the batch."""

    position: Seen | None
    ignored: tuple[tuple[int, Disbelief], ...]


async def report_positions(
    unit: Unit, scope: Scope, team_id: UUID, fixes: Sequence[Fix], *, kept_for: timedelta
) -> Reported:
    """Take a batch of fixes: the newest believable one is the position, unless a newer one is known."""
    team = await queries.find_team(unit.conn, scope, team_id)
    judged = judge(fixes, base=team.base, at=team.now, kept_for=kept_for)
    for _, why in judged.ignored:
        FIXES.labels(why.value).inc()
    FIXES.labels("believed").inc(len(judged.believed))
    if judged.newest is None:
        return Reported(team.position, judged.ignored)
    newest = judged.newest
    if await store.record_position(unit.conn, scope.jurisdiction, team_id, newest, trace(judged.believed)):
        return Reported(Seen(newest.lat_deg, newest.lon_deg, newest.at), judged.ignored)
    return Reported((await queries.find_team(unit.conn, scope, team_id)).position, judged.ignored)
