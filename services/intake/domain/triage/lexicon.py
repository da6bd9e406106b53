"""Phrase lists, compiled: which listed phrases occur in a text, and where.

A phrase is words apart by blanks, in the plain notation of the protocol files:

    knife           this word                     shov*        a word that begins so
    gun|pistol*     any of these                  $body        any word of the class `body`
    [a|the]         any of these, or nothing      _            any one word
    ..3             up to three words of any kind #            a number written in digits
    !pay|$kind      any word but these            ?            a word that no phrase names
    .               here a comma, a bracket or the sentence ends (also `.|to|for`: that, or one of these)

One entry of a file may hold several phrases, apart by " / ".

Phrases do not cross the end of a sentence; `Bounds` says what else those of an owner do not cross. Matching is linear
in the length of the text: for each word the work is bounded by the phrases alone.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from services.intake.domain.triage.graph import Graph
from services.intake.domain.triage.misspelled import Misspelled, inflected
from services.intake.domain.triage.text import Token, spellings
from services.intake.domain.triage.walk import WIDEST_GAP, Bounds, Kind, Match, Walks

_LONGEST_PHRASE: Final = 12
_NUMBER: Final = "#"
_ANY: Final = "_"
_UNKNOWN: Final = "?"
_OTHER: Final = "!"
_END: Final = "."
_KNOWN_ALONE: Final = -1
"""The symbol of every word that is known and nothing more."""
_MOST_REMEMBERED: Final = 50_000
_SHORTEST_UNKNOWN: Final = 3
"""Shorter ones are initials and slips."""
_SHORTEST_BEGINNING: Final = 4
"""Shorter ones are the beginnings of words of any language."""


class PhraseInvalid(ValueError):
    """A phrase breaks the notation."""


class Lexicon:
    """All phrases of a protocol in one automaton. Built once, then only read."""

    def __init__(self, classes: Mapping[str, Sequence[str]], everyday: AbstractSet[str] = frozenset()) -> None:
        self._classes = classes
        self._everyday = everyday
        """Words that are known although no phrase names them."""
        self._misspelled = Misspelled(())
        self._kinds: dict[tuple[frozenset[int], bool], Kind] = {}
        self._remembered: dict[str, Kind] = {}
        self._known: dict[str, bool] = {}
        self._graph = Graph()
        self._bounds = Bounds()
        self._walks = Walks(self._graph, self._bounds)
        self._symbols: dict[frozenset[str], int] = {}
        self._by_part: dict[str, int] = {}
        self._listed: dict[str, tuple[str, ...]] = {}
        self._literals: dict[str, list[int]] = {}
        self._prefixes: dict[str, list[int]] = {}
        self._longest_prefix = 0

    def add(
        self,
        phrase: str,
        owner: int,
        *,
        in_one_breath: bool = False,
        over_quotes: bool = False,
        every_end: bool = False,
        held_together: bool = False,
    ) -> None:
        """Add `phrase` under `owner`, within these bounds (`Bounds`). Raises `PhraseInvalid`."""
        parts = phrase.split()
        if not parts or len(parts) > _LONGEST_PHRASE:
            raise PhraseInvalid(f"{phrase!r} must have 1 to {_LONGEST_PHRASE} parts")
        if parts[0] in (_ANY, _END) or parts[0].startswith("..") or parts[-1].startswith("..") or parts[-1] == _OTHER:
            raise PhraseInvalid(f"{phrase!r} must begin and end with words")
        ends = [self._graph.root]
        for part in parts:
            ends = self._extended(ends, part, phrase)
        if self._graph.root in ends:
            raise PhraseInvalid(f"{phrase!r} may match nothing at all")
        for place in ends:
            self._graph.own(place, owner)
        self._walks.furthest = max(self._walks.furthest, sum(map(_width, parts)))
        for wanted, owners in (
            (in_one_breath, self._bounds.in_one_breath),
            (over_quotes, self._bounds.over_quotes),
            (every_end, self._bounds.every_end),
            (held_together, self._bounds.held_together),
        ):
            if wanted:
                owners.add(owner)

    def go_on_behind_commas(self, words: Sequence[str], endings: Sequence[str]) -> None:
        """Let these words, and words that end so, belong to a phrase held together whatever else follows them."""
        self._bounds.continuing_words.update(words)
        self._bounds.continuing_endings.update(endings)

    def add_known(self, phrase: str) -> None:
        """Know the words of `phrase`, whose place in a text means nothing. Raises `PhraseInvalid`."""
        for part in phrase.split():
            for word in (listed for each in part.split("|") for listed in self._words_of(each, phrase)):
                self._list(word, _KNOWN_ALONE)

    def _extended(self, ends: list[int], part: str, phrase: str) -> list[int]:
        if part.startswith(".."):
            width = part[2:]
            if not width.isdigit() or not 1 <= int(width) <= WIDEST_GAP:
                raise PhraseInvalid(f"{phrase!r}: a gap is ..1 to ..{WIDEST_GAP}")
            return [self._graph.gap(place, int(width)) for place in ends]
        if part == _ANY:
            return [self._graph.any_word(place) for place in ends]
        if part == _END:
            return [self._graph.end(place) for place in ends]
        if part.startswith(f"{_END}|"):
            return [*map(self._graph.end, ends), *self._extended(ends, part[2:], phrase)]
        if part.startswith(_OTHER):
            symbol = self._symbol(part.removeprefix(_OTHER), phrase)
            return [self._graph.other(place, symbol) for place in ends]
        optional = part.startswith("[")
        if optional and not part.endswith("]"):
            raise PhraseInvalid(f"{phrase!r}: a bracket is not closed")
        symbol = self._symbol(part.strip("[]"), phrase)
        extended = [self._graph.edge(place, symbol) for place in ends]
        return extended + ends if optional else extended

    def _symbol(self, part: str, phrase: str) -> int:
        """Return the symbol of the words that `part` stands for; most parts come many times."""
        symbol = self._by_part.get(part)
        if symbol is None:
            symbol = self._by_part[part] = self._new_symbol(part, phrase)
        return symbol

    def _new_symbol(self, part: str, phrase: str) -> int:
        words: set[str] = set()
        for word in part.split("|"):
            words.update(self._words_of(word, phrase))
        key = frozenset(words)
        if (known := self._symbols.get(key)) is not None:
            return known
        symbol = self._symbols[key] = len(self._symbols)
        for word in key:
            self._list(word, symbol)
        return symbol

    def _list(self, word: str, symbol: int) -> None:
        if word.endswith("*"):
            self._prefixes.setdefault(word[:-1], []).append(symbol)
            self._longest_prefix = max(self._longest_prefix, len(word) - 1)
        else:
            self._literals.setdefault(word, []).append(symbol)

    def _words_of(self, word: str, phrase: str) -> tuple[str, ...]:
        """Return the word, or the words of a class; most come many times."""
        if (words := self._listed.get(word)) is None:
            words = self._listed[word] = self._new_words_of(word, phrase)
        return words

    def _new_words_of(self, word: str, phrase: str) -> tuple[str, ...]:
        if word.startswith("$"):
            if word[1:] not in self._classes:
                raise PhraseInvalid(f"{phrase!r}: there is no class {word[1:]!r}")
            return tuple(w for listed in self._classes[word[1:]] for w in self._words_of(listed, phrase))
        stem = word.removesuffix("*")
        if word not in (_NUMBER, _UNKNOWN) and not (stem.isascii() and stem.isalnum() and stem == stem.lower()):
            raise PhraseInvalid(f"{phrase!r}: {word!r} must be lower-case letters and digits without accents")
        return (word,)

    def learn_misspellings(self) -> None:
        """Let an unknown word stand for a listed one that it is a letter away from. Call it when all is added."""
        self._misspelled = Misspelled(self._literals)

    def knows(self, word: str) -> bool:
        """True when some phrase names `word` as it is spelled, or it is an everyday word.

        A beginning that words of any language share names none: "kn*" would know "kniv".
        """
        if (known := self._known.get(word)) is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            known = word in self._everyday or word in self._literals or self._begins_as_listed(word)
            self._known[word] = known
        return known

    def _begins_as_listed(self, word: str) -> bool:
        longest = min(len(word), self._longest_prefix)
        return any(word[:length] in self._prefixes for length in range(_SHORTEST_BEGINNING, longest + 1))

    def _symbols_of(self, word: str) -> tuple[int, ...]:
        named = self._named(word)
        if word in self._literals or not word.isalpha() or len(word) < _SHORTEST_UNKNOWN:
            return named
        # a word that only begins as a listed one may be another one misspelled: "stabed"
        named = named or tuple(self._literals.get(_UNKNOWN, ()))
        if word in self._everyday:
            return named
        bases = [base for base in inflected(word) if base in self._everyday]
        meant = (
            symbol
            for listed in self._misspelled.meant_by(word)
            if not bases or listed.startswith(tuple(bases))  # "stoves" are no "shoves", "hiting" is "hitting"
            for symbol in self._literals[listed]
        )
        return tuple(dict.fromkeys((*named, *meant)))

    def _named(self, word: str) -> tuple[int, ...]:
        found: list[int] = []
        for spelling in spellings(word):
            found.extend(self._literals.get(spelling, ()))
            for length in range(1, min(len(spelling), self._longest_prefix) + 1):
                found.extend(self._prefixes.get(spelling[:length], ()))
        if word.isdigit():
            found.extend(self._literals.get(_NUMBER, ()))
        return tuple(dict.fromkeys(found))

    @property
    def steps_remembered(self) -> int:
        return self._walks.remembered

    def matches(self, tokens: Sequence[Token]) -> list[Match]:
        """Return every phrase found, by first word; of the same owner from the same word only the longest.

        Of an owner added with `every_end` all are returned: "dog lunging, no bites" lunges whatever it does not bite.
        """
        remembered = self._remembered
        kinds = [remembered.get(token.word) or self._kind_of(token.word) for token in tokens]
        return self._walks.matches(kinds, tokens)

    def _kind_of(self, word: str) -> Kind:
        """Return what `word` is to the phrases, and remember it, for the same words come again and again."""
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        key = (frozenset(self._symbols_of(word)), word.isalpha())
        if (kind := self._kinds.get(key)) is None:
            kind = self._kinds[key] = Kind(len(self._kinds), *key)
        self._remembered[word] = kind
        return kind


def _width(part: str) -> int:
    """Return how many words a part of a phrase stands for at most."""
    if part.startswith(".."):
        return int(part[2:])
    return 0 if part == _END else 1
