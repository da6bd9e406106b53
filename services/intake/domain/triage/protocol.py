"""The triage protocol as a value: codes, rules, phrases and questions, as a city council approved them.

A protocol is data (`protocols/*.yaml`); `protocol_parse.py` reads it strictly. Nothing here decides anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from services.intake.domain.triage.lexicon import Lexicon
from services.intake.domain.triage.lines import LineEnds
from services.intake.domain.triage.model import Effect, Fact, RecommendedResponse
from services.intake.domain.triage.opinion import Heard, Opinion, sentence_around
from services.intake.domain.triage.text import Token


class ProtocolInvalid(ValueError):
    """A protocol breaks its own form; `key` says where, as a path into the file."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence of the protocol: what it does to a decision, and why."""

    id: str
    reason: str | None
    effect: Effect
    explanation: str
    response: RecommendedResponse = RecommendedResponse.POLICE
    """What the call center should send because of it."""
    co_response: bool = False
    """Once a reviewer has cleared it, a team goes only with police staged."""
    ask: str | None = None
    """The fact to ask about next."""
    fact: str | None = None
    """The answer that it contradicts when that answer is `no`."""
    hides: bool = False
    """Its phrases say what is meant: what they cover speaks for no other rule ("water gun" is no gun)."""
    yields: bool = False
    """Its phrases say nothing when a denial or a figure of speech covers their last word."""
    unless_calm: bool = False
    """Its phrases tell how a deed is built: told in everyday words, the sentence says what is meant."""
    unless_very_calm: bool = False
    """What its phrases tell counts in full, unless sentence and story sound far calmer than any danger does."""
    unless_calmest: bool = False
    """The same, but that the sentence must sound calmer still, where it stands."""
    call_type_only: bool = False
    """Its phrases are read only in the text of the call type: CAD modifiers."""
    alone: bool = False
    """Its phrases speak only where they are a whole sentence: "Help." is no help with the forms."""


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """What one answer alone does."""

    key: str
    value: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Combination:
    """What several signals do together that none does alone."""

    rule: Rule
    all_of: tuple[str, ...]
    any_of: tuple[str, ...]


class CodeVerdict(StrEnum):
    ALLOWED = "allowed"  # may be civilian, judged by the rest
    REVIEW = "review"
    NEVER = "never"


class Matter(StrEnum):
    """What an allowed code tells about the matter."""

    DISPUTE = "dispute"  # people are at odds
    PROPERTY = "property"  # a harm; civilian only when somebody is known to have done it
    OPEN = "open"  # nothing: the words must tell


class CodeEntry(NamedTuple):
    """What one call type code means to triage."""

    verdict: CodeVerdict
    matter: Matter
    group: bool
    """A group, young people or public space: an interrupter's field."""
    gathering: bool
    """Guests are counted against the higher limit."""
    response: RecommendedResponse


class Role(StrEnum):
    """What a phrase is for."""

    RULE = "rule"  # speaks for the rule `name`
    SIGNAL = "signal"  # raises the signal `name`
    FIGURE = "figure"  # a figure of speech: hides what it covers
    ELSEWHERE = "elsewhere"  # what strangers to the matter did or suffered, as said in the same sentence: hides it too
    ORDINARY = "ordinary"  # what disputes are told with: explains its sentence
    AMBIGUOUS = "ambiguous"  # a danger is told in these words, and an ordinary quarrel: their sentence says which
    MUST_EXPLAIN = "must_explain"  # holding, fetching, hiding, announcing: its sentence needs an explanation
    DENIAL_HEAD = "denial_head"  # "no", "sin": denies the item right after it
    DENIAL_ITEM = "denial_item"  # "weapons", under a head
    DENIAL = "denial"  # a whole denial: "nobody hurt"
    DENIAL_TAIL = "denial_tail"  # "seen": still part of the denial
    DENIABLE = "deniable"  # words of a core four rule: right after a head they are denied
    NOMINAL_HEAD = "nominal_head"  # "no": a head that no verb follows, "he said no hit her" denies nothing
    FINITE = "finite"  # such a verb: "pushed"
    ANSWER = "answer"  # "none": denies the item right before it, or in the question before it
    ANSWER_TO_ALL = "answer_to_all"  # "all no": denies every item of the list right before it
    ASKING = "asking"  # "asked about": such a list may follow it, else it begins what is said
    ASKER = "asker"  # "anybody": what it asks may hold such a verb, "anybody pushed, no"
    HARMLESS = "harmless"  # "just the lawsuit talk": an exception that leaves the denial whole
    RESERVE = "reserve"  # "had never", "ya no": a denial that begins inside one tells of another time
    LIMIT = "limit"  # "today", "by text": denies only so much
    EXCEPTION = "exception"  # "except", "but he", "yet": the denial is worth nothing
    DOUBT = "doubt"  # "cannot say": whatever it governs is no denial
    ACCUSED = "accused"  # "S1 says": a denial by the accused alone
    UNKNOWN = "unknown"  # "unk weapons": hides its words and denies nothing
    PEOPLE = "people"  # "# people"
    AGE = "age"  # "# yo calling"
    VOCABULARY = "vocabulary"  # a word that anybody uses


