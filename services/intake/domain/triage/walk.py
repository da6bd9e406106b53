"""Walks a text through the phrases of a lexicon.

The phrases are a graph; a walk stands at several nodes at once. Which sets of nodes a walk can stand at, and where a
word leads from each, is worked out when it is first needed and then remembered, so that a word costs little more than
one look-up.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.intake.domain.triage.graph import Graph
from services.intake.domain.triage.text import Break, Token

WIDEST_GAP: Final = 6
_NOWHERE: Final = 0
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


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What a word is to the phrases."""

    number: int
    symbols: frozenset[int]
    plain: bool
    """Letters only."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far phrases reach, by the numbers under which they were added."""

    in_one_breath: set[int] = field(default_factory=set)
    """They cross no comma, slash, bracket or quotation mark."""
    over_quotes: set[int] = field(default_factory=set)
    """Of these, they cross a quotation mark."""
    held_together: set[int] = field(default_factory=set)
    """They do not end with the first word of what else is told after a comma: "touched, kids polite" touches nobody,
    "in the bath, alone since noon" goes on."""
    continuing_words: set[str] = field(default_factory=set)
    continuing_endings: set[str] = field(default_factory=set)
    """Words that go on with what was told before a comma, and what they end with: how somebody is, or does it."""
    every_end: set[int] = field(default_factory=set)
    """Of these, the shorter ones are found too."""


class Walks:
    """Every walk through one graph.

    A stand, the set of places that a walk stands at, is a number; 0 is nowhere. What is known of stands is kept in lists
    by that number, for the reason that the graph gives.
    """

    def __init__(self, graph: Graph, bounds: Bounds) -> None:
        self._graph = graph
        self._bounds = bounds
        self._start = 0
        self.furthest = 0
        """How many words a phrase may hold at most. Who builds the graph says it."""
        self._forget()

    def _forget(self) -> None:
        """Know only of nowhere."""
        self.remembered = 0
        self._by_places: dict[tuple[int, ...], int] = {(): _NOWHERE}
        self._places: list[tuple[int, ...]] = [()]
        self._owners: list[tuple[int, ...]] = [()]
        """Whose phrases end there."""
        self._ended = [_NOWHERE]
        """Where the walk stands too when the breath ends there."""
        self._gaps: list[tuple[tuple[int, int], ...]] = [()]
        """Where it stands too after each gap: width and stand."""
        self._passes = [False]
        """Something leads on from there without a word."""
        self._after: list[dict[int, int]] = [{}]
        """Where each kind of word leads, by its number; what has not come up yet is missing."""
        self._astray: dict[int, set[int]] = {}
        """By stand after a gap, the kinds of word that lead nowhere."""

    def matches(self, kinds: Sequence[Kind], tokens: Sequence[Token]) -> list[Match]:
        """Return each phrase found within its bounds, of the same owner from the same word the longest."""
        if not self._start or self.remembered > _MOST_REMEMBERED:
            self._forget()
            self._start = self._stand({self._graph.root})
        found: list[Match] = []
        numbers = [kind.number for kind in kinds]
        windows = self._windows(numbers, tokens)
        walked: dict[bytes, list[tuple[int, int]]] = {}
        reach = _Reach(self._bounds, tokens)
        sentence_ends, breath_ends = ends(tokens, Break.HARD), ends(tokens, Break.QUOTE)
        first_steps = self._after[self._start]
        for first, number in enumerate(numbers):
            begun = first_steps.get(number)
            if begun is None:
                begun = self._learnt(self._start, kinds[first])
            if begun == _NOWHERE:
                continue
            again = walked.get(windows(first)) if windows is not None else None
            if again is not None:
                found.extend([_new(Match, (owner, first, first + length)) for owner, length in again])
                continue
            reached = self._reached(begun, first, kinds, numbers, sentence_ends[first], breath_ends)
            here = reach.longest(reached, first, breath_ends[first]) if reached else []
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
        begun: int,
        first: int,
        kinds: Sequence[Kind],
        numbers: Sequence[int],
        end: int,
        breath_ends: Sequence[int],
    ) -> list[tuple[tuple[int, ...], int]]:
        """Return the owners of each phrase that ends on the walk, and its last word.

        The innermost loop of triage, once for each word of a text: it is written for speed.
        """
        owners, passes, after = self._owners, self._passes, self._after
        reached: list[tuple[tuple[int, ...], int]] = []
        open_walks = [(begun, first + 1)]
        while open_walks:
            stand, at = open_walks.pop()
            while stand:
                if owners[stand]:
                    reached.append((owners[stand], at - 1))
                if passes[stand]:
                    self._pass(stand, at, kinds, numbers, end, breath_ends, open_walks)
                if at >= end:
                    break
                beyond = after[stand].get(numbers[at])
                stand = self._learnt(stand, kinds[at]) if beyond is None else beyond
                at += 1
        return reached

    def _pass(
        self,
        stand: int,
        at: int,
        kinds: Sequence[Kind],
        numbers: Sequence[int],
        end: int,
        breath_ends: Sequence[int],
        open_walks: list[tuple[int, int]],
    ) -> None:
        """Add the walks that go on from `stand` at the end of a breath, or beyond a gap."""
        if self._ended[stand] and at == breath_ends[at - 1]:
            open_walks.append((self._ended[stand], at))
        ahead = numbers[at : min(at + WIDEST_GAP + 1, end)]
        passing, astray = self._passes, self._astray
        for width, beyond in self._gaps[stand]:
            passes = passing[beyond]
            if not passes and astray[beyond].issuperset(ahead[: width + 1]):
                continue
            steps = self._after[beyond]
            for place in range(at, min(at + width, end) + 1):
                if place < end:
                    landed = steps.get(numbers[place])
                    if landed is None:
                        landed = self._learnt(beyond, kinds[place])
                    if landed:
                        open_walks.append((landed, place + 1))
                if passes:
                    open_walks.append((beyond, place))

    def _learnt(self, stand: int, kind: Kind) -> int:
        """Return where `kind` leads from `stand`, and remember it. Each new word of a text comes here: written for speed."""
        reached: list[int] = []
        graph, symbols, few = self._graph, kind.symbols, len(kind.symbols)
        for place in self._places[stand]:
            edges = graph.edges.get(place)
            if edges is None:
                pass
            elif len(edges) <= few:
                reached.extend([beyond for symbol, beyond in edges.items() if symbol in symbols])
            else:  # where phrases begin there are thousands of edges
                reached.extend([edges[symbol] for symbol in symbols if symbol in edges])
            if place in graph.any:
                reached.append(graph.any[place])
            if kind.plain and place in graph.others:
                reached.extend([beyond for symbol, beyond in graph.others[place].items() if symbol not in symbols])
        found = self._after[stand][kind.number] = self._stand(reached) if reached else _NOWHERE
        if not found and stand in self._astray:
            self._astray[stand].add(kind.number)
        self.remembered += 1
        return found

    def _stand(self, reached: Iterable[int]) -> int:
        """Return the stand at these places."""
        places = tuple(sorted(set(reached)))
        if (known := self._by_places.get(places)) is not None:
            return known
        graph = self._graph
        ended = self._stand(graph.at_end[place] for place in places if place in graph.at_end)
        gapped = [graph.gaps[place] for place in places if place in graph.gaps]
        widths = sorted({width for gaps in gapped for width in gaps})
        gaps = [(width, self._after_gap(gaps[width] for gaps in gapped if width in gaps)) for width in widths]
        found = self._by_places[places] = len(self._places)
        self._places.append(places)
        self._owners.append(tuple(sorted({owner for place in places for owner in graph.owners.get(place, ())})))
        self._ended.append(ended)
        self._gaps.append(tuple(gaps))
        self._passes.append(bool(ended or gaps))
        self._after.append({})
        return found

    def _after_gap(self, reached: Iterable[int]) -> int:
        stand = self._stand(reached)
        if stand not in self._astray:
            self._astray[stand] = {number for number, beyond in self._after[stand].items() if not beyond}
        return stand


