"""Walks a text through the phrases of a lexicon.

The phrases are a graph; a walk stands at several nodes at once. Which sets of nodes a walk can stand at, and where a
word leads from each, is worked out when it is first needed and then remembered, so that a word costs little more than
one look-up.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

from services.intake.domain.triage.text import Break, Token

_MOST_REMEMBERED: Final = 400_000
_REPETITIVE: Final = 32
"""A text whose words come so often, one with another, is a repetition."""
_MOST_TURNS: Final = 512
"""With more different stretches than that it is none after all."""
_new: Final = tuple.__new__
"""What a named tuple's own call comes to, at half its price."""


class Match(NamedTuple):
    """One phrase found: tokens `first` to `last` (inclusive) of the text."""

    owner: int
    """The number under which the phrase was added."""
    first: int
    last: int


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


@dataclass(slots=True, eq=False)
class _Stand:
    """All the nodes that a walk stands at."""

    nodes: tuple[Node, ...]
    owners: tuple[int, ...]
    ended: "_Stand | None"
    """Where the walk stands too when the breath ends here."""
    gaps: tuple[tuple[int, "_Stand"], ...]
    passes: bool
    """Something leads on from here without a word."""
    after: dict[int, "_Stand | None"] = field(default_factory=dict)
    """Where each kind of word leads, by its number; what has not come up yet is missing."""
    astray: set[int] = field(default_factory=set)
    """Those of them that lead nowhere."""


