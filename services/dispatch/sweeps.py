"""The timed loops of one replica: the net under every effect, so that a missed notification costs a tick and never a call."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from services.dispatch.desk import Desk
from services.dispatch.outboxes import Outbox
from services.dispatch.peers import Teams
from services.dispatch.rounds import Matchmaker
from services.dispatch.settings import Settings
from shared.db import Database
from shared.loops import Loop
from shared.outbox import Relay

Work = Callable[[], Awaitable[bool | None]]


class Sweeps:
    """Every loop and relay of the process; `start` and `stop` them together."""

    def __init__(self, settings: Settings, db: Database, desk: Desk, teams: Teams, outbox: Outbox) -> None:
        self._settings = settings
        self._db = db
        self._desk = desk
        self._teams = teams
        self.matchmaker = Matchmaker(db, desk, teams)
        tick_s = settings.period_s(1)
        self._loops = [
            Loop("rounds", self.matchmaker.run, tick_s),
            Loop("availability", self._follow_availability, tick_s),
        ]
        effects = desk.effects
        effects.rounds = self._loops[0]
        effects.reports = Relay("reports", claim=outbox.reports_due, send=outbox.send_report, period_s=tick_s)
        effects.releases = Relay("releases", claim=outbox.releases_due, send=outbox.send_release, period_s=tick_s)
        effects.loose_notices = Relay("notices", claim=outbox.notices_due, send=outbox.send_notice, period_s=tick_s)
        self._relays: list[Relay[UUID]] = [effects.reports, effects.releases, effects.loose_notices]

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
