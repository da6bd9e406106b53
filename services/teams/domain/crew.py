"""What a team can do now, by who is on duty: languages spoken, disciplines that somebody there is certified for.

What a roster records, the crew on duty decides. What it does not record, the provider's word about the team stands for.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Certification(NamedTuple):
    """What a member is certified for: one named like a discipline counts for matching, others are kept for supervisors."""

    name: str
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether it is still valid."""
        return self.until is None or at < self.until


class Member(NamedTuple):
    """A person on a team's roster."""

    id: str
    languages: tuple[str, ...] = ()
    certifications: tuple[Certification, ...] = ()


@dataclass(frozen=True, slots=True)
class Ability:
    """What a crew can do. Without a crew: what the team can do once it has one."""

    disciplines: tuple[str, ...]
    languages: tuple[str, ...]


def ability(
    claimed: Ability, roster: Iterable[Member], on_duty: Collection[str], at: datetime
) -> Ability:  # fmt: skip
    """Return what the crew `on_duty` can do of what the team is `claimed` to."""
    if not on_duty:
        return claimed
    everybody = tuple(roster)
    crew = [member for member in everybody if member.id in on_duty]
    spoken = claimed.languages
    if any(member.languages for member in everybody):
        heard = dict.fromkeys(language for member in crew for language in member.languages)
        spoken = (
            *(one for one in claimed.languages if one in heard),
            *(one for one in heard if one not in claimed.languages),
        )
    recorded = {held.name for member in everybody for held in member.certifications}
    valid = {held.name for member in crew for held in member.certifications if held.holds(at)}
    return Ability(tuple(one for one in claimed.disciplines if one not in recorded or one in valid), spoken)


def next_expiry(roster: Iterable[Member], at: datetime) -> datetime | None:
    """Return when the next certification of the roster ends, if one does."""
    ends = (held.until for member in roster for held in member.certifications if held.until is not None)
    return min((until for until in ends if until > at), default=None)
