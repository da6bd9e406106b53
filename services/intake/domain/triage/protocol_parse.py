"""A protocol from its document: what each section states."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from services.intake.domain.triage.everyday import WordListInvalid, everyday_words
from services.intake.domain.triage.lexicon import Lexicon, PhraseInvalid
from services.intake.domain.triage.lines import LineEnds
from services.intake.domain.triage.model import CORE_FOUR, FACT_KEYS, Effect, RecommendedResponse
from services.intake.domain.triage.protocol import (
    IN_ONE_BREATH,
    SECOND_OPINION,
    SIGNALS,
    SYSTEM_RULES,
    UNEXPLAINED,
    AnswerRule,
    CodeEntry,
    CodeVerdict,
    Combination,
    Limits,
    Matter,
    Owner,
    Protocol,
    Question,
    Role,
    Rule,
    normal_code,
)
from services.intake.domain.triage.protocol_keys import Key
from services.intake.domain.triage.protocol_opinion import second_opinion

_LANGUAGES: Final = ("en", "es")
_LISTS: Final = MappingProxyType(
    {
        "figures": Role.FIGURE,
        "elsewhere": Role.ELSEWHERE,
        "ordinary": Role.ORDINARY,
        "ambiguous": Role.AMBIGUOUS,
        "must_explain": Role.MUST_EXPLAIN,
        "vocabulary": Role.VOCABULARY,
        "people": Role.PEOPLE,
        "caller_age": Role.AGE,
    }
)
"""Sections that are no more than phrases, and what these are for."""


def parse_protocol(document: Mapping[str, Any]) -> Protocol:
    """Return the protocol that `document` states. Raises `ProtocolInvalid` naming the first key at fault."""
    root = Key(document)
    top = root.fields(
        "version", "effective_from", "approved_by", "languages", "limits", "codes", "classes", "rules", "system_rules",
        "answers", "signals", "combinations", "denials", "figures", "ordinary", "must_explain", "people",
        "caller_age", "group_places", "vocabulary", "questions",
        optional=("everyday", "elsewhere", "behind_commas", "ambiguous", "line_ends", SECOND_OPINION),
    )  # fmt: skip
    phrases = _Phrases(top["classes"], _everyday(top["everyday"]) if "everyday" in top else frozenset())
    rules = _rules(top, phrases)
    signals = _signals(top["signals"], phrases)
    answers = _answers(top["answers"], rules)
    _denials(top["denials"], phrases)
    for name, role in _LISTS.items():
        if name in top:
            phrases.add_languages(top[name], Owner(role))
    if "behind_commas" in top:
        behind = top["behind_commas"].fields("words", "endings")
        phrases.lexicon.go_on_behind_commas(behind["words"].texts(), behind["endings"].texts())
    phrases.lexicon.learn_misspellings()
    protocol = Protocol(
        version=top["version"].text(),
        effective_from=_moment(top["effective_from"]),
        approved_by=top["approved_by"].text(),
        languages=frozenset(tag.lower() for tag in top["languages"].texts()),
        codes=MappingProxyType(_codes(top["codes"])),
        rules=MappingProxyType(rules),
        answers=answers,
        combinations=_combinations(top["combinations"], rules, signals | {f"answer:{a.rule.id}" for a in answers}),
        questions=MappingProxyType(_questions(top["questions"])),
        limits=_limits(top["limits"]),
        second_opinion=second_opinion(top, rules),
        group_places=frozenset(place.lower() for place in top["group_places"].texts()),
        joins=_words(top["denials"], "joins"),
        disjoins=_words(top["denials"], "disjoins"),
        callers=_words(top["denials"], "callers"),
        undeniable=_words(top["denials"], "undeniable"),
        slight=_words(top["denials"], "slight"),
        line_ends=_line_ends(top["line_ends"]) if "line_ends" in top else LineEnds(),
        lexicon=phrases.lexicon,
        owners=tuple(phrases.owners),
        document=document,
    )
    _check_questions(protocol, top["questions"])
    return protocol


def _line_ends(key: Key) -> LineEnds:
    key.fields(*LineEnds._fields)
    return LineEnds(*(_words(key, name) for name in LineEnds._fields))


def _moment(key: Key) -> datetime:
    value = key.value
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise key.fault("must be a time with offset, such as 2026-11-01T00:00:00-07:00")
    return value


def _everyday(key: Key) -> frozenset[str]:
    """Return the everyday words: those of the list that is named, less the ones that may mean a danger."""
    fields = key.fields("list", "sha256", optional=("less",))
    try:
        words = everyday_words(fields["list"].text(), fields["sha256"].text())
    except WordListInvalid as invalid:
        raise key.fault(str(invalid)) from None
    less = fields["less"].texts() if "less" in fields else ()
    return words - {word for text in less for word in text.split()}


class _Phrases:
    """Gathers every phrase of the protocol in one lexicon, each under its owner."""

    def __init__(self, classes: Key, everyday: frozenset[str]) -> None:
        words: dict[str, tuple[str, ...]] = {}
        for name, key in classes.mapping().items():
            words[name] = tuple(word for text in key.texts() for word in text.split())
            for word in words[name]:
                if word.startswith("$") and word[1:] not in words:
                    raise key.fault(f"names the class {word[1:]!r} before it is stated")
        self.lexicon = Lexicon(words, everyday)
        self.owners: list[Owner] = []

    def add(self, key: Key, owner: Owner) -> None:
        number = len(self.owners)
        self.owners.append(owner)
        for item in key.items():
            for phrase in item.text().split(" / "):
                try:
                    if owner.role is Role.VOCABULARY:
                        self.lexicon.add_known(phrase)
                    else:
                        self.lexicon.add(
                            phrase,
                            number,
                            in_one_breath=owner.role in IN_ONE_BREATH,
                            over_quotes=owner.role is Role.FIGURE,
                            every_end=owner.yields,
                            held_together=owner.role is Role.RULE,
                        )
                except PhraseInvalid as invalid:
                    raise item.fault(str(invalid)) from None

    def add_deniable(self, key: Key, owner: Owner) -> None:
        """Add the phrases of a rule that hold no unnamed word, for a denial to take back: it must know each word."""
        number = len(self.owners)
        self.owners.append(owner)
        for item in key.items():
            for phrase in item.text().split(" / "):
                if not any(part == "_" or part.startswith(("..", "!", "?")) for part in phrase.split()):
                    self.lexicon.add(phrase, number, in_one_breath=True)

    def add_languages(self, key: Key, owner: Owner) -> None:
        """Add the phrases under `en` and `es`; both are read in every text, for people mix them."""
        for name, phrases in key.fields(optional=_LANGUAGES).items():
            if name in _LANGUAGES:
                self.add(phrases, owner)


_RULE_OPTIONS: Final = ("response", "co_response", "ask", "fact", "source")


def _rules(top: Mapping[str, Key], phrases: _Phrases) -> dict[str, Rule]:
    """Return every rule by id; those with phrases first, in the order of the file."""
    rules: dict[str, Rule] = {}
    options: Mapping[str, tuple[str, ...]] = {
        "rules": (
            "alone",
            "call_type_only",
            "hides",
            "yields",
            "unless_calm",
            "unless_very_calm",
            "unless_calmest",
            "loose",
            *_LANGUAGES,
        ),
        "system_rules": ("unless_calm",),
        "answers": ("key", "value"),
        "combinations": ("all_of", "any_of"),
    }
    for section, more in options.items():
        for key in top[section].items():
            fields = key.fields("id", "reason", "effect", "explanation", optional=(*_RULE_OPTIONS, *more))
            rule = _rule(fields)
            if rule.id in rules:
                raise key.fault(f"the rule id {rule.id!r} is used twice")
            rules[rule.id] = rule
            _check_unless(section, fields, rule)
            if section == "rules":
                _rule_phrases(key, fields, rule, phrases)
    for wanted in SYSTEM_RULES:
        if wanted not in rules:
            raise top["system_rules"].fault(f"the rule {wanted!r} is missing")
    return rules


def _check_unless(section: str, fields: Mapping[str, Key], rule: Rule) -> None:
    """Refuse a rule that counts unless it sounds calm where that cannot be meant."""
    if rule.unless_calm and rule.effect is not Effect.REVIEW:
        raise fields["unless_calm"].fault("is only for rules with the effect review")
    if rule.unless_very_calm and (rule.unless_calm or rule.effect not in (Effect.UNSAFE, Effect.REVIEW)):
        raise fields["unless_very_calm"].fault(
            "is only for rules with the effect unsafe or review, beside no unless_calm"
        )
    if rule.unless_calmest and (rule.unless_very_calm or rule.effect is not Effect.UNSAFE):
        raise fields["unless_calmest"].fault("is only for rules with the effect unsafe, beside no unless_very_calm")
    if rule.unless_calm and section == "system_rules" and rule.id != UNEXPLAINED:
        raise fields["unless_calm"].fault(f"is, of the system rules, only for {UNEXPLAINED}")


def _rule_phrases(key: Key, fields: Mapping[str, Key], rule: Rule, phrases: _Phrases) -> None:
    stated = [fields[language] for language in _LANGUAGES if language in fields]
    if not stated:
        raise key.fault("has no phrases")
    loose = fields["loose"].fields(optional=_LANGUAGES) if "loose" in fields else {}
    if loose and rule.effect not in (Effect.UNSAFE, Effect.REVIEW):
        raise fields["loose"].fault("is only for rules with the effect unsafe or review")
    listed_loosely = [loose[language] for language in _LANGUAGES if language in loose]
    for is_loose, lists in ((False, stated), (True, listed_loosely)):
        for listed in lists:
            phrases.add(listed, Owner(Role.RULE, rule.id, yields=rule.yields, loose=is_loose or rule.unless_calm))
            if rule.fact in CORE_FOUR:
                phrases.add_deniable(listed, Owner(Role.DENIABLE, rule.id))


def _rule(fields: Mapping[str, Key]) -> Rule:
    def read(name: str, how: Callable[[Key], Any], otherwise: Any) -> Any:
        return how(fields[name]) if name in fields else otherwise

    return Rule(
        id=fields["id"].text(),
        reason=None if fields["reason"].value is None else fields["reason"].text(),
        effect=fields["effect"].one_of(Effect),
        explanation=fields["explanation"].text(),
        response=read("response", lambda key: key.one_of(RecommendedResponse), RecommendedResponse.POLICE),
        co_response=read("co_response", Key.flag, otherwise=False),
        ask=read("ask", Key.fact, None),
        fact=read("fact", Key.fact, None),
        hides=read("hides", Key.flag, otherwise=False),
        yields=read("yields", Key.flag, otherwise=False),
        unless_calm=read("unless_calm", Key.flag, otherwise=False),
        unless_very_calm=read("unless_very_calm", Key.flag, otherwise=False),
        unless_calmest=read("unless_calmest", Key.flag, otherwise=False),
        call_type_only=read("call_type_only", Key.flag, otherwise=False),
        alone=read("alone", Key.flag, otherwise=False),
    )


def _answers(key: Key, rules: Mapping[str, Rule]) -> tuple[AnswerRule, ...]:
    found = []
    for item in key.items():
        fields = item.mapping()
        for name in ("key", "value"):
            if name not in fields:
                raise item.fault(f"{name} is missing")
        value = fields["value"].value
        if not isinstance(value, str):
            raise fields["value"].fault("must be text (write yes and no in quotes)")
        found.append(AnswerRule(fields["key"].text(), value, rules[fields["id"].text()]))
    return tuple(found)


def _signals(key: Key, phrases: _Phrases) -> set[str]:
    names = set()
    for name, signal in key.mapping().items():
        phrases.add_languages(signal, Owner(Role.SIGNAL, name))
        names.add(name)
    for wanted in SIGNALS:
        if wanted not in names:
            raise key.fault(f"the signal {wanted!r} is missing")
    return names


def _combinations(key: Key, rules: Mapping[str, Rule], known: set[str]) -> tuple[Combination, ...]:
    found = []
    for item in key.items():
        fields = item.mapping()
        names = {part: fields[part].texts() if part in fields else () for part in ("all_of", "any_of")}
        for part, listed in names.items():
            for name in listed:
                if name not in known and name.removeprefix("rule:") not in rules:
                    raise fields[part].fault(f"there is no signal, answer or rule {name!r}")
        if not names["all_of"]:
            raise item.fault("all_of must name something")
        found.append(Combination(rules[fields["id"].text()], names["all_of"], names["any_of"]))
    return tuple(found)


def _denials(key: Key, phrases: _Phrases) -> None:
    fields = key.fields(
        "joins", "disjoins", "callers", "heads", "nominal_heads", "finite", "undeniable", "slight", "answers",
        "answers_to_all", "asking", "askers", "items", "whole",
        "tails", "harmless", "reserves", "limits", "exceptions", "doubts", "accused", "unknown",
    )  # fmt: skip
    plain = {
        "heads": Role.DENIAL_HEAD,
        "nominal_heads": Role.NOMINAL_HEAD,
        "finite": Role.FINITE,
        "answers": Role.ANSWER,
        "answers_to_all": Role.ANSWER_TO_ALL,
        "asking": Role.ASKING,
        "askers": Role.ASKER,
        "harmless": Role.HARMLESS,
        "reserves": Role.RESERVE,
        "tails": Role.DENIAL_TAIL,
        "limits": Role.LIMIT,
        "exceptions": Role.EXCEPTION,
        "doubts": Role.DOUBT,
        "accused": Role.ACCUSED,
    }
    for name, role in plain.items():
        phrases.add_languages(fields[name], Owner(role))
    by_fact = {"items": Role.DENIAL_ITEM, "whole": Role.DENIAL, "unknown": Role.UNKNOWN}
    for name, role in by_fact.items():
        for item in fields[name].items():
            stated = item.fields("denies", optional=_LANGUAGES)
            facts = stated["denies"].texts()
            for fact in facts:
                if fact not in CORE_FOUR:
                    raise stated["denies"].fault(f"{fact!r} is none of {', '.join(CORE_FOUR)}")
            for language in _LANGUAGES:
                if language in stated:
                    phrases.add(stated[language], Owner(role, facts=frozenset(facts)))


def _words(key: Key, name: str) -> frozenset[str]:
    return frozenset(word for text in key.mapping()[name].texts() for word in text.split())


def _codes(key: Key) -> dict[str, CodeEntry]:
    found: dict[str, CodeEntry] = {}
    for group in key.items():
        fields = group.fields("verdict", "codes", optional=("matter", "group", "gathering", "response", "note"))
        entry = CodeEntry(
            verdict=fields["verdict"].one_of(CodeVerdict),
            matter=fields["matter"].one_of(Matter) if "matter" in fields else Matter.OPEN,
            group=fields["group"].flag() if "group" in fields else False,
            gathering=fields["gathering"].flag() if "gathering" in fields else False,
            response=(
                fields["response"].one_of(RecommendedResponse) if "response" in fields else RecommendedResponse.POLICE
            ),
        )
        for item in fields["codes"].items():
            code = normal_code(item.text())
            if code in found:
                raise item.fault(f"the code {code!r} is listed twice")
            found[code] = entry
    return found


def _limits(key: Key) -> Limits:
    later = "most_unknown_share"  # the first versions do not state it
    fields = key.fields(*(Limits.__dataclass_fields__.keys() - {later}), optional=(later,))
    return Limits(
        people_in_quarrel=int(fields["people_in_quarrel"].number(1, 1000)),
        people_at_gathering=int(fields["people_at_gathering"].number(1, 10_000)),
        adult_age=int(fields["adult_age"].number(1, 30)),
        least_known_words=int(fields["least_known_words"].number(1, 100)),
        least_known_share=fields["least_known_share"].number(0, 1),
        unknown_words_forgiven=int(fields["unknown_words_forgiven"].number(0, 100)),
        most_unknown_share=fields[later].number(0, 1) if later in fields else 1,
        words_per_explanation=int(fields["words_per_explanation"].number(1, 1000)),
        words_per_explained_deed=int(fields["words_per_explained_deed"].number(1, 1000)),
        shortest_to_explain=int(fields["shortest_to_explain"].number(1, 1000)),
        unexplained_words_forgiven=int(fields["unexplained_words_forgiven"].number(0, 1000)),
        most_foreign_share=fields["most_foreign_share"].number(0, 1),
    )


def _questions(key: Key) -> dict[str, Question]:
    found = {}
    for name, question in key.mapping().items():
        fields = question.fields("en", "es")
        if name not in FACT_KEYS:
            raise question.fault(f"is no fact: one of {', '.join(FACT_KEYS)}")
        found[name] = Question(fields["en"].text(), fields["es"].text())
    return found


def _check_questions(protocol: Protocol, key: Key) -> None:
    asked = {*CORE_FOUR, *(rule.ask for rule in protocol.rules.values() if rule.ask is not None)}
    for fact in sorted(asked):
        if fact not in protocol.questions:
            raise key.fault(f"the question about {fact!r} is missing")
