"""What one text says by the protocol's phrases: hazards, denials, signals, and the words that carry them.

A denial hides only the words that it covers; every other hazard stands. Whatever governs a denial ("cannot say",
"except", "S1 says", "yet") makes it worth nothing, never more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.intake.domain.triage.lexicon import Match
from services.intake.domain.triage.protocol import Owner, Protocol, Role
from services.intake.domain.triage.text import Break, Token, fold, tokenize

_SHORTEST_COMMA_LIST: Final = 3
_REACH_OF_DOUBT: Final = 4
_REACH_OF_SPEECH: Final = 12
_UNHIDDEN: Final = frozenset({"conflict", "known_person", "gathering", "public", "past_harm"})
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
    known_share: float


class _Span(NamedTuple):
    first: int
    last: int

    def covers(self, match: Match) -> bool:
        return self.first <= match.first and match.last <= self.last


class _Denial(NamedTuple):
    span: _Span
    facts: frozenset[str]


def read(text: str, protocol: Protocol, *, is_call_type: bool = False) -> Reading:
    """Return what `text` says. Linear in its length."""
    tokens = tokenize(text)
    found = _Found(tokens, protocol)
    denials = _Denials(tokens, found, protocol.joins)
    plain = [*denials.undoubted(Role.FIGURE), *found.spans(Role.UNKNOWN), *(d.span for d in denials.hiding)]
    speaking = [
        (match, protocol.rules[found.owner(match).name])
        for match in found.of(Role.RULE)
        if is_call_type or not protocol.rules[found.owner(match).name].call_type_only
    ]
    said_for_them = [_Span(match.first, match.last) for match, rule in speaking if rule.hides]
    hidden_from_hiding, hidden = _Hidden(plain), _Hidden([*plain, *said_for_them])
    quote = _Quoter(text, tokens)

    findings = [
        Finding(rule.id, quote(match.first, match.last))
        for match, rule in speaking
        if not (hidden_from_hiding if rule.hides else hidden).covers(match)
    ]
    findings += [Finding("denial_with_exception", quote(*span)) for span in denials.excepted]
    findings += [Finding("denied_by_accused", quote(*denial.span)) for denial in denials.by_accused]
    denied: dict[str, Words] = {}
    for denial in denials.good:
        for fact in sorted(denial.facts):
            denied.setdefault(fact, quote(*denial.span))
    known = {t.word for t in tokens if not t.word.isdigit() and protocol.lexicon.knows(t.word)}
    words = [t.word for t in tokens if not t.word.isdigit()]
    return Reading(
        findings=tuple(_distinct(findings)),
        denied=denied,
        signals=frozenset(
            found.owner(match).name
            for match in found.of(Role.SIGNAL)
            if found.owner(match).name in _UNHIDDEN or not hidden.covers(match)
        ),
        people=tuple(_numbers(found.of(Role.PEOPLE), tokens, quote)),
        caller_ages=tuple(_numbers(found.of(Role.AGE), tokens, quote)),
        words=len(words),
        known_words=len(known),
        known_share=sum(1 for word in words if word in known) / len(words) if words else 0.0,
    )


def _distinct(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield each rule once for each different wording: the first time that it stands."""
    seen: set[tuple[str, str]] = set()
    for finding in findings:
        key = (finding.rule, fold(finding.words.quote))
        if key not in seen:
            seen.add(key)
            yield finding


def _numbers(matches: Iterable[Match], tokens: Sequence[Token], quote: "_Quoter") -> Iterator[tuple[int, Words]]:
    for match in matches:
        digits = next(t.word for t in tokens[match.first : match.last + 1] if t.word.isdigit())
        yield int(digits[:9]), quote(match.first, match.last)


class _Quoter:
    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens

    def __call__(self, first: int, last: int) -> Words:
        start, end = self._tokens[first].start, self._tokens[last].end
        return Words(self._text[start:end], start, end)


class _Found:
    """The phrases found in a text, by what they are for."""

    def __init__(self, tokens: Sequence[Token], protocol: Protocol) -> None:
        self._owners = protocol.owners
        self._by_role: dict[Role, list[Match]] = {}
        for match in protocol.lexicon.matches(tokens):
            self._by_role.setdefault(self._owners[match.owner].role, []).append(match)

    def of(self, role: Role) -> list[Match]:
        return self._by_role.get(role, [])

    def owner(self, match: Match) -> Owner:
        return self._owners[match.owner]

    def spans(self, role: Role) -> Iterator[_Span]:
        return (_Span(match.first, match.last) for match in self.of(role))

    def longest_at(self, role: Role) -> dict[int, int]:
        """Return, by first word, the last word of the longest phrase of `role` there."""
        longest: dict[int, int] = {}
        for match in self.of(role):
            longest[match.first] = max(match.last, longest.get(match.first, match.last))
        return longest


class _Hidden:
    """Stretches of words that no hazard is read from when they cover it whole."""

    def __init__(self, spans: Iterable[_Span]) -> None:
        self._furthest: dict[int, int] = {}
        for span in spans:
            for at in range(span.first, span.last + 1):
                self._furthest[at] = max(span.last, self._furthest.get(at, -1))

    def covers(self, match: Match) -> bool:
        return self._furthest.get(match.first, -1) >= match.last


