"""The denials of a text: "no weapons", "nobody hurt", "sin armas ni golpes", and what each is worth.

A denial hides only the words that it covers; every other hazard stands. Whatever governs a denial ("cannot say",
"except", "S1 says", "yet") makes it worth nothing, never more.

What a head ("no", "neither one") denies is an item right after it ("weapons"), which settles its facts; or any words of
a rule about the core four ("squared up"), which are then only taken back: "never choked her" does not say that nobody
hit her.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from services.intake.domain.triage.found import Found, Span
from services.intake.domain.triage.protocol import Protocol, Role
from services.intake.domain.triage.text import Break, Token, questions
from services.intake.domain.triage.walk import Match, ends

_SHORTEST_COMMA_LIST: Final = 3
_REACH_OF_DOUBT: Final = 4
_REACH_OF_SPEECH: Final = 12
_SHORTEST_ANSWERED_LIST: Final = 2
_MOST_AWAITING: Final = 6
"""So many verbs of a list may await the "or" that denies them."""


class _Item(NamedTuple):
    """What goes on with a list."""

    last: int
    facts: frozenset[str]
    joined: bool
    """A join word or a slash leads to it."""
    awaits: bool
    """A verb that is denied only when an "or" or a slash comes: "nobody armed, touched or threatened"."""
    closes: bool
    """An "or" or a slash leads to it, and it does nothing to anybody that is named."""


class Denial(NamedTuple):
    span: Span
    facts: frozenset[str]


class Denials:
    """The denials of a text, and what each is worth."""

    def __init__(self, text: str, tokens: Sequence[Token], found: Found, protocol: Protocol) -> None:
        self._text = text
        self._tokens = tokens
        self._found = found
        self._joins = protocol.joins
        self._named = protocol.undeniable - protocol.joins
        self._disjoins = protocol.disjoins
        self._asked = questions(text, tokens)
        self._breath_ends = ends(tokens, Break.QUOTE)
        self._sentence_ends = ends(tokens, Break.HARD)
        self._items = self._longest_items()
        self._tails = found.longest_at(Role.DENIAL_TAIL)
        self._harmless = found.longest_at(Role.HARMLESS)
        self._limits = found.longest_at(Role.LIMIT)
        self._exceptions = found.longest_at(Role.EXCEPTION)
        self._exceptions_from = sorted(self._exceptions)
        self._heads = found.longest_at(Role.DENIAL_HEAD)
        self._nominal = found.longest_at(Role.NOMINAL_HEAD)
        self._finite = {match.first for match in found.of(Role.FINITE)}
        self._answers = found.longest_at(Role.ANSWER)
        self._askers = {match.last for match in found.of(Role.ASKER)}
        self._deniable = self._words_of_rules(protocol)
        self._reserved = {at for span in found.spans(Role.RESERVE) for at in range(span.first, span.last + 1)}
        self._doubted = self._governed_by(Role.DOUBT, _REACH_OF_DOUBT)
        self._callers = {at for at, token in enumerate(tokens) if token.word in protocol.callers}
        spoken = [match for match in found.of(Role.ACCUSED) if not self._is_caller(match)]
        self._accused = self._governed_from(spoken, _REACH_OF_SPEECH) | {match.last for match in spoken}
        self._claimed_to = self._claims(spoken)
        self.hiding: list[Denial] = []
        """They hide the words that they cover."""
        self.good: list[Denial] = []
        """They also deny their facts."""
        self.by_accused: list[Denial] = []
        self.excepted: list[Span] = []
        """A denial with the exception to it."""
        for denial in self._stated():
            self._weigh(denial)

    def _words_of_rules(self, protocol: Protocol) -> dict[int, int]:
        """Return, by first word, the last of the longest words of a rule that a head before them denies.

        "His gun" is one, whatever is said not to have been done with it, and words that hold a weapon beside another
        danger ("hit him with a bat") are not denied as a whole.
        """
        longest: dict[int, int] = {}
        weapons = {m.first for m in self._found.of(Role.DENIABLE) if self._is_weapon(m, protocol)}
        undeniable = {at for at, token in enumerate(self._tokens) if token.word in protocol.undeniable}
        for match in self._found.of(Role.DENIABLE):
            beyond = range(match.first + 1, match.last + 1)
            held = match.first in weapons and not undeniable.isdisjoint(beyond)
            if match.first in undeniable or held or not weapons.isdisjoint(beyond):
                continue
            if match.last > longest.get(match.first, -1):
                longest[match.first] = match.last
        return longest

    def _is_weapon(self, match: Match, protocol: Protocol) -> bool:
        return protocol.rules[self._found.owner(match).name].fact == "weapons"

    def _longest_items(self) -> dict[int, tuple[int, frozenset[str]]]:
        items: dict[int, tuple[int, frozenset[str]]] = {}
        for match in self._found.of(Role.DENIAL_ITEM):
            facts = self._found.owner(match).facts
            last, known = items.get(match.first, (-1, facts))
            if match.last >= last:
                items[match.first] = (match.last, facts | known if match.last == last else facts)
        return items

    def _governed_by(self, role: Role, reach: int) -> frozenset[int]:
        """Return the words after a phrase of `role`, at most `reach` of them and up to the next comma."""
        return self._governed_from(self._found.of(role), reach)

    def _governed_from(self, matches: Sequence[Match], reach: int) -> frozenset[int]:
        governed: set[int] = set()
        for last in {last for _, _, last in matches}:
            governed.update(range(last + 1, min(last + 1 + reach, self._breath_ends[last])))
        return frozenset(governed)

    def _claims(self, spoken: Sequence[Match]) -> list[int]:
        """Return, by word, how far it and those before it are claims: what the accused goes on to say, and what nobody is sure of.

        A comma or a quotation mark does not end them: "Suspect says, no weapons, nobody hurt", "not sure, no weapons". Their
        denials prove nothing; what is denied is no danger either.
        """
        begun = [-1] * (len(self._tokens) + 1)
        callers = sorted(self._callers)
        for match in spoken:
            end = self._sentence_ends[match.last]
            at = bisect_left(callers, match.last + 1)
            begun[match.last + 1] = (min(end, callers[at]) if at < len(callers) else end) - 1
        for match in self._found.of(Role.DOUBT):
            after = match.last + 1
            if after < len(self._tokens) and Break.NONE < self._tokens[after].before < Break.HARD:
                begun[after] = max(begun[after], self._sentence_ends[match.last] - 1)
        return list(accumulate(begun, max))

    def _is_caller(self, match: Match) -> bool:
        """True for who stands in brackets or commas beside the caller: "RP (uncle) says"."""
        first = match.first
        if match.last == first or not self._tokens[first + 1].before.is_soft:
            return False
        first -= not self._tokens[first].before.is_soft  # "RP, an uncle, says"
        return first > 0 and self._tokens[first].before.is_soft and first - 1 in self._callers

    def stretches(self) -> Iterator[Span]:
        """Yield the stretches that the denials hide, those side by side as one: "nothing thrown, nobody swung at"."""
        stretch: Span | None = None
        for first, last in (denial.span for denial in self.hiding):
            if stretch is not None and first == stretch.last + 1:
                stretch = Span(stretch.first, last)
                continue
            if stretch is not None:
                yield stretch
            stretch = Span(first, last)
        if stretch is not None:
            yield stretch

    def undoubted(self, role: Role) -> Iterator[Span]:
        """Yield the phrases of `role` that no doubt governs: "cannot say there is no fire" hides no fire."""
        return (span for span in self._found.spans(role) if span.first not in self._doubted)

    def _stated(self) -> Iterator[Denial]:
        """Yield the denials as they are worded, lists whole; one that begins inside a longer one is part of it.

        Without that, a text of nothing but "ni golpes ni golpes" would be read once for each of its words.
        """
        begun = [(m.first, m.last, self._found.owner(m).facts) for m in self._found.of(Role.DENIAL)]
        begun.extend(self._headed())
        begun.extend(self._answered())
        begun.extend(self._answered_together())
        read_to = -1
        for first, last, facts in sorted(begun, key=lambda each: (each[0], -each[1], -len(each[2]))):
            if last <= read_to:
                continue
            denial = self._with_list(first, last, facts)
            read_to = denial.span.last
            yield denial

    def _headed(self) -> Iterator[tuple[int, int, frozenset[str]]]:
        """Yield each head with what it denies: first and last word, and the facts."""
        begun = {
            max(last, self._deniable.get(first, last)) + 1
            for first, (last, _) in self._items.items()
            if self._begins(first)
        }
        for first, last in self._heads.items():
            if first in begun and first in self._answers:
                continue  # it answers what begins the sentence, and denies nothing after it: "Weapons: none knife"
            for at in range(
                last + 1, first, -1
            ):  # "never got in his face": what a head may hold, its words may begin with
                denied = self._denied_at(at)
                if denied is None or self._tokens[at].before >= Break.QUOTE:
                    continue
                if at not in self._finite or not self._is_nominal(first, at - 1):
                    yield first, *denied
                    break

    def _begins(self, at: int) -> bool:
        return self._tokens[at].before is Break.HARD

    def _denied_at(self, at: int) -> tuple[int, frozenset[str]] | None:
        """Return the last word of what a head before `at` denies, and the facts that this settles."""
        item, words = self._items.get(at), self._deniable.get(at, -1)
        if item is not None:
            return max(item[0], words), item[1]
        return (words, frozenset()) if words >= at else None

    def _is_nominal(self, first: int, last: int) -> bool:
        """True for "no", and for "none" after what it may answer: "weapons none threatened her"."""
        if self._nominal.get(first) == last:
            return True
        if first not in self._answers or self._tokens[first].before >= Break.QUOTE:
            return False
        return self._tokens[first - 1].word not in self._joins  # "and no one is threatened"

    def _answered(self) -> Iterator[tuple[int, int, frozenset[str]]]:
        """Yield what is denied by the word after it: "armas cero", "Any weapons? No.", "armas, ninguna; golpes, ninguno"."""
        beyond = -1  # the word after the last answer
        for first, (last, facts) in self._items.items():
            begins = self._tokens[first].before is Break.HARD or first == beyond
            at = max(last, self._deniable.get(first, last)) + 1
            if first in self._finite and first - 1 not in self._askers:
                continue
            if at not in self._answers:
                at = self._tails.get(at, at - 1) + 1
            if at not in self._answers or not self._closes(at):
                continue
            if self._answers_to(at) or (begins and self._tokens[at].before.is_soft):
                beyond = self._answers[at] + 1
                yield first, self._answers[at], facts

    def _answered_together(self) -> Iterator[tuple[int, int, frozenset[str]]]:
        """Yield the lists that one answer denies: "weapons, threats, injuries all no", "asked about ...: no to all".

        Such a list begins what is said, or follows what asks: "he owns guns, knives, all denied" is none.
        """
        answers = self._found.longest_at(Role.ANSWER_TO_ALL)
        if not answers:
            return
        asked_from = {match.last + 1: match.first for match in self._found.of(Role.ASKING)}
        for first in self._items:
            begun = asked_from.get(first, first if self._tokens[first].before is Break.HARD else None)
            if begun is None:
                continue
            at, count, facts, end = first, 0, frozenset[str](), self._sentence_ends[first]
            while at < end and (item := self._items.get(at)) is not None:
                after = item[0] + 1
                at = self._past_join(self._tails.get(after, after - 1) + 1)
                count, facts = count + 1, facts | item[1]
            last = answers.get(at)
            if last is not None and count >= _SHORTEST_ANSWERED_LIST and self._ends_at(self._past_tails(last), at):
                yield begun, last, facts

    def _past_join(self, at: int) -> int:
        """Return the first word after the join word at `at`, if one stands there."""
        return at + (at < len(self._tokens) and self._tokens[at].word in self._joins)

    def _ends_at(self, last: int, first: int) -> bool:
        """True when the answer from `first` to `last` closes what is said, and answers in its sentence or its question."""
        if last + 1 < len(self._tokens) and self._tokens[last + 1].before < Break.QUOTE:
            return False
        return self._tokens[first].before is not Break.HARD or first - 1 in self._asked

    def _closes(self, at: int) -> bool:
        after = self._answers[at] + 1
        return after >= len(self._tokens) or self._tokens[after].before >= Break.QUOTE

    def _answers_to(self, at: int) -> bool:
        """True when the answer at `at` belongs to the words before it: in their breath, or alone after their question."""
        if self._tokens[at].before < Break.QUOTE:
            return True
        after = self._answers[at] + 1
        alone = after >= len(self._tokens) or self._tokens[after].before is Break.HARD
        return at - 1 in self._asked and at not in self._asked and alone and self._tokens[at].before is Break.HARD

    def _with_list(self, first: int, last: int, facts: frozenset[str]) -> Denial:
        """Return the denial with the further items of its list: "no weapons, threats or injuries"."""
        item = self._next_item(last)
        if item is None:  # most are no list
            return Denial(Span(first, self._past_tails(last)), facts)
        denied_to, denied, count, awaiting = last, facts, 1, 0
        may_await = _MOST_AWAITING if self._denies_verbs(first) else 0
        while item is not None and awaiting + item.awaits <= may_await:
            last, facts, count = item.last, facts | item.facts, count + 1
            awaiting = 0 if item.closes else awaiting + item.awaits
            if not awaiting and (item.joined or count >= _SHORTEST_COMMA_LIST):
                denied_to, denied = last, facts
            item = self._next_item(last)
        return Denial(Span(first, self._past_tails(denied_to)), denied)

    def _denies_verbs(self, first: int) -> bool:
        """True for "nobody", and for "no one": what follows "no" alone is a noun."""
        return self._heads.get(first, -1) > self._nominal.get(first, -1)

    def _next_item(self, last: int) -> _Item | None:
        """Return the item that goes on with a list that ends at `last`."""
        at = last + 1
        if at >= len(self._tokens):
            return None
        word, _, _, before = self._tokens[at]
        joined = word in self._joins
        if before is Break.HARD or not (joined or before.is_soft or at in self._items):
            return None
        at += joined
        item = self._items.get(at)
        if item is None or (joined and self._tokens[at].before > Break.NONE):
            return None
        item_last, facts = item
        awaits = at in self._finite and not self._goes_on(at, item_last)
        if awaits and joined:
            return None  # "never armed and threatened her": the second is told
        slashed = not joined and self._text[self._tokens[last].end : self._tokens[last + 1].start].strip() == "/"
        disjoined = joined and self._tokens[at - 1].word in self._disjoins
        if not self._is_listed(item_last, tailed=joined or slashed, disjoined=disjoined):
            return None
        closes = (slashed or disjoined) and not self._is_done_to(item_last)
        return _Item(item_last, facts, joined or slashed, awaits, closes)

    def _is_listed(self, last: int, *, tailed: bool, disjoined: bool) -> bool:
        """True when the item that ends at `last` is one of the list, and not told: "no weapons, threats to kill"."""
        after = last + 1
        if (
            after >= len(self._tokens)
            or self._tokens[after].before >= Break.QUOTE
            or self._tokens[after].word in self._joins
            or after in self._items  # "no weapons threats or injuries", hastily typed
        ):
            return True
        if after in self._finite and not disjoined:
            return False  # "no injuries and threats were made"
        return tailed and after in self._tails

    def _is_done_to(self, last: int) -> bool:
        """True when the words to `last`, or the one after them, name whom it is done to: "or hit her"."""
        return any(
            self._tokens[at].word in self._named and at not in self._askers  # "each other" names nobody
            for at in range(last, min(last + 2, len(self._tokens)))
            if self._tokens[at].before < Break.QUOTE
        )

    def _goes_on(self, first: int, last: int) -> bool:
        """True when the verb at `first` is still denied: "nor threatened", "pushed anybody"."""
        if self._tokens[first - 1].word in self._disjoins:
            return True
        return not self._askers.isdisjoint(range(first + 1, self._tails.get(last + 1, last) + 1))

    def _past_tails(self, last: int) -> int:
        """Return the last word of a denial that ends at `last`, with its tails and the exceptions that do no harm."""
        while (after := last + 1) < len(self._tokens):
            if after in self._tails and self._tokens[after].before < Break.QUOTE:
                last = self._tails[after]
            elif after in self._harmless and self._tokens[after].before is not Break.HARD:
                last = self._harmless[after]
            else:
                break
        return last

    def _weigh(self, denial: Denial) -> None:
        first, last = denial.span
        if first in self._doubted or first in self._reserved or last in self._asked:
            return
        if first in self._accused and not denial.facts:
            return
        self.hiding.append(denial)
        if last + 1 in self._exceptions and self._tokens[last + 1].before is not Break.HARD:
            self.excepted.append(Span(first, self._exceptions[last + 1]))
        elif first in self._accused:
            self.by_accused.append(denial)
        elif not self._is_limited(last) and self._claimed_to[first] < first:
            self.good.append(denial)

    def _is_limited(self, last: int) -> bool:
        """True when a limit follows the denial that ends at `last`, or an exception further on in the same breath."""
        end = self._breath_ends[last]
        if last + 1 < end and last + 1 in self._limits:
            return True
        at = bisect_left(self._exceptions_from, last + 1)
        return at < len(self._exceptions_from) and self._exceptions_from[at] < end
