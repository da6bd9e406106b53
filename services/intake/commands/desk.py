"""What every command needs besides its unit of work: settings, the protocols and maps that this process knows, and whom to wake."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.intake.commands.maps import Maps
from services.intake.commands.protocols import Protocols
from services.intake.settings import Settings
from services.intake.store.calls import Call
from shared import alerts
from shared.db import Unit
from shared.wake import Hub

QUEUE = "queue"
"""The hub's key of the reviewers' queue."""
FEED = "feed"
"""The hub's key of all changes; `feed:<cad_system>` is that of one CAD's."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The collaborators of a command; one per process."""

    settings: Settings
    protocols: Protocols
    maps: Maps
    hub: Hub
    send_soon: Callable[[UUID], None]
    """Sends a call's wish now; never blocks, never raises."""
    try_soon: Callable[[UUID], object] = lambda _decision_id: None
    """Tells the version on trial of a new decision; never blocks, never raises."""

    @property
    def jurisdiction(self) -> str:
        return self.settings.jurisdiction

    @property
    def dispatch_grace(self) -> timedelta:
        """How long behind dispatch's deadlines intake's own stand; in a replay no less than a slow machine needs."""
        return self.at_least(self.settings.dispatch_grace, wall_s=5)

    def at_least(self, within: timedelta, *, wall_s: float) -> timedelta:
        """Return a time by our clock that also leaves `wall_s` seconds of real time, however fast the clock runs."""
        return max(within, timedelta(seconds=wall_s * self.settings.time_rate))

    def local(self, at: datetime) -> datetime:
        """Return `at` by the jurisdiction's wall clock."""
        return at.astimezone(ZoneInfo(self.settings.timezone))

    def tell(self, unit: Unit, before: Call | None, after: Call, *, wish: bool) -> None:
        """After the commit: wake whoever waits for this call, and send its wish if there is a new one."""
        keys = [f"call:{after.id}", f"{FEED}:{after.cad_system}", FEED]
        if after.review_by is not None or (before is not None and before.review_by is not None):
            keys.append(QUEUE)
        unit.then(lambda: self.hub.wake(*keys))
        if before is None or before.decision_id != after.decision_id:
            unit.then(lambda: self.try_soon(after.decision_id))
        if wish:
            unit.then(lambda: self.send_soon(after.id))

    def tell_alerts(self, unit: Unit) -> None:
        """After the commit: wake whoever watches the alerts."""
        unit.then(lambda: self.hub.wake(alerts.KEY))
