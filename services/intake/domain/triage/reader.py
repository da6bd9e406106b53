"""What one text says by the protocol's phrases: hazards, denials, signals, and the words that carry them.

A phrase counts wherever it stands unless a denial, a figure of speech or a rule that says what is meant covers all of
its words.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.intake.domain.triage.denials import Denials, Found, Span
from services.intake.domain.triage.lexicon import Match
from services.intake.domain.triage.protocol import Protocol, Role
from services.intake.domain.triage.text import Break, Token, tokenize

_QUOTES: Final = frozenset('"“”„«»')
_SHORTEST_SAID: Final = 2
_UNHIDDEN: Final = frozenset({"conflict", "known_person", "gathering", "public", "young", "private", "past_harm"})
"""Signals of what the call is about: a denial or a figure of speech around them changes nothing."""


class Words(NamedTuple):
    """A stretch of the text read."""

    quote: str
    start: int
    end: int


class Finding(NamedTuple):
    """One rule that the text speaks for."""

    rule: str
    words: Words


@dataclass(frozen=True, slots=True)
class Reading:
    findings: tuple[Finding, ...]
    denied: Mapping[str, Words]
    """Facts of the core four that the text denies, each with its first denial."""
    signals: frozenset[str]
    people: tuple[tuple[int, Words], ...]
    caller_ages: tuple[tuple[int, Words], ...]
    words: int
    """How many words there are, numbers apart, and how many different ones are known."""
    known_words: int
    unknown_words: int
    known_share: float
    unexplained: tuple[Words, ...]
    """Sentences that nothing ordinary, no denial and no figure of speech explains although they need it: somebody
    holds, carries, fetches, hides or announces something, or they are somebody's very words."""
    unexplained_harmless: tuple[Words, ...]
    """The other sentences that nothing explains: a reviewer is shown them, they decide nothing."""


def read(text: str, protocol: Protocol, *, is_call_type: bool = False) -> Reading:
    """Return what `text` says. Linear in its length."""
    reader = _Reader(text, protocol, is_call_type=is_call_type)
    return reader.reading()