class Walks:
    """Every walk through one graph."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._stands: dict[frozenset[int], _Stand] = {}
        self._start: _Stand | None = None
        self._remembered = 0
        self.furthest = 0
        """How many words a phrase may hold at most. Who builds the graph says it."""

    def matches(
        self,
        kinds: Sequence[Kind],
        tokens: Sequence[Token],
        in_one_breath: AbstractSet[int],
        every_end: AbstractSet[int],
    ) -> list[Match]:
        """Return each phrase found, of the same owner from the same word the longest.

        Of the owners of `every_end` the shorter ones are returned as well.
        """
        if self._start is None or self._remembered > _MOST_REMEMBERED:
            self._stands.clear()
            self._remembered = 0
            self._start = self._stand([self._root])
        found: list[Match] = []
        numbers = [kind.number for kind in kinds]
        windows = self._windows(numbers, tokens)
        walked: dict[bytes, list[tuple[int, int]]] = {}
        sentence_ends, breath_ends = ends(tokens, Break.HARD), ends(tokens, Break.SOFT)
        start, first_steps = self._start, self._start.after
        for first, number in enumerate(numbers):
            begun = first_steps.get(number, start)
            if begun is start:  # no word leads back there: it has not come up yet
                begun = self._learnt(start, kinds[first])
            if begun is None:
                continue
            again = walked.get(windows(first)) if windows is not None else None
            if again is not None:
                found.extend([_new(Match, (owner, first, first + length)) for owner, length in again])
                continue
            reached = self._reached(begun, first, kinds, numbers, sentence_ends[first], breath_ends)
            here = _longest(reached, first, breath_ends[first], in_one_breath, every_end) if reached else []
            found.extend(here)
            if windows is not None:
                walked[windows(first)] = [(owner, last - first) for owner, _, last in here]
                if len(walked) > _MOST_TURNS:
                    windows = None
        return found

    def _windows(self, numbers: Sequence[int], tokens: Sequence[Token]) -> Callable[[int], bytes] | None:
        """Return what tells, by the first word, all that a walk from there can meet; None where few words come again.

        A text of the same words over and over is walked once for each of its turns.
        """
        if len(numbers) < _REPETITIVE * len(set(numbers)):
            return None
        met = array("Q", [number * len(Break) + token.before for number, token in zip(numbers, tokens, strict=True)])
        packed, size = met.tobytes(), met.itemsize
        width = (self.furthest + 2) * size
        return lambda first: packed[first * size : first * size + width]

    def _reached(
        self,
        begun: _Stand,
        first: int,
        kinds: Sequence[Kind],
        numbers: Sequence[int],
        end: int,
        breath_ends: Sequence[int],
    ) -> list[tuple[tuple[int, ...], int]]:
        """Return the owners of each phrase that ends on the walk, and its last word.

        The innermost loop of triage, once for each word of a text: it is written for speed.
        """
        reached: list[tuple[tuple[int, ...], int]] = []
        open_walks = [(begun, first + 1)]
        while open_walks:
            walk, at = open_walks.pop()
            stand: _Stand | None = walk
            while stand is not None:
                if stand.owners:
                    reached.append((stand.owners, at - 1))
                if stand.passes:
                    if stand.ended is not None and at == breath_ends[at - 1]:
                        open_walks.append((stand.ended, at))
                    for width, beyond in stand.gaps:
                        last = min(at + width, end)
                        if beyond.passes or not beyond.astray.issuperset(numbers[at : min(last + 1, end)]):
                            self._leap(beyond, range(at, last + 1), kinds, numbers, end, open_walks)
                if at >= end:
                    break
                after = stand.after.get(numbers[at], stand)  # no word leads to where it began: it has not come up yet
                stand = self._learnt(stand, kinds[at]) if after is stand else after
                at += 1
        return reached

    def _leap(
        self,
        beyond: _Stand,
        places: range,
        kinds: Sequence[Kind],
        numbers: Sequence[int],
        end: int,
        open_walks: list[tuple[_Stand, int]],
    ) -> None:
        """Add the walks that go on from `beyond` at any of these places."""
        steps = beyond.after
        for at in places:
            if at < end:
                landed = steps.get(numbers[at], beyond)
                if landed is beyond:
                    landed = self._learnt(beyond, kinds[at])
                if landed is not None:
                    open_walks.append((landed, at + 1))
            if beyond.passes:
                open_walks.append((beyond, at))

    def _learnt(self, stand: _Stand, kind: Kind) -> _Stand | None:
        """Return where `kind` leads from `stand`, and remember it. Each new word of a text comes here: written for speed."""
        reached: list[Node] = []
        symbols, few = kind.symbols, len(kind.symbols)
        for node in stand.nodes:
            edges = node.edges
            if len(edges) <= few:
                reached.extend([beyond for symbol, beyond in edges.items() if symbol in symbols])
            else:  # where phrases begin there are thousands of edges
                reached.extend([edges[symbol] for symbol in symbols if symbol in edges])
            if node.any is not None:
                reached.append(node.any)
            if node.others and kind.plain:
                reached.extend([beyond for symbol, beyond in node.others.items() if symbol not in symbols])
        found = stand.after[kind.number] = self._stand(reached) if reached else None
        if found is None:
            stand.astray.add(kind.number)
        self._remembered += 1
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
            nodes=tuple(standing),
            owners=tuple(sorted({owner for node in standing for owner in node.owners})),
            ended=self._stand(ends) if ends else None,
            gaps=tuple(gaps),
            passes=bool(ends or gaps),
        )
        return found


def _longest(
    reached: Sequence[tuple[Sequence[int], int]],
    first: int,
    breath_end: int,
    in_one_breath: AbstractSet[int],
    every_end: AbstractSet[int],
) -> list[Match]:
    """Return the longest phrase of each owner that was reached from `first`; of the owners of `every_end` all."""
    best: dict[int, int] = {}
    for owners, last in reached:
        for owner in owners:
            if (last < breath_end or owner not in in_one_breath) and best.get(owner, -1) < last:
                best[owner] = last
    found = [_new(Match, (owner, first, best[owner])) for owner in (sorted(best) if len(best) > 1 else best)]
    if not every_end.isdisjoint(best):
        every = {(owner, last) for owners, last in reached for owner in owners if owner in every_end}
        found.extend(Match(owner, first, last) for owner, last in sorted(every) if last < best[owner])
    return found


def ends(tokens: Sequence[Token], limit: Break) -> list[int]:
    """Return, for each token, the index after the last one before the next break of at least `limit`."""
    found: list[int] = []
    for at, token in enumerate(tokens):
        if token.before >= limit:
            found += [at] * (at - len(found))
    return found + [len(tokens)] * (len(tokens) - len(found))
