"""What one text says by the protocol's phrases: hazards, denials, signals, and the words that carry them.

A phrase counts wherever it stands unless a denial, a figure of speech or a rule that says what is meant covers all of
its words.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from services.intake.domain.triage.denials import Denials
from services.intake.domain.triage.found import Found, Span
from services.intake.domain.triage.model import Effect
from services.intake.domain.triage.protocol import UNEXPLAINED, Protocol, Role, Rule
from services.intake.domain.triage.text import QUOTES, Break, Token, has_masked_word, is_picture, tokenize
from services.intake.domain.triage.walk import Match

_STOPS: Final = frozenset(".,;:!?…)]}")
_SHORTEST_SAID: Final = 2
_AROUND: Final = 10
"""So many words before and behind an ambiguous one tell what it means."""
_MOST_AMBIGUOUS: Final = 16
"""Whoever tells so much that may be a danger means it: more of it is not ambiguous."""
_FEWEST_AROUND: Final = 6
"""Told in fewer words than that, it is meant as it says: "blood everywhere"."""
_NUMBERED: Final = re.compile(r"\d+(?:[a-z]|st|nd|rd|th|am|pm|ft|hrs?|yrs?|wks?)?")
"""Numbers, and what is only numbered or measured: "20", "5b", "60th", "1am"."""
_KNOWN_BESIDE_A_NAME: Final = 2
"""Beside so many known words of its sentence an unknown word with a capital letter is taken for a name: "Ask for Huang."."""
_PER_WORD: Final = 1000
"""Shares of words are counted in thousandths of one, so that no rounding depends on what stands before."""
_UNHIDDEN: Final = frozenset(
    {"conflict", "known_person", "gathering", "public", "young", "adults", "private", "past_harm"}
)
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
    ambiguous_in: tuple[Token, ...] = ()
    """What the sentence tells around it, denials left out, when it is told in nothing but ambiguous words."""
    plainly_in: tuple[Token, ...] = ()
    """The same, when it is told plainly, in everyday words, and its rule counts unless all sounds very calm."""
    is_strange: bool = False
    """Some word of `ambiguous_in` is in no list."""


class _Told(Enum):
    """How a danger is told."""

    AMBIGUOUSLY = auto()  # in words, or a loose construction, that its sentence explains
    PLAINLY = auto()  # so that only a very calm sentence and story set it aside
    FOR_GOOD = auto()


class People(NamedTuple):
    """A number of people that is told."""

    number: int
    words: Words
    guests: bool
    """The same sentence tells of a party or another gathering."""


@dataclass(frozen=True, slots=True)
class Reading:
    findings: tuple[Finding, ...]
    denied: Mapping[str, Words]
    """Facts of the core four that the text denies, each with its first denial."""
    signals: frozenset[str]
    people: tuple[People, ...]
    caller_ages: tuple[tuple[int, Words], ...]
    words: int
    """How many words there are, numbers apart, and how many different ones are known."""
    known_words: int
    garbled: bool
    """Some of it cannot be understood, whatever is said around that."""
    unexplained: tuple[Finding, ...]
    """Sentences that nothing ordinary, no denial and no figure of speech explains although they need it: somebody
    holds, carries, fetches, hides or announces something, or they are somebody's very words."""
    unexplained_harmless: tuple[Words, ...]
    """The other sentences that nothing explains: a reviewer is shown them, they decide nothing."""
    story: tuple[Token, ...]
    """What is told besides denials: the words of the second opinion."""


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
        self.sentences = tuple(self._sentences())
        self.found = Found(self.tokens, protocol)
        self.denials = Denials(text, self.tokens, self.found, protocol)
        rules = ((match, protocol.rules[self.found.owner(match).name]) for match in self.found.of(Role.RULE))
        whole = set(self.sentences)
        speaking = [
            (match, rule)
            for match, rule in rules
            if (is_call_type or not rule.call_type_only) and (not rule.alone or Span(match.first, match.last) in whole)
        ]
        denied = [*self.denials.stretches(), *self.denials.undoubted(Role.ELSEWHERE)]
        taken_back = [*self.denials.undoubted(Role.FIGURE), *self.found.spans(Role.UNKNOWN), *denied]
        said_for_others = [Span(match.first, match.last) for match, rule in speaking if rule.hides]
        words = len(self.tokens)
        own = self.hidden = _Hidden(taken_back, words)
        if said_for_others:
            self.hidden = _Hidden([*taken_back, *said_for_others], words)
        self.denied = _Hidden(denied, words)
        self.ambiguous = _Hidden(filter(self._is_everyday, self.found.spans(Role.AMBIGUOUS)), words)
        self.asserted = [
            (match, rule)
            for match, rule in speaking
            if not (own if rule.hides else self.hidden).covers(_last_word(match) if rule.yields else match)
            and not self.denied.covers(self._weighty(match))
        ]

    def reading(self) -> Reading:
        words = [token.word for token in self.tokens if not _is_number(token.word)]
        known = {word for word in words if self.protocol.lexicon.knows(word)}
        unexplained, harmless = self._unexplained()
        return Reading(
            findings=tuple(self._distinct()),
            denied=self._denied(),
            signals=frozenset(self._signals()),
            people=tuple(self._people()),
            caller_ages=tuple((age, self.quote(*span)) for age, span in self._numbers(Role.AGE)),
            words=len(words),
            known_words=len(known),
            garbled=self._is_garbled(known),
            unexplained=tuple(self._strange(unexplained)),
            unexplained_harmless=tuple(self.quote(*span) for span in harmless),
            story=tuple(self._story()),
        )

    def _weighty(self, match: Match) -> Match:
        """Return the match without the slight words at its ends: what a denial has to cover."""
        first, last = match.first, match.last
        while first <= last and self.tokens[first].word in self.protocol.slight:
            first += 1
        while last > first and self.tokens[last].word in self.protocol.slight:
            last -= 1
        return match._replace(first=first, last=last) if first <= last else match

    def _distinct(self) -> Iterator[Finding]:
        """Yield each rule once for each different wording, an ambiguous one once for each thing told around it."""
        seen: set[tuple[str, _Told, tuple[str, ...], tuple[str, ...]]] = set()
        words = tuple(token.word for token in self.tokens)
        found = list(self._findings())
        few = sum(told is not _Told.FOR_GOOD for *_, told in found) <= _MOST_AMBIGUOUS
        for rule, span, told in found:
            around = self._told_around(span) if few and told is not _Told.FOR_GOOD else ()
            key = (rule, told, words[span.first : span.last + 1], tuple(token.word for token in around))
            if key not in seen:
                seen.add(key)
                is_plain = told is _Told.PLAINLY
                yield Finding(rule, self.quote(*span), () if is_plain else around, around if is_plain else ())

    def _told_around(self, span: Span) -> tuple[Token, ...]:
        """Return what is told around `span` in its sentence, if that is enough to tell what it means.

        No other sentence, and nothing far away, changes it.
        """
        first, last = span
        while first > max(0, span.first - _AROUND) and self.tokens[first].before is not Break.HARD:
            first -= 1
        while last < min(len(self.tokens) - 1, span.last + _AROUND) and self.tokens[last + 1].before is not Break.HARD:
            last += 1
        told = tuple(self.tokens[at] for at in range(first, last + 1) if not self.denied.covers_word(at))
        return told if len(told) >= _FEWEST_AROUND else ()

    def _strange(self, unexplained: Sequence[Span]) -> Iterator[Finding]:
        """Yield what nobody explains; what is told around it may say what it means, but of strange words in a quote."""
        few = len(unexplained) <= _MOST_AMBIGUOUS
        said = set(self._said()) if unexplained and few else set()
        for span in unexplained:
            is_open = few and (span not in said or self._is_everyday(span))
            around = self._told_around(span) if is_open else ()
            yield Finding(UNEXPLAINED, self.quote(*span), around, is_strange=not self._are_known(around))

    def _story(self) -> Iterator[Token]:
        """Yield what is told besides denials; a sentence that begins with one begins behind it."""
        is_new = False
        for at, token in enumerate(self.tokens):
            is_new |= token.before is Break.HARD
            if not self.denied.covers_word(at):
                yield token._replace(before=Break.HARD) if is_new else token
                is_new = False

    def _told(self, match: Match, rule: Rule) -> _Told:
        is_loose = self.found.owner(match).loose
        if not is_loose and rule.effect is Effect.UNSAFE and self.ambiguous.covers(match):
            return _Told.AMBIGUOUSLY
        is_open = is_loose or rule.unless_very_calm or rule.unless_calmest
        if not is_open or not self._is_everyday(Span(match.first, match.last)):
            return _Told.FOR_GOOD
        return _Told.AMBIGUOUSLY if is_loose else _Told.PLAINLY

    def _is_everyday(self, span: Span) -> bool:
        """Tell whether all of it is spelled as listed: a misspelled word may be meant otherwise."""
        return self._are_known(self.tokens[span.first : span.last + 1])

    def _are_known(self, tokens: Iterable[Token]) -> bool:
        return all(_is_number(token.word) or self.protocol.lexicon.knows(token.word) for token in tokens)

    def _findings(self) -> Iterator[tuple[str, Span, _Told]]:
        """Yield what each rule finds, where, and whether what is told around it has to say what is meant."""
        for match, rule in self.asserted:
            yield rule.id, Span(match.first, match.last), self._told(match, rule)
        yield from (("denial_with_exception", span, _Told.FOR_GOOD) for span in self.denials.excepted)
        yield from (("denied_by_accused", denial.span, _Told.FOR_GOOD) for denial in self.denials.by_accused)

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

    def _numbers(self, role: Role) -> Iterator[tuple[int, Span]]:
        for match in self.found.of(role):
            digits = next(t.word for t in self.tokens[match.first : match.last + 1] if t.word.isdigit())
            yield int(digits[:9]), Span(match.first, match.last)

    def _people(self) -> Iterator[People]:
        gatherings = sorted(m.first for m in self.found.of(Role.SIGNAL) if self.found.owner(m).name == "gathering")
        sentences = iter(self.sentences)
        sentence = next(sentences, None)
        for count, span in self._numbers(Role.PEOPLE):
            while sentence is not None and sentence.last < span.first:
                sentence = next(sentences, None)
            guests = sentence is not None and bisect_left(gatherings, sentence.first) < bisect_right(
                gatherings, sentence.last
            )
            yield People(count, self.quote(*span), guests)

    def _is_garbled(self, known: AbstractSet[str]) -> bool:
        """True when too few words of a sentence are known, or of some run of them beyond the unknown ones that are forgiven.

        The worst run is judged and not the text as a whole: nothing said around it makes it understood.
        """
        limits = self.protocol.limits
        allowed = round((1 - limits.least_known_share) * _PER_WORD)
        excess = 0
        if has_masked_word(self.text, self.tokens, self.protocol.lexicon.knows):
            return True
        for span in self.sentences:
            told = [token for token in self.tokens[span.first : span.last + 1] if not _is_number(token.word)]
            if any(len(token.word) == 1 and is_picture(token.word) for token in told):
                return True  # nobody says what it means
            unknown = [token for token in told if token.word not in known]
            excess = max(0, excess) + len(unknown) * _PER_WORD - allowed * len(told)
            if excess > limits.unknown_words_forgiven * _PER_WORD:
                return True
            one_is_named = len(told) - len(unknown) >= _KNOWN_BESIDE_A_NAME and any(
                token is not told[0] and self.text[token.start : token.end].istitle() for token in unknown
            )
            if len(unknown) - one_is_named > limits.most_unknown_share * len(told):
                return True
        return False

    def _unexplained(self) -> tuple[list[Span], list[Span]]:
        """Return the sentences with fewer words that explain them than their length calls for.

        First those that need an explanation: what is held, fetched or announced, what is quoted, and all of them when
        they hold more words together than are forgiven; then the others. What else is told explains none of them.
        """
        limits = self.protocol.limits
        explaining = {match.first for match in self.found.of(Role.ORDINARY)}
        explaining |= {span.first for span in self.denials.undoubted(Role.FIGURE) if span.last > span.first}
        speaking, heard = self._spoken_for()
        telling = {match.first for match in self.found.of(Role.MUST_EXPLAIN) if not self.hidden.covers(match)}

        def told(span: Span) -> list[int]:
            return [at for at in range(span.first, span.last + 1) if not self.denied.covers_word(at)]

        def unexplained(span: Span, words: list[int], words_each: int) -> bool:
            explained = sum(1 for at in words if at in explaining) + (len(words) <= span.last - span.first)
            if explained * words_each >= len(words) or not speaking.isdisjoint(words):
                return False
            return heard.isdisjoint(words) or not self._is_everyday(span)

        grave: list[Span] = []
        harmless: list[Span] = []
        strange_words = 0
        for span in self.sentences:
            words = told(span)
            if len(words) < limits.shortest_to_explain:
                continue
            is_grave = not telling.isdisjoint(words)
            words_each = limits.words_per_explained_deed if is_grave else limits.words_per_explanation
            if unexplained(span, words, words_each):
                (grave if is_grave else harmless).append(span)
                strange_words += len(words)
        if strange_words > limits.unexplained_words_forgiven:
            grave, harmless = sorted([*grave, *harmless]), []
        for span in self._said():
            words = told(span)
            if len(words) >= _SHORTEST_SAID and unexplained(span, words, limits.words_per_explanation):
                grave.append(span)
        return grave, harmless

    def _spoken_for(self) -> tuple[set[int], set[int]]:
        """Return where matches begin whose words a person reads anyway, and those whose sentence somebody has heard."""
        speaking: set[int] = set()
        heard: set[int] = set()
        for match, rule in self.asserted:
            (speaking if self._told(match, rule) is _Told.FOR_GOOD else heard).add(match.first)
        return speaking, heard

    def _said(self) -> Iterator[Span]:
        """Yield what is quoted, the words of somebody: they need an explanation of their own.

        What stands beside a mark tells whether it opens or closes; one that is left over ("a 6" pipe") turns no other.
        """
        if QUOTES.isdisjoint(self.text):
            return
        marks = [(at, self._side(at + 1) - self._side(at - 1)) for at, c in enumerate(self.text) if c in QUOTES]
        starts = [token.start for token in self.tokens]
        for (opened, opens), (closed, goes_on) in pairwise(marks):
            if opens >= 0 and goes_on <= 0:
                first, beyond = bisect_right(starts, opened), bisect_left(starts, closed)
                if first < beyond:
                    yield Span(first, beyond - 1)

    def _side(self, at: int) -> int:
        """Return how much words go on there: 0 at a blank, an end or a full stop, 2 at a letter."""
        character = self.text[at] if 0 <= at < len(self.text) else " "
        return 2 if character.isalnum() else int(not character.isspace() and character not in _STOPS)

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

    def __init__(self, spans: Iterable[Span], words: int) -> None:
        begun = [-1] * words
        for first, last in spans:
            begun[first] = max(begun[first], last)
        self._furthest = list(accumulate(begun, max))
        """By word, how far the stretches reach that have begun there or before."""

    def covers(self, match: Match | Span) -> bool:
        return self._furthest[match.first] >= match.last

    def covers_word(self, at: int) -> bool:
        return self._furthest[at] >= at


def _is_number(word: str) -> bool:
    return word[0].isdigit() and _NUMBERED.fullmatch(word) is not None


def _last_word(match: Match) -> Match:
    return match._replace(first=match.last)
