"""Phrase lists, compiled: which listed phrases occur in a text, and where.

A phrase is words apart by blanks, in the plain notation of the protocol files:

    knife           this word                     shov*        a word that begins so
    gun|pistol*     any of these                  $body        any word of the class `body`
    [a|the]         any of these, or nothing      _            any one word
    ..3             up to three words of any kind #            a number written in digits
    !pay|$kind      any word but these            ?            a word that no phrase names
    .               here a comma, a bracket or the sentence ends (also `.|to|for`: that, or one of these)

One entry of a file may hold several phrases, apart by " / ".

Phrases do not cross the end of a sentence; those of an owner added `in_one_breath` cross no comma, slash or bracket
either. Matching is linear in the length of the text: for each word the work is bounded by the phrases alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

from services.intake.domain.triage.misspelled import Misspelled
from services.intake.domain.triage.text import Break, Token, spellings

_LONGEST_PHRASE: Final = 12
_WIDEST_GAP: Final = 6
_NUMBER: Final = "#"
_ANY: Final = "_"
_UNKNOWN: Final = "?"
_OTHER: Final = "!"
_END: Final = "."
_MOST_REMEMBERED: Final = 50_000
_MOST_STEPS: Final = 400_000
_KIND_BITS: Final = 24
_SHORTEST_UNKNOWN: Final = 3
"""Shorter ones are initials and slips."""


class PhraseInvalid(ValueError):
    """A phrase breaks the notation."""


class Match(NamedTuple):
    """One phrase found: tokens `first` to `last` (inclusive) of the text."""

    owner: int
    """The number under which the phrase was added."""
    first: int
    last: int


@dataclass(slots=True, eq=False)
class _Node:
    number: int = field(default_factory=count().__next__)
    edges: dict[int, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    others: dict[int, "_Node"] = field(default_factory=dict)
    """By the symbol that the next word must not be."""
    at_end: "_Node | None" = None
    gaps: dict[int, "_Node"] = field(default_factory=dict)
    owners: set[int] = field(default_factory=set)

    @property
    def goes_on(self) -> bool:
        return bool(self.edges or self.others) or self.any is not None


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """What a word is to the phrases."""

    number: int
    symbols: frozenset[int]
    plain: bool
    """Letters only."""


class Lexicon:
    """All phrases of a protocol in one automaton. Built once, then only read."""

    def __init__(self, classes: Mapping[str, Sequence[str]], everyday: AbstractSet[str] = frozenset()) -> None:
        self._classes = classes
        self._everyday = everyday
        """Words that are known although no phrase names them."""
        self._misspelled = Misspelled(())
        self._kinds: dict[tuple[frozenset[int], bool], _Kind] = {}
        self._remembered: dict[str, _Kind] = {}
        self._steps = _Steps()
        self._root = _Node()
        self._symbols: dict[frozenset[str], int] = {}
        self._literals: dict[str, list[int]] = {}
        self._prefixes: dict[str, list[int]] = {}
        self._longest_prefix = 0
        self._in_one_breath: set[int] = set()

    def add(self, phrase: str, owner: int, *, in_one_breath: bool = False) -> None:
        """Add `phrase` under `owner`. Raises `PhraseInvalid`."""
        parts = phrase.split()
        if not parts or len(parts) > _LONGEST_PHRASE:
            raise PhraseInvalid(f"{phrase!r} must have 1 to {_LONGEST_PHRASE} parts")
        if parts[0] in (_ANY, _END) or parts[0].startswith("..") or parts[-1].startswith("..") or parts[-1] == _OTHER:
            raise PhraseInvalid(f"{phrase!r} must begin and end with words")
        ends = [self._root]
        for part in parts:
            ends = self._extended(ends, part, phrase)
        if self._root in ends:
            raise PhraseInvalid(f"{phrase!r} may match nothing at all")
        for node in ends:
            node.owners.add(owner)
        if in_one_breath:
            self._in_one_breath.add(owner)

    def _extended(self, ends: list[_Node], part: str, phrase: str) -> list[_Node]:
        if part.startswith(".."):
            width = part[2:]
            if not width.isdigit() or not 1 <= int(width) <= _WIDEST_GAP:
                raise PhraseInvalid(f"{phrase!r}: a gap is ..1 to ..{_WIDEST_GAP}")
            return [node.gaps.setdefault(int(width), _Node()) for node in ends]
        if part == _ANY:
            return [_any_of(node) for node in ends]
        if part == _END:
            return [_end_of(node) for node in ends]
        if part.startswith(f"{_END}|"):
            return [*map(_end_of, ends), *self._extended(ends, part[2:], phrase)]
        if part.startswith(_OTHER):
            symbol = self._symbol(part.removeprefix(_OTHER), phrase)
            return [node.others.setdefault(symbol, _Node()) for node in ends]
        optional = part.startswith("[")
        if optional and not part.endswith("]"):
            raise PhraseInvalid(f"{phrase!r}: a bracket is not closed")
        symbol = self._symbol(part.strip("[]"), phrase)
        extended = [node.edges.setdefault(symbol, _Node()) for node in ends]
        return extended + ends if optional else extended

    def _symbol(self, part: str, phrase: str) -> int:
        words: set[str] = set()
        for word in part.split("|"):
            words.update(self._words_of(word, phrase))
        key = frozenset(words)
        if (known := self._symbols.get(key)) is not None:
            return known
        symbol = self._symbols[key] = len(self._symbols)
        for word in key:
            if word.endswith("*"):
                self._prefixes.setdefault(word[:-1], []).append(symbol)
                self._longest_prefix = max(self._longest_prefix, len(word) - 1)
            else:
                self._literals.setdefault(word, []).append(symbol)
        return symbol

    def _words_of(self, word: str, phrase: str) -> Iterable[str]:
        if word.startswith("$"):
            if word[1:] not in self._classes:
                raise PhraseInvalid(f"{phrase!r}: there is no class {word[1:]!r}")
            return [w for listed in self._classes[word[1:]] for w in self._words_of(listed, phrase)]
        stem = word.removesuffix("*")
        if word not in (_NUMBER, _UNKNOWN) and not (stem.isascii() and stem.isalnum() and stem == stem.lower()):
            raise PhraseInvalid(f"{phrase!r}: {word!r} must be lower-case letters and digits without accents")
        return [word]

    def learn_misspellings(self) -> None:
        """Let an unknown word stand for a listed one that it is a letter away from. Call it when all is added."""
        self._misspelled = Misspelled(self._literals)

    def knows(self, word: str) -> bool:
        """True when some phrase names `word`, or it is an everyday word."""
        return word in self._everyday or bool(self._named(word))

    def _symbols_of(self, word: str) -> tuple[int, ...]:
        named = self._named(word)
        if named or not word.isalpha() or len(word) < _SHORTEST_UNKNOWN:
            return named
        unknown = tuple(self._literals.get(_UNKNOWN, ()))
        if word in self._everyday:
            return unknown
        meant = (symbol for listed in self._misspelled.meant_by(word) for symbol in self._literals[listed])
        return tuple(dict.fromkeys((*unknown, *meant)))

    def _named(self, word: str) -> tuple[int, ...]:
        found: list[int] = []
        for spelling in spellings(word):
            found.extend(self._literals.get(spelling, ()))
            for length in range(1, min(len(spelling), self._longest_prefix) + 1):
                found.extend(self._prefixes.get(spelling[:length], ()))
        if word.isdigit():
            found.extend(self._literals.get(_NUMBER, ()))
        return tuple(dict.fromkeys(found))

    def matches(self, tokens: Sequence[Token]) -> list[Match]:
        """Return every phrase found, by first word; of the same phrase from the same word only the longest."""
        kinds = [self._kind_of(token.word) for token in tokens]
        ends = (_ends(tokens, Break.HARD), _ends(tokens, Break.SOFT))
        search = _Search(kinds, *ends, self._in_one_breath, self._steps)
        found: list[Match] = []
        for first, kind in enumerate(kinds):
            if begun := self._steps.after(self._root, kind):
                best = search.longest_from(begun, first)
                found.extend(Match(owner, first, last) for owner, last in sorted(best.items()))
        return found

    def _kind_of(self, word: str) -> _Kind:
        """Return what `word` is to the phrases; remembered, for the same words come again and again."""
        if (known := self._remembered.get(word)) is not None:
            return known
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        key = (frozenset(self._symbols_of(word)), word.isalpha())
        if (kind := self._kinds.get(key)) is None:
            kind = self._kinds[key] = _Kind(len(self._kinds), *key)
        self._remembered[word] = kind
        return kind


def _any_of(node: _Node) -> _Node:
    if node.any is None:
        node.any = _Node()
    return node.any


def _end_of(node: _Node) -> _Node:
    if node.at_end is None:
        node.at_end = _Node()
    return node.at_end


def _ends(tokens: Sequence[Token], limit: Break) -> list[int]:
    """Return, for each token, the index after the last one before the next break of at least `limit`."""
    ends = [len(tokens)] * len(tokens)
    for at in range(len(tokens) - 2, -1, -1):
        ends[at] = at + 1 if tokens[at + 1].before >= limit else ends[at + 1]
    return ends


class _Steps:
    """Which nodes a kind of word leads to, remembered: the same words follow one another again and again."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[_Node, ...]] = {}

    def after(self, node: _Node, kind: _Kind) -> tuple[_Node, ...]:
        """Return the nodes that a word of `kind` leads to from `node`."""
        key = node.number << _KIND_BITS | kind.number
        if (known := self._known.get(key)) is not None:
            return known
        if len(self._known) >= _MOST_STEPS:
            self._known.clear()
        reached = [beyond for symbol, beyond in node.edges.items() if symbol in kind.symbols]
        if node.any is not None:
            reached.append(node.any)
        if kind.plain:
            reached.extend(beyond for symbol, beyond in node.others.items() if symbol not in kind.symbols)
        found = self._known[key] = tuple(reached)
        return found


