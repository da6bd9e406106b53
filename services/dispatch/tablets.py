"""What this process knows of tablets without asking the database: which list each one shows, and when it was last heard from."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.dispatch.effects import team_key
from shared.messages.availability import Availability
from shared.wake import Hub

SILENT: Final = "tablet_silent"
"""The reason why a team on duty whose tablet is not heard is not offerable."""
SEEN: Final = "seen:"
"""The hub's key for a tablet that came back, in front of its team's id."""


@dataclass(slots=True, eq=False)
class Reading:
    """One reading of a team's list: whoever wakes the team meanwhile makes it out of date."""

    key: str
    overtaken: bool = False


class Shown:
    """The tag of each team's newest list, for as long as nothing has woken the team: who shows it costs no statement."""

    def __init__(self, hub: Hub) -> None:
        self._tags: dict[str, str] = {}
        self._reading: defaultdict[str, set[Reading]] = defaultdict(set)
        self._rows: dict[str, object] = {}
        self._hub = hub
        hub.on_wake(self._woken)

    def tag(self, key: str) -> str | None:
        """Return the tag of the team's list, or None when it must be read."""
        return self._tags.get(key)

    def begin(self, key: str) -> Reading:
        """Call it before the list is read."""
        reading = Reading(key)
        self._reading[key].add(reading)
        return reading

    def end(self, reading: Reading, tag: str | None) -> None:
        """Keep the tag of what was read, unless the team was woken meanwhile; None: it was not read after all."""
        readers = self._reading[reading.key]
        readers.discard(reading)
        if not readers:
            del self._reading[reading.key]
        if tag is not None and not reading.overtaken:
            self._tags[reading.key] = tag

    def compare(self, rows: Mapping[UUID, object]) -> int:
        """Wake here every team whose rows differ from those of the time before: a lost notification. Return how many."""
        found = {team_key(team_id): value for team_id, value in rows.items()}
        changed = [key for key in found.keys() | self._rows.keys() if found.get(key) != self._rows.get(key)]
        self._rows = found
        self._hub.wake_here(changed)
        return len(changed)

    def _woken(self, keys: Iterable[str] | None) -> None:
        if keys is None:
            self._tags.clear()
            keys = list(self._reading)
        for key in keys:
            self._tags.pop(key, None)
            for reading in self._reading.get(key, ()):
                reading.overtaken = True


@dataclass(slots=True)
class LastSeen:
    """When each team's tablet last polled, by this process's monotonic clock. Kept in memory; written once a minute."""

    limit_s: float
    """Unseen for so long: `tablet_silent`."""
    now: Callable[[], float] = time.monotonic
    _seen: dict[UUID, float] = field(default_factory=dict)
    _unwritten: set[UUID] = field(default_factory=set)
    _expected: dict[UUID, float] = field(default_factory=dict)
    """Teams on duty, and from when on their tablet is expected to poll."""
    _began: bool = False

    def poll(self, team_id: UUID) -> bool:
        """Note that the tablet polled. True: it comes back after a silence."""
        came_back = self.is_silent(team_id)
        self._seen[team_id] = self.now()
        self._unwritten.add(team_id)
        return came_back

    def elsewhere(self, team_id: UUID, age_s: float) -> None:
        """Note that another process saw the tablet so long ago."""
        at = self.now() - max(0.0, age_s)
        self._seen[team_id] = max(at, self._seen.get(team_id, at))

    def to_write(self) -> dict[UUID, float]:
        """Return who polled here since the last call, and how many seconds ago each did."""
        now, teams = self.now(), self._unwritten
        self._unwritten = set()
        return {team_id: now - self._seen[team_id] for team_id in teams}

    def expect(self, on_duty: Iterable[UUID]) -> None:
        """Take who is on duty now. A team that comes on duty has as long as any to poll; so has one never seen yet."""
        now, present = self.now(), set(on_duty)
        self._expected = {
            team_id: self._expected.get(team_id, now if self._began or team_id not in self._seen else float("-inf"))
            for team_id in present
        }
        self._began = True

    def is_silent(self, team_id: UUID) -> bool:
        """Say whether a team that is on duty has not been heard from for too long."""
        since = self._expected.get(team_id)
        if since is None:
            return False
        return self.now() - max(since, self._seen.get(team_id, float("-inf"))) >= self.limit_s

    def silent(self) -> set[UUID]:
        """Return the teams on duty whose tablet is silent."""
        return {team_id for team_id in self._expected if self.is_silent(team_id)}

    def age_s(self, team_id: UUID) -> float | None:
        """Return how long ago the tablet was seen; None: never, as far as this process knows."""
        at = self._seen.get(team_id)
        return None if at is None else self.now() - at


_ABSENT = frozenset({"retired", "off_shift", "off_duty", "out_of_service", "break"})


def on_duty(snapshot: Availability) -> list[UUID]:
    """Return the teams whose tablet somebody should be holding."""
    return [team.team_id for team in snapshot.items if not _ABSENT & set(team.reasons)]


def without_silent(snapshot: Availability, silent: set[UUID]) -> Availability:
    """Return the snapshot with `tablet_silent` teams not offerable."""
    if not silent:
        return snapshot
    items = [
        team.model_copy(update={"offerable": False, "reasons": [*team.reasons, SILENT]})
        if team.team_id in silent
        else team
        for team in snapshot.items
    ]
    return snapshot.model_copy(update={"items": items})
