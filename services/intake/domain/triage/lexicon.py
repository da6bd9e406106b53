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

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Node:
    edges: dict[int, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    others: dict[int, "_Node"] = field(default_factory=dict)
    """By the symbol that the next word must not be."""
    at_end: "_Node | None" = None
    gaps: dict[int, "_Node"] = field(default_factory=dict)
    owners: set[int] = field(default_factory=set)


class Lexicon:
    """All phrases of a protocol in one automaton. Built once, then only read."""

    def __init__(self, classes: Mapping[str, Sequence[str]], everyday: AbstractSet[str] = frozenset()) -> None:
        self._classes = classes
        self._everyday = everyday
        """Words that are known although no phrase names them."""
        self._misspelled = Misspelled(())
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
        cache: dict[str, tuple[int, ...]] = {}
        for token in tokens:
            if token.word not in cache:
                cache[token.word] = self._symbols_of(token.word)
        symbols = [cache[token.word] for token in tokens]
        plain = [token.word.isalpha() for token in tokens]
        search = _Search(symbols, plain, _ends(tokens, Break.HARD), _ends(tokens, Break.SOFT), self._in_one_breath)
        found: list[Match] = []
        for first in range(len(tokens)):
            best = search.longest_from(self._root, first)
            found.extend(Match(owner, first, last) for owner, last in sorted(best.items()))
        return found


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


class _Search:
    def __init__(
        self,
        symbols: Sequence[tuple[int, ...]],
        plain: Sequence[bool],
        sentence_ends: Sequence[int],
        breath_ends: Sequence[int],
        in_one_breath: AbstractSet[int],
    ) -> None:
        self._symbols = symbols
        self._plain = plain
        self._sentence_ends = sentence_ends
        self._breath_ends = breath_ends
        self._in_one_breath = in_one_breath

    def longest_from(self, root: _Node, first: int) -> dict[int, int]:
        """Return, by owner, the last token of its longest phrase that begins at `first`."""
        best: dict[int, int] = {}
        if not self._symbols[first] and not (root.others and self._plain[first]):
            return best
        end, breath_end = self._sentence_ends[first], self._breath_ends[first]
        open_nodes = [(root, first)]
        while open_nodes:
            node, at = open_nodes.pop()
            if node.at_end is not None and at == self._breath_ends[at - 1]:
                open_nodes.append((node.at_end, at))
            for owner in node.owners:
                if at <= breath_end or owner not in self._in_one_breath:
                    best[owner] = max(best.get(owner, 0), at - 1)
            for width, beyond in node.gaps.items():
                open_nodes.extend((beyond, at + skipped) for skipped in range(min(width, end - at) + 1))
            if at == end:
                continue
            if node.any is not None:
                open_nodes.append((node.any, at + 1))
            open_nodes.extend((node.edges[s], at + 1) for s in self._symbols[at] if s in node.edges)
            if self._plain[at]:
                open_nodes.extend((beyond, at + 1) for s, beyond in node.others.items() if s not in self._symbols[at])
        return best