class _Denials:
    """The denials of a text, and what each is worth."""

    def __init__(self, tokens: Sequence[Token], found: _Found, joins: frozenset[str]) -> None:
        self._tokens = tokens
        self._found = found
        self._joins = joins
        self._items = self._longest_items()
        self._tails = found.longest_at(Role.DENIAL_TAIL)
        self._limits = found.longest_at(Role.LIMIT)
        self._exceptions = found.longest_at(Role.EXCEPTION)
        self._doubted = self._governed_by(Role.DOUBT, _REACH_OF_DOUBT)
        self._accused = self._governed_by(Role.ACCUSED, _REACH_OF_SPEECH) | {m.last for m in found.of(Role.ACCUSED)}
        self.hiding: list[_Denial] = []
        """They hide the words that they cover."""
        self.good: list[_Denial] = []
        """They also deny their facts."""
        self.by_accused: list[_Denial] = []
        self.excepted: list[_Span] = []
        """A denial with the exception to it."""
        for denial in self._stated():
            self._weigh(denial)

    def _longest_items(self) -> dict[int, tuple[int, frozenset[str]]]:
        items: dict[int, tuple[int, frozenset[str]]] = {}
        for match in self._found.of(Role.DENIAL_ITEM):
            facts = frozenset(self._found.owner(match).facts)
            last, known = items.get(match.first, (-1, frozenset()))
            if match.last >= last:
                items[match.first] = (match.last, facts | known if match.last == last else facts)
        return items

    def _governed_by(self, role: Role, reach: int) -> frozenset[int]:
        """Return the words after a phrase of `role`, at most `reach` of them and up to the next comma."""
        governed: set[int] = set()
        for match in self._found.of(role):
            for at in range(match.last + 1, min(match.last + 1 + reach, len(self._tokens))):
                if self._tokens[at].before >= Break.SOFT:
                    break
                governed.add(at)
        return frozenset(governed)

    def undoubted(self, role: Role) -> Iterator[_Span]:
        """Yield the phrases of `role` that no doubt governs: "cannot say there is no fire" hides no fire."""
        return (span for span in self._found.spans(role) if span.first not in self._doubted)

    def _stated(self) -> Iterator[_Denial]:
        """Yield the denials as they are worded, lists whole."""
        for match in self._found.of(Role.DENIAL):
            yield self._with_list(_Span(match.first, match.last), frozenset(self._found.owner(match).facts))
        for first, last in self._found.longest_at(Role.DENIAL_HEAD).items():
            item = self._items.get(last + 1)
            if item is not None and self._tokens[last + 1].before < Break.SOFT:
                yield self._with_list(_Span(first, item[0]), item[1])

    def _with_list(self, span: _Span, facts: frozenset[str]) -> _Denial:
        """Return the denial with the further items of its list: "no weapons, threats or injuries"."""
        last, count, listed, pending = span.last, 1, facts, None
        while (further := self._next_item(last)) is not None:
            item_last, item_facts, joined = further
            last, listed, count = item_last, listed | item_facts, count + 1
            if joined or count >= _SHORTEST_COMMA_LIST:
                pending = _Denial(_Span(span.first, last), listed)
        if pending is None:
            pending = _Denial(span, facts)
        return _Denial(_Span(pending.span.first, self._past_tails(pending.span.last)), pending.facts)

    def _next_item(self, last: int) -> tuple[int, frozenset[str], bool] | None:
        """Return the item that goes on with a list that ends at `last`, and whether a join word leads to it."""
        at = last + 1
        if at >= len(self._tokens) or self._tokens[at].before is Break.HARD:
            return None
        joined = self._tokens[at].word in self._joins
        if not joined and self._tokens[at].before is not Break.SOFT:
            return None
        at += joined
        item = self._items.get(at)
        if item is None or (joined and self._tokens[at].before > Break.NONE):
            return None
        item_last, facts = item
        after = item_last + 1
        ends_here = (
            after >= len(self._tokens)
            or self._tokens[after].before >= Break.SOFT
            or self._tokens[after].word in self._joins
        )
        if not ends_here and not (joined and after in self._tails):
            return None  # "no weapons, threats to kill": the second is no item of the list
        return item_last, facts, joined

    def _past_tails(self, last: int) -> int:
        while last + 1 in self._tails and self._tokens[last + 1].before < Break.SOFT:
            last = self._tails[last + 1]
        return last

    def _weigh(self, denial: _Denial) -> None:
        first, last = denial.span
        if first in self._doubted:
            return
        self.hiding.append(denial)
        if last + 1 in self._exceptions and self._tokens[last + 1].before is not Break.HARD:
            self.excepted.append(_Span(first, self._exceptions[last + 1]))
        elif first in self._accused:
            if denial.facts:
                self.by_accused.append(denial)
        elif last + 1 not in self._limits or self._tokens[last + 1].before >= Break.SOFT:
            self.good.append(denial)