class _Reader:
    """One text, its phrases and what hides them."""

    def __init__(self, text: str, protocol: Protocol, *, is_call_type: bool) -> None:
        self.text = text
        self.protocol = protocol
        self.tokens = tokenize(text)
        self.quote = _Quoter(text, self.tokens)
        self.found = Found(self.tokens, protocol)
        self.denials = Denials(text, self.tokens, self.found, protocol)
        rules = ((match, protocol.rules[self.found.owner(match).name]) for match in self.found.of(Role.RULE))
        raised = {self.found.owner(match).name for match in self.found.of(Role.SIGNAL)}
        speaking = [
            (match, rule)
            for match, rule in rules
            if (is_call_type or not rule.call_type_only) and rule.unless not in raised
        ]
        taken_back = [
            *self.denials.undoubted(Role.FIGURE),
            *self.found.spans(Role.UNKNOWN),
            *(denial.span for denial in self.denials.hiding),
        ]
        said_for_others = [Span(match.first, match.last) for match, rule in speaking if rule.hides]
        own, self.hidden = _Hidden(taken_back), _Hidden([*taken_back, *said_for_others])
        self.asserted = [
            (match, rule)
            for match, rule in speaking
            if not (own if rule.hides else self.hidden).covers(_last_word(match) if rule.yields else match)
        ]

    def reading(self) -> Reading:
        words = [token.word for token in self.tokens if not token.word.isdigit()]
        known = {word for word in words if self.protocol.lexicon.knows(word)}
        unexplained, harmless = self._unexplained()
        return Reading(
            findings=tuple(self._distinct()),
            denied=self._denied(),
            signals=frozenset(self._signals()),
            people=tuple(self._numbers(Role.PEOPLE)),
            caller_ages=tuple(self._numbers(Role.AGE)),
            words=len(words),
            known_words=len(known),
            unknown_words=len(words) - sum(1 for word in words if word in known),
            known_share=sum(1 for word in words if word in known) / len(words) if words else 0.0,
            unexplained=tuple(self.quote(*span) for span in unexplained),
            unexplained_harmless=tuple(self.quote(*span) for span in harmless),
        )

    def _distinct(self) -> Iterator[Finding]:
        """Yield each rule once for each different wording: the first time that it stands."""
        seen: set[tuple[str, str]] = set()
        for rule, span in self._findings():
            key = (rule, " ".join(token.word for token in self.tokens[span.first : span.last + 1]))
            if key not in seen:
                seen.add(key)
                yield Finding(rule, self.quote(*span))

    def _findings(self) -> Iterator[tuple[str, Span]]:
        yield from ((rule.id, Span(match.first, match.last)) for match, rule in self.asserted)
        yield from (("denial_with_exception", span) for span in self.denials.excepted)
        yield from (("denied_by_accused", denial.span) for denial in self.denials.by_accused)

    def _denied(self) -> Mapping[str, Words]:
        denied: dict[str, Words] = {}
        for denial in self.denials.good:
            for fact in sorted(denial.facts - denied.keys()):
                denied[fact] = self.quote(*denial.span)
        return denied

    def _signals(self) -> Iterator[str]:
        for match in self.found.of(Role.SIGNAL):
            name = self.found.owner(match).name
            if name in _UNHIDDEN or not self.hidden.covers(match):
                yield name

    def _numbers(self, role: Role) -> Iterator[tuple[int, Words]]:
        for match in self.found.of(role):
            digits = next(t.word for t in self.tokens[match.first : match.last + 1] if t.word.isdigit())
            yield int(digits[:9]), self.quote(match.first, match.last)

    def _unexplained(self) -> tuple[list[Span], list[Span]]:
        """Return the sentences with fewer words that explain them than their length calls for.

        First those that need an explanation: what is held, fetched or announced, what is quoted, and all of them when
        they are no less than half of what is told; then the others.
        """
        limits = self.protocol.limits
        explaining = {match.first for match in self.found.of(Role.ORDINARY)}
        explaining |= {span.first for span in self.denials.undoubted(Role.FIGURE) if span.last > span.first}
        denied = _Hidden(denial.span for denial in self.denials.hiding)
        speaking = {match.first for match, _ in self.asserted}  # a reviewer is shown these words anyway
        telling = {match.first for match in self.found.of(Role.MUST_EXPLAIN) if not self.hidden.covers(match)}

        def told(span: Span) -> list[int]:
            return [at for at in range(span.first, span.last + 1) if not denied.covers_word(at)]

        def unexplained(span: Span, words: list[int], words_each: int) -> bool:
            explained = sum(1 for at in words if at in explaining) + (len(words) <= span.last - span.first)
            return explained * words_each < len(words) and speaking.isdisjoint(words)

        grave: list[Span] = []
        harmless: list[Span] = []
        balance = 0
        for span in self._sentences():
            words = told(span)
            if len(words) < limits.shortest_to_explain:
                continue
            is_grave = not telling.isdisjoint(words)
            words_each = limits.words_per_explained_deed if is_grave else limits.words_per_explanation
            strange = unexplained(span, words, words_each)
            if strange:
                (grave if is_grave else harmless).append(span)
            balance += -len(words) if strange else len(words)
        if balance <= 0:
            grave, harmless = sorted([*grave, *harmless]), []
        for span in self._said():
            words = told(span)
            if len(words) >= _SHORTEST_SAID and unexplained(span, words, limits.words_per_explanation):
                grave.append(span)
        return grave, harmless

    def _said(self) -> Iterator[Span]:
        """Yield what is quoted, the words of somebody: they need an explanation of their own."""
        if _QUOTES.isdisjoint(self.text):
            return
        marks = [at for at, character in enumerate(self.text) if character in _QUOTES]
        starts = [token.start for token in self.tokens]
        for opened, closed in zip(marks[::2], marks[1::2], strict=False):
            first, beyond = bisect_right(starts, opened), bisect_left(starts, closed)
            if first < beyond:
                yield Span(first, beyond - 1)

    def _sentences(self) -> Iterator[Span]:
        first = 0
        for at in range(1, len(self.tokens) + 1):
            if at == len(self.tokens) or self.tokens[at].before is Break.HARD:
                yield Span(first, at - 1)
                first = at


class _Quoter:
    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens

    def __call__(self, first: int, last: int) -> Words:
        start, end = self._tokens[first].start, self._tokens[last].end
        return Words(self._text[start:end], start, end)


class _Hidden:
    """Stretches of words that no hazard is read from when they cover it whole."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._furthest: dict[int, int] = {}
        for span in spans:
            for at in range(span.first, span.last + 1):
                self._furthest[at] = max(span.last, self._furthest.get(at, -1))

    def covers(self, match: Match) -> bool:
        return self._furthest.get(match.first, -1) >= match.last

    def covers_word(self, at: int) -> bool:
        return at in self._furthest


def _last_word(match: Match) -> Match:
    return match._replace(first=match.last)
