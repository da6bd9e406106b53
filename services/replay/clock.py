"""The system's time, as far as somebody outside can know it: learned from its answers, never assumed.

A system under `commonground up --time-rate 60` lives a minute in each second. Deadlines, shifts and `received_at` are in its
time, so everybody simulated here lives in it too; only HTTP timeouts are in wall-clock seconds.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The system's clock: a rate, and an offset that every answer with a fresh time corrects."""

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate
        self._base_wall = time.monotonic()
        self._base = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the system's time now."""
        return self._base + timedelta(seconds=(time.monotonic() - self._base_wall) * self.rate)

    def learn(self, said_at: datetime, *, asked_at: float, answered_at: float) -> None:
        """Take over `said_at`, which the system stamped between the two readings of `time.monotonic()`.

        Half the round trip is the error. A slow answer to a system at high rate says little, so it is not believed over a
        closer one: the offset changes only when the true time must lie outside the round trip.
        """
        earliest = said_at + timedelta(0)
        latest = said_at + timedelta(seconds=(answered_at - asked_at) * self.rate)
        expected = self._base + timedelta(seconds=(answered_at - self._base_wall) * self.rate)
        if not earliest <= expected <= latest:
            self._base_wall = answered_at
            self._base = earliest + (latest - earliest) / 2

    def wall_s(self, duration: timedelta) -> float:
        """Return how many wall-clock seconds `duration` of system time takes."""
        return max(duration.total_seconds(), 0.0) / self.rate

    async def sleep(self, duration: timedelta) -> None:
        """Sleep for `duration` of the system's time."""
        await asyncio.sleep(self.wall_s(duration))

    async def sleep_until(self, at: datetime) -> None:
        """Sleep until the system's time is `at`."""
        await self.sleep(at - self.now())


def parse_time(text: object) -> datetime | None:
    """Return the RFC 3339 time in `text`; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None
