"""The timed loops of one replica: the net under every effect, so that a missed notification costs a tick and never a call."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import structlog

from services.dispatch.commands import deadlines
from services.dispatch.desk import Desk
from services.dispatch.outboxes import Outbox
from services.dispatch.peers import Teams
from services.dispatch.rounds import Matchmaker
from services.dispatch.settings import Settings
from services.dispatch.tablet_watch import TabletWatch
from services.dispatch.tablets import SEEN, LastSeen, Shown
from services.dispatch.upkeep import Upkeep
from shared.db import Database
from shared.loops import Loop
from shared.outbox import Relay

log = structlog.get_logger(__name__)
Work = Callable[[], Awaitable[bool | None]]


class Sweeps:
    """Every loop and relay of the process; `start` and `stop` them together."""

    def __init__(self, settings: Settings, db: Database, desk: Desk, teams: Teams, outbox: Outbox) -> None:
        self._settings = settings
        self._db = db
        self._desk = desk
        self._teams = teams
        self.matchmaker = Matchmaker(db, desk, teams)
        upkeep = Upkeep(db, desk, teams)
        tick_s = settings.period_s(1)
        self._loops = [
            Loop("rounds", self.matchmaker.run, tick_s),
            Loop("availability", self._follow_availability, tick_s),
            Loop("deadlines", self._meet_deadlines, tick_s),
            Loop("safety_link", upkeep.watch_link, tick_s),
            Loop("clock", upkeep.watch_clock, tick_s),
            Loop("holds", upkeep.reconcile_holds, settings.period_s(60)),
            Loop("upkeep", upkeep.tidy, settings.period_s(15)),
        ]
        effects = desk.effects
        effects.rounds = self._loops[0]
        effects.reports = Relay("reports", claim=outbox.reports_due, send=outbox.send_report, period_s=tick_s)
        effects.releases = Relay("releases", claim=outbox.releases_due, send=outbox.send_release, period_s=tick_s)
        effects.loose_notices = Relay("notices", claim=outbox.notices_due, send=outbox.send_notice, period_s=tick_s)
        self._relays: list[Relay[UUID]] = [effects.reports, effects.releases, effects.loose_notices]

    def watch_tablets(self, shown: Shown, seen: LastSeen) -> None:
        """Add the loops about tablets. They run in real time, as tablets do, but for the alert."""
        self.tablet_watch = watch = TabletWatch(self._db, self._desk, shown, seen, time_rate=self._settings.time_rate)
        alert = Loop("tablet_silent", watch.alert, 5)
        self._loops += [
            Loop("tablets_changed", watch.what_changed, 10),
            Loop("tablets_seen", watch.exchange, 60),
            alert,
        ]

        def came_back(keys: Iterable[str] | None) -> None:
            for key in keys or ():
                if key.startswith(SEEN):
                    seen.elsewhere(UUID(key.removeprefix(SEEN)), 0.0)
                    alert.poke()

        self._desk.effects.hub.on_wake(came_back)

    def start(self) -> None:
        """Begin in the running event loop."""
        for loop in self._loops:
            loop.start()
        for relay in self._relays:
            relay.start()

    async def stop(self) -> None:
        """End them; what was under way stays due."""
        for loop in self._loops:
            await loop.stop()
        for relay in self._relays:
            await relay.stop()
        await self.matchmaker.stop()

    async def _follow_availability(self) -> bool:
        """Hear of a team coming on duty, and let matching look again."""
        if await self._desk.roster.follow(self._teams, wait_s=50):
            self._desk.effects.rounds.poke()
        return True

    async def _meet_deadlines(self) -> bool:
        """Meet every deadline that has passed, a few incidents at a time; one that fails does not stop the others."""
        async with self._db.autocommit() as unit:
            passed = await deadlines.due(unit, self._desk.jurisdiction)
        gate = asyncio.Semaphore(4)

        async def one(incident_id: UUID) -> None:
            async with gate:
                await deadlines.meet(self._db, self._desk, incident_id)

        results = await asyncio.gather(*(one(incident_id) for incident_id in passed), return_exceptions=True)
        failed = [result for result in results if isinstance(result, Exception)]
        for error in failed[:3]:
            log.warning("deadline.failed", error=type(error).__name__, detail=str(error)[:200])
        return len(passed) == deadlines.MOST and not failed