class _Reach:
    """What of the phrases that walks reach in one text is within its bounds."""

    def __init__(self, bounds: Bounds, tokens: Sequence[Token]) -> None:
        self._bounds = bounds
        self._tokens = tokens

    def longest(self, reached: Sequence[tuple[Sequence[int], int]], first: int, breath_end: int) -> list[Match]:
        """Return the longest phrase of each owner that was reached from `first`; of the owners of `every_end` all."""
        every_end = self._bounds.every_end
        best: dict[int, int] = {}
        for owners, last in reached:
            for owner in owners:
                if best.get(owner, -1) < last and (last < breath_end or self._goes_beyond(owner, first, last)):
                    best[owner] = last
        found = [_new(Match, (owner, first, best[owner])) for owner in (sorted(best) if len(best) > 1 else best)]
        if not every_end.isdisjoint(best):
            every = {(owner, last) for owners, last in reached for owner in owners if owner in every_end}
            found.extend(Match(owner, first, last) for owner, last in sorted(every) if last < best.get(owner, -1))
        return found

    def _goes_beyond(self, owner: int, first: int, last: int) -> bool:
        """True when a phrase of `owner` from `first` may end with `last`, in another breath than it began."""
        bounds, tokens = self._bounds, self._tokens
        if owner in bounds.in_one_breath:
            within = (tokens[at].before <= Break.QUOTE for at in range(first + 1, last + 1))
            return owner in bounds.over_quotes and all(within)
        if owner not in bounds.held_together or tokens[last].before is not Break.COMMA:
            return True
        alone = last + 1 == len(tokens) or tokens[last + 1].before >= Break.QUOTE
        word = tokens[last].word
        return alone or word in bounds.continuing_words or word.endswith(tuple(bounds.continuing_endings))


def ends(tokens: Sequence[Token], limit: Break) -> list[int]:
    """Return, for each token, the index after the last one before the next break of at least `limit`."""
    found: list[int] = []
    for at, token in enumerate(tokens):
        if token.before >= limit:
            found += [at] * (at - len(found))
    return found + [len(tokens)] * (len(tokens) - len(found))
