"""All that is known of one call, united: facts, the rules that spoke, and what the words are about."""

from dataclasses import dataclass, field

from services.intake.domain.triage.model import CORE_FOUR, Fact, Reason
from services.intake.domain.triage.protocol import CodeEntry, Rule
from services.intake.domain.triage.reader import Words


@dataclass(slots=True)
class Case:
    """What one call's evidence comes to. Filled by `unite`, then only read."""

    facts: dict[str, Fact] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    signals: set[str] = field(default_factory=set)
    """Of the call's own words, and for combinations of the linked ones too."""
    own_signals: set[str] = field(default_factory=set)
    denied: dict[str, Reason] = field(default_factory=dict)
    """Facts that the call's own words deny, with the words."""
    codes: list[CodeEntry] = field(default_factory=list)
    """The call's own codes that the protocol knows."""
    code_names: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    """The words alone of the call's own narratives so far, where there are more statements than one."""
    relationships: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    people: int = 0
    conflict_known: bool = False

    def missing(self) -> tuple[str, ...]:
        """Return the core four that nobody has answered or denied."""
        return tuple(fact for fact in CORE_FOUR if self.facts[fact] is Fact.UNKNOWN and fact not in self.denied)


def plain(rule: Rule, source: str) -> Reason:
    """Return the reason of a rule that no words carry."""
    return Reason(rule.id, rule.reason, rule.effect, source, None, None, None, rule.explanation)


def quoting(rule: Rule, source: str, words: Words) -> Reason:
    return Reason(rule.id, rule.reason, rule.effect, source, words.quote, words.start, words.end, rule.explanation)