class _Search:
    def __init__(
        self,
        kinds: Sequence[_Kind],
        sentence_ends: Sequence[int],
        breath_ends: Sequence[int],
        in_one_breath: AbstractSet[int],
        steps: _Steps,
    ) -> None:
        self._kinds = kinds
        self._sentence_ends = sentence_ends
        self._breath_ends = breath_ends
        self._in_one_breath = in_one_breath
        self._steps = steps

    def longest_from(self, begun: Iterable[_Node], first: int) -> dict[int, int]:
        """Return, by owner, the last token of its longest phrase that begins at `first`, whose word leads to `begun`."""
        best: dict[int, int] = {}
        end, breath_end = self._sentence_ends[first], self._breath_ends[first]
        open_nodes = [(node, first + 1) for node in begun]
        while open_nodes:
            node, at = open_nodes.pop()
            for owner in node.owners:
                if at <= breath_end or owner not in self._in_one_breath:
                    best[owner] = max(best.get(owner, 0), at - 1)
            if node.at_end is not None and at == self._breath_ends[at - 1]:
                open_nodes.append((node.at_end, at))
            if node.gaps:
                open_nodes.extend(self._past_gaps(node, at, end))
            if at < end and node.goes_on:
                open_nodes.extend([(after, at + 1) for after in self._steps.after(node, self._kinds[at])])
        return best

    def _past_gaps(self, node: _Node, at: int, end: int) -> Iterator[tuple[_Node, int]]:
        """Yield what the gaps of `node` at `at` lead to: past the first word after them where that is all there is."""
        for width, beyond in node.gaps.items():
            if beyond.gaps or beyond.at_end is not None:
                yield from ((beyond, ahead) for ahead in range(at, min(at + width, end) + 1))
            else:
                for ahead in range(at, min(at + width + 1, end)):
                    for after in self._steps.after(beyond, self._kinds[ahead]):
                        yield after, ahead + 1