IN_ONE_BREATH: Final = frozenset(
    {
        Role.FIGURE,
        Role.UNKNOWN,
        Role.DENIAL,
        Role.DENIAL_HEAD,
        Role.DENIAL_ITEM,
        Role.DENIAL_TAIL,
        Role.DENIABLE,
        Role.ANSWER_TO_ALL,
        Role.ASKING,
        Role.NOMINAL_HEAD,
        Role.RESERVE,
        Role.HARMLESS,
    }
)
"""Phrases that take words back hold no comma: "no, screaming" is no "no screaming"."""


class Owner(NamedTuple):
    """Whose a phrase is."""

    role: Role
    name: str = ""
    facts: frozenset[str] = frozenset()
    """What a denial denies."""
    yields: bool = False
    """The rule's phrases may be taken back by their last word: each of their ends counts."""
    loose: bool = False
    """Ordinary sentences fall into the rule's phrases by accident: told in everyday words, the sentence says which."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers of the protocol."""

    people_in_quarrel: int
    people_at_gathering: int
    adult_age: int
    least_known_words: int
    least_known_share: float
    unknown_words_forgiven: int
    most_unknown_share: float
    """Of the words of one sentence; 1 where a protocol states none: it is judged with its neighbors only."""
    words_per_explanation: int
    words_per_explained_deed: int
    shortest_to_explain: int
    unexplained_words_forgiven: int
    most_foreign_share: float


class SecondOpinion(NamedTuple):
    """A learned reader that a protocol asks, and when it speaks."""

    opinion: Opinion
    above: int
    """What is told and scores higher is for a person to read."""
    above_ambiguous: int
    """Up to this score what a sentence tells in ambiguous words is only shown, if its story says the same."""
    above_ambiguous_story: int
    """Up to this score the whole story says so."""
    above_plain: int
    """Up to this score of its sentence what is told plainly is only shown, if its story is very calm."""
    above_plain_story: int
    """Up to this score a story is very calm."""
    above_calmest: int | None = None
    """Up to this score of its sentence, where it stands, the rules that count unless it is calmest set aside what they find;
    None: never."""
    above_unnamed: int | None = None
    """Up to this score a story is taken for one of a dispute, although no word names one; None: never."""
    above_sentence: int | None = None
    """A sentence that scores higher is for a person to read, however calm the others are; None: no sentence alone."""

    def meant(self, sentence: Sequence[Token], story: int) -> str | None:
        """Return the rule that says what an ambiguous word of `sentence` is worth, or None: it counts in full.

        `story`: the score of all that is told.
        """
        score = self.opinion.listen(sentence).score
        if score > self.above:
            return None
        is_calm = score <= self.above_ambiguous and story <= self.above_ambiguous_story
        return AMBIGUOUS_SHOWN if is_calm else AMBIGUOUS

    def finds_harmless(self, sentence: Sequence[Token], story: int) -> bool:
        """Tell whether `sentence`, and a story of that score, sound far calmer than any danger."""
        return story <= self.above_plain_story and self.opinion.listen(sentence).score <= self.above_plain

    def are_calmest(self, sentence: int | None, story: int) -> bool:
        """Tell whether a sentence of this score, where it stands, and a story of that one are among the calmest.

        None: the sentence was not heard by itself.
        """
        if self.above_calmest is None or sentence is None:
            return False
        return sentence <= self.above_calmest and story <= self.above_plain_story

    def unfit_in(self, story: Sequence[Token], heard: Heard) -> list[tuple[int, int]]:
        """Return where in its text a person must read: the loudest sentence of a story that sounds unfit as a whole.

        Where it does not, each sentence that does so by itself: no calm ones around it speak for it.
        """
        if heard.score > self.above:
            return [sentence_around(story, heard.loudest)]
        if self.above_sentence is None:
            return []
        unfit = (each for each in heard.sentences if each.score > self.above_sentence)
        return [(story[each.first].start, story[each.last].end) for each in unfit]

    def takes_for_a_dispute(self, story: int) -> bool:
        """Tell whether a story of this score sounds like the ordinary disputes that it has learned."""
        return self.above_unnamed is not None and story <= self.above_unnamed


