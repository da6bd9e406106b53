"""Walks a text through the phrases of a lexicon.

The phrases are a graph; a walk stands at several nodes at once. Which sets of nodes a walk can stand at, and where a
word leads from each, is worked out when it is first needed and then remembered, so that a word costs little more than
one look-up.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from services.intake.domain.triage.text import Break, Token

_MOST_REMEMBERED: Final = 200_000
_KIND_BITS: Final = 24


@dataclass(slots=True, eq=False)
class Node:
    """A place in the graph of phrases."""

    number: int = field(default_factory=count().__next__)
    edges: dict[int, "Node"] = field(default_factory=dict)
    any: "Node | None" = None
    others: dict[int, "Node"] = field(default_factory=dict)
    """By the symbol that the next word must not be."""
    at_end: "Node | None" = None
    gaps: dict[int, "Node"] = field(default_factory=dict)
    owners: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What a word is to the phrases."""

    number: int
    symbols: frozenset[int]
    plain: bool
    """Letters only."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stand:
    """All the nodes that a walk stands at."""

    number: int
    nodes: tuple[Node, ...]
    owners: tuple[int, ...]
    ended: "_Stand | None"
    """Where the walk stands too when the breath ends here."""
    gaps: tuple[tuple[int, "_Stand"], ...]
    passes: bool
    """Something leads on from here without a word."""


class Walks:
    """Every walk through one graph."""

    def __init__(self) -> None:
        self._stands: dict[frozenset[int], _Stand] = {}
        self._steps: dict[int, _Stand | None] = {}
        self._numbers = count()

    def matches(
        self, root: Node, kinds: Sequence[Kind], tokens: Sequence[Token], in_one_breath: AbstractSet[int]
    ) -> Iterator[tuple[int, int, int]]:
        """Yield owner, first and last word of each phrase found, of the same from the same word the longest."""
        if len(self._steps) > _MOST_REMEMBERED:
            self._steps.clear()
            self._stands.clear()
        sentence_ends, breath_ends = _ends(tokens, Break.HARD), _ends(tokens, Break.SOFT)
        start = self._stand([root])
        for first, kind in enumerate(kinds):
            begun = self._after(start, kind)
            if begun is None:
                continue
            best: dict[int, int] = {}
            for owners, at in self._reached(begun, first + 1, kinds, sentence_ends[first], breath_ends):
                for owner in owners:
                    if at <= breath_ends[first] or owner not in in_one_breath:
                        best[owner] = max(best.get(owner, 0), at - 1)
            yield from ((owner, first, last) for owner, last in sorted(best.items()))

    def _reached(
        self, begun: _Stand, at: int, kinds: Sequence[Kind], end: int, breath_ends: Sequence[int]
    ) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield the owners of each phrase that ends on the walk, and the word after it."""
        open_walks = [(begun, at)]
        while open_walks:
            stand, at = open_walks.pop()
            if stand.owners:
                yield stand.owners, at
            if stand.ended is not None and at == breath_ends[at - 1]:
                open_walks.append((stand.ended, at))
            for width, beyond in stand.gaps:
                places = range(at, min(at + width, end - 1) + 1)
                landed = ((self._after(beyond, kinds[ahead]), ahead + 1) for ahead in places)
                open_walks.extend((after, ahead) for after, ahead in landed if after is not None)
                if beyond.passes:
                    open_walks.extend((beyond, ahead) for ahead in range(at, min(at + width, end) + 1))
            if at < end and (after := self._after(stand, kinds[at])) is not None:
                open_walks.append((after, at + 1))

    def _after(self, stand: _Stand, kind: Kind) -> _Stand | None:
        key = stand.number << _KIND_BITS | kind.number
        try:
            return self._steps[key]
        except KeyError:
            reached = [after for node in stand.nodes for after in _step(node, kind)]
            found = self._steps[key] = self._stand(reached) if reached else None
            return found

    def _stand(self, nodes: Iterable[Node]) -> _Stand:
        by_number = {node.number: node for node in nodes}
        key = frozenset(by_number)
        if (known := self._stands.get(key)) is not None:
            return known
        standing = [by_number[number] for number in sorted(by_number)]
        ends = [node.at_end for node in standing if node.at_end is not None]
        widths = sorted({width for node in standing for width in node.gaps})
        gaps = [(width, self._stand(node.gaps[width] for node in standing if width in node.gaps)) for width in widths]
        found = self._stands[key] = _Stand(
            number=next(self._numbers),
            nodes=tuple(standing),
            owners=tuple(sorted({owner for node in standing for owner in node.owners})),
            ended=self._stand(ends) if ends else None,
            gaps=tuple(gaps),
            passes=bool(ends or gaps),
        )
        return found


def _step(node: Node, kind: Kind) -> Iterator[Node]:
    yield from (beyond for symbol, beyond in node.edges.items() if symbol in kind.symbols)
    if node.any is not None:
        yield node.any
    if kind.plain:
        yield from (beyond for symbol, beyond in node.others.items() if symbol not in kind.symbols)


def _ends(tokens: Sequence[Token], limit: Break) -> list[int]:
    """Return, for each token, the index after the last one before the next break of at least `limit`."""
    ends = [len(tokens)] * len(tokens)
    for at in range(len(tokens) - 2, -1, -1):
        ends[at] = at + 1 if tokens[at + 1].before >= limit else ends[at + 1]
    return ends
