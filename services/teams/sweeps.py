"""Timed work of the teams service: ending what ends by itself, forgetting what is kept briefly, watching the clock."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from services.teams import store
from services.teams.commands.duty import end_duties
from services.teams.scope import Scope
from services.teams.tables import SCHEMA, alert, clock_watch, idempotency_key
from shared.alerts import KEY as ALERTS
from shared.alerts import Alarm, Severity, raise_again
from shared.clock import clock, stepped_back
from shared.db import Database
from shared.idempotency import forget_old_keys
from shared.loops import Loop

_EVERY_S: Final = 1.0
_FORGET_EVERY_S: Final = 300.0
_COUNT_EVERY_S: Final = 15.0
_FASTEST_S: Final = 0.05


async def watch_clock(db: Database, scope: Scope) -> timedelta:
    """Return by how much time went back (zero: it did not), having raised an alert.

    The service has no deadlines that it counted itself: an `until` and a shift are times that somebody named. What must move is
    the time of positions, for until our clock has passed them no newer fix would be believed.
    """
    async with db.transaction() as unit:
        back = await stepped_back(unit.conn, clock_watch)
        if back:
            now = (await unit.conn.execute(select(clock(SCHEMA)))).scalar_one()
            await store.pull_back_positions(unit.conn, scope.jurisdiction, back, now)
            title = f"The clock of the teams database went back by {back.total_seconds():.0f} s. Shifts and breaks follow the new time."
            await raise_again(unit.conn, alert, Alarm("clock_stepped_back", SCHEMA, Severity.SERVICE, title))
            unit.then(lambda: scope.wake(ALERTS))
    return back


async def end_what_has_ended(db: Database, scope: Scope) -> None:
    """Write down breaks and the like that have ended; readers counted them as ended already."""
    async with db.autocommit() as unit:
        await end_duties(unit, scope)


async def forget(db: Database, scope: Scope, positions_kept_for: timedelta) -> None:
    """Delete old idempotency keys and the trace of positions that is past its retention."""
    await forget_old_keys(db, idempotency_key)
    async with db.autocommit() as unit:
        await store.forget_traces(unit.conn, scope.jurisdiction, positions_kept_for)


def loops(db: Database, scope: Scope, *, positions_kept_for: timedelta, time_rate: float) -> list[Loop]:
    """Return the service's loops, not yet started; their periods shrink as time runs faster."""

    def period(seconds: float) -> float:
        return max(seconds / time_rate, _FASTEST_S)

    async def clock_pass() -> None:
        await watch_clock(db, scope)

    async def duty_pass() -> None:
        await end_what_has_ended(db, scope)

    async def count_pass() -> None:
        async with db.autocommit() as unit:
            await store.fold_news(unit.conn)

    async def forget_pass() -> None:
        await forget(db, scope, positions_kept_for)

    return [
        Loop("teams.clock", clock_pass, _EVERY_S),
        Loop("teams.duty", duty_pass, period(_EVERY_S)),
        Loop("teams.news", count_pass, _COUNT_EVERY_S),
        Loop("teams.forget", forget_pass, period(_FORGET_EVERY_S)),
    ]