class Question(NamedTuple):
    en: str
    es: str


SIGNALS: Final = frozenset(
    {"conflict", "known_person", "gathering", "public", "young", "adults", "private", "past_harm", "hot", "calm"}
)
"""The signals that `decide` itself asks for; combinations may name others."""

UNEXPLAINED: Final = "unexplained_words"
UNEXPLAINED_SHOWN: Final = "unexplained_shown"
SYSTEM_RULES: Final = (
    "missing_weapons",
    "missing_violence",
    "missing_injuries",
    "missing_threats",
    "no_text",
    "garbled_text",
    UNEXPLAINED,
    UNEXPLAINED_SHOWN,
    "text_cut",
    "language_unsupported",
    "location_unknown",
    "code_never",
    "code_never_ems_fire",
    "code_review",
    "code_unknown",
    "no_conflict_found",
    "no_known_person",
    "crowd_large",
    "crowd_in_quarrel",
    "minor_calling",
    "denial_with_exception",
    "denied_by_accused",
    "contradiction",
    "was_unsafe",
    "was_returned",
    "outside_service_area",
    "plan_excludes",
    "outside_hours",
    "core_four_denied",
    "denied_in_words",
)
"""Rules whose occasion is stated in `decide.py` and whose words and effect stand in the protocol."""
SECOND_OPINION: Final = "second_opinion"
"""Another such rule, of protocols that ask one."""
AMBIGUOUS: Final = "ambiguous_word"
AMBIGUOUS_SHOWN: Final = "ambiguous_shown"
"""Two more, of protocols that list ambiguous words."""
PLAIN_SHOWN: Final = "plain_shown"
"""One more, of protocols with a rule that counts unless all sounds very calm."""


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    version: str
    effective_from: datetime
    approved_by: str
    languages: frozenset[str]
    codes: Mapping[str, CodeEntry]
    rules: Mapping[str, Rule]
    """Every rule by id, in the order of the file: the earlier, the graver."""
    answers: tuple[AnswerRule, ...]
    combinations: tuple[Combination, ...]
    questions: Mapping[str, Question]
    limits: Limits
    second_opinion: SecondOpinion | None
    group_places: frozenset[str]
    """`location_type`s that are an interrupter's field."""
    joins: frozenset[str]
    """Words that go on with a list of denied things: "or", "ni"."""
    disjoins: frozenset[str]
    """Those of them after which a verb is denied too: "never pushed or threatened"."""
    callers: frozenset[str]
    """Words for who calls: "RP (uncle) says" is no accused."""
    undeniable: frozenset[str]
    """"He", "if", "with": words of a rule that begin with one are none of what a head before them denies."""
    slight: frozenset[str]
    """Words that need no cover where they begin or end a rule's: "thrown at" is denied by "nothing thrown"."""
    line_ends: LineEnds
    lexicon: Lexicon
    owners: tuple[Owner, ...]
    """By the numbers that the lexicon answers with."""
    document: Mapping[str, Any]
    """The file as it was read, for people."""

    def answer_rules(self, key: str, value: object) -> tuple[Rule, ...]:
        """Return the rules that the answer `value` to `key` speaks for."""
        word = value.value if isinstance(value, Fact) else str(value).strip().lower()
        return tuple(entry.rule for entry in self.answers if entry.key == key and entry.value == word)

    def code(self, code: str) -> CodeEntry | None:
        """Return what is known of a call type code, or None: it is in no list."""
        return self.codes.get(normal_code(code))


def normal_code(code: str) -> str:
    """Return a call type code as the code map writes it: capitals, no blanks."""
    return "".join(code.split()).upper()
