"""The phrases of the protocol that a text holds, by what they are for."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.intake.domain.triage.protocol import Owner, Protocol, Role
from services.intake.domain.triage.text import Token
from services.intake.domain.triage.walk import Match


class Span(NamedTuple):
    first: int
    last: int

    def covers(self, match: Match) -> bool:
        return self.first <= match.first and match.last <= self.last


class Found:
    """The phrases found in a text, by what they are for."""

    def __init__(self, tokens: Sequence[Token], protocol: Protocol) -> None:
        self._owners = protocol.owners
        self._by_role: dict[Role, list[Match]] = {}
        of_owner: dict[int, list[Match]] = {}
        for match in protocol.lexicon.matches(tokens):
            of_role = of_owner.get(match[0])
            if of_role is None:
                of_role = of_owner[match[0]] = self._by_role.setdefault(self._owners[match.owner].role, [])
            of_role.append(match)

    def of(self, role: Role) -> list[Match]:
        return self._by_role.get(role, [])

    def owner(self, match: Match) -> Owner:
        return self._owners[match.owner]

    def spans(self, role: Role) -> Iterator[Span]:
        return (Span(match.first, match.last) for match in self.of(role))

    def longest_at(self, role: Role) -> dict[int, int]:
        """Return, by first word, the last word of the longest phrase of `role` there."""
        longest: dict[int, int] = {}
        for _, first, last in self.of(role):
            if longest.get(first, -1) < last:
                longest[first] = last
        return longest
