"""docs/protocol.md: the newest triage protocol, for those who have to approve it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from services.documents.words import page as whole_page
from services.documents.words import table
from services.intake.domain.triage.model import Effect
from services.intake.domain.triage.protocol import SECOND_OPINION, CodeVerdict, Protocol, Rule
from services.intake.domain.triage.protocol_file import PROTOCOLS, load_protocol

_SHOWN: Final = 4
_LANGUAGES: Final = (("en", "English"), ("es", "Spanish"))
_EFFECTS: Final[Mapping[Effect, tuple[str, str]]] = {
    Effect.UNSAFE: (
        "Never civilian",
        "One of these is enough. No later denial, no score and no reviewer outweighs it.",
    ),
    Effect.RETURN: ("Goes back at once", "Not dangerous, but no civilian team may serve it."),
    Effect.REVIEW: (
        "A person decides first",
        "A reviewer reads the words and clears exactly these reasons, or returns the call.",
    ),
    Effect.SAFE: ("What makes a call safe", "Only one of these, with nothing above, lets a team go."),
    Effect.NOTE: ("Shown, decides nothing", "The crew and the reviewer see it."),
}
_CODES: Final[Mapping[CodeVerdict, str]] = {
    CodeVerdict.ALLOWED: "may be civilian, if everything else allows it",
    CodeVerdict.REVIEW: "a person decides first",
    CodeVerdict.NEVER: "never civilian",
}
_WHOLE: Final = (
    "This page explains every rule and shows examples of what it hears. All its words are in the protocol file and, by version, at "
    "`GET /v1/protocol/{version}` of intake."
)
_RESPONSES: Final = {"police": "police", "ems_fire": "EMS or fire", "crisis_line": "crisis line"}


def newest() -> Protocol:
    """Return the protocol that comes into force last of those that come with this code."""
    return max(
        (load_protocol(path) for path in PROTOCOLS.glob("*.yaml")),
        key=lambda found: (found.effective_from, found.version),
    )


def page() -> str:
    """Return the page."""
    protocol = newest()
    parts = (_rules, _ambiguous, _answers, _codes, _limits)
    blocks = [_WHOLE, _head(protocol), *(block for part in parts for block in part(protocol))]
    return whole_page(
        "The triage protocol", "`services/intake/domain/triage/protocols/`", *blocks, *_questions(protocol), _PRINCIPLES
    )


def _head(protocol: Protocol) -> str:
    languages = ", ".join(name for tag, name in _LANGUAGES if tag in protocol.languages)
    return table(("", ""), [
        ("version", f"`{protocol.version}`"),
        ("in force from", protocol.effective_from.isoformat()),
        ("approved by", protocol.approved_by),
        ("reads", f"{languages}; a text in another language goes to a reviewer"),
    ])  # fmt: skip


def _rules(protocol: Protocol) -> Iterable[str]:
    listed = {rule["id"]: rule for rule in protocol.document["rules"]}
    classes: Mapping[str, Sequence[str]] = protocol.document["classes"]
    for effect, (title, means) in _EFFECTS.items():
        rules = [rule for rule in protocol.rules.values() if rule.effect is effect]
        if rules:
            rows = [
                (
                    f"`{rule.id}`",
                    rule.explanation,
                    *(_heard(listed.get(rule.id, {}).get(tag) or (), classes) for tag, _ in _LANGUAGES),
                    _sent(rule),
                )
                for rule in rules
            ]
            yield f"## {title}"
            yield means
            yield table(
                ("rule", "why", *(f"{name} words, such as" for _, name in _LANGUAGES), "who should go instead"), rows
            )


def _heard(lines: Sequence[str], classes: Mapping[str, Sequence[str]]) -> str:
    """Return some of the phrases as people would say them, and how many there are."""
    phrases = [phrase for line in lines for phrase in line.split(" / ")]
    said = list(dict.fromkeys(spoken(phrase, classes) for phrase in phrases))
    shown = ", ".join(f"*{words}*" for words in said[:_SHOWN])
    return f"{shown} and {len(phrases) - _SHOWN} more patterns" if len(phrases) > _SHOWN else shown


def spoken(phrase: str, classes: Mapping[str, Sequence[str]]) -> str:
    """Return one way to say a phrase: the first word of each place, without what may be left out."""
    words = []
    for place in re.findall(r"\[[^\]]*\]|\S+", phrase):
        if place.startswith("["):
            continue
        if re.fullmatch(r"\.\.\d+", place):
            words.append("…")
            continue
        first = place.split("|")[0]
        while first.startswith("$"):
            first = classes[first[1:]][0].split()[0].split("|")[0]
        words.append(first.replace("*", "…"))
    return " ".join(words)


def _sent(rule: Rule) -> str:
    if rule.effect not in {Effect.UNSAFE, Effect.RETURN, Effect.REVIEW}:
        return ""
    return _RESPONSES[rule.response.value] + ("; or both, once cleared" if rule.co_response else "")


def _answers(protocol: Protocol) -> Iterable[str]:
    rows = [
        (f"`{entry.key}`", f"`{entry.value}`", f"`{entry.rule.id}`", entry.rule.effect.value)
        for entry in protocol.answers
    ]
    yield "## What the call-taker's answers do"
    yield (
        "Each of weapons, violence, injuries and threats must be known to be absent, by an answer or by words, before a call can be safe."
        " An answer that is missing or `unknown` is never taken for `no`."
    )
    yield table(("answer", "value", "rule", "effect"), rows)
    if protocol.combinations:
        yield "Several things together:"
        yield table(
            ("rule", "all of", "and one of", "effect"),
            [
                (f"`{c.rule.id}`", ", ".join(c.all_of), ", ".join(c.any_of), c.rule.effect.value)
                for c in protocol.combinations
            ],
        )


def _codes(protocol: Protocol) -> Iterable[str]:
    by_verdict: defaultdict[CodeVerdict, list[str]] = defaultdict(list)
    for code, entry in protocol.codes.items():
        by_verdict[entry.verdict].append(code)
    rows = [
        (f"`{verdict}`: {_CODES[verdict]}", ", ".join(sorted(by_verdict[verdict])))
        for verdict in CodeVerdict
        if by_verdict[verdict]
    ]
    yield "## Call type codes"
    yield "A code alone never makes a call safe. One that is in no list goes to a reviewer."
    yield table(("meaning", "codes"), rows)


def _limits(protocol: Protocol) -> Iterable[str]:
    limits = protocol.limits
    yield "## Numbers"
    yield table(("limit", "value"), [
        ("people in a quarrel, at most", f"{limits.people_in_quarrel}"),
        ("guests of a party, at most", f"{limits.people_at_gathering}"),
        ("a caller younger than this is a minor", f"{limits.adult_age}"),
        ("different words that must be understood, at least", f"{limits.least_known_words}"),
        (
            "words that must be understood of any sentences one after the other, at least",
            f"{limits.least_known_share:.0%}, not counting {limits.unknown_words_forgiven} that is not",
        ),
        ("words of any one sentence that are not understood, at most, not counting one name", f"{limits.most_unknown_share:.0%}"),
        ("letters of another script in a sentence, at most", f"{limits.most_foreign_share:.0%}"),
        ("words of a sentence that one ordinary phrase explains, at most", f"{limits.words_per_explanation}"),
        ("the same where something is held, fetched or announced", f"{limits.words_per_explained_deed}"),
    ])  # fmt: skip
    yield (
        "A sentence of the first words that too few ordinary phrases explain is shown. It makes the call a review where "
        "somebody in it holds, carries, fetches, gives, hides or announces something, or a body is near; what somebody "
        "is quoted with always needs an explanation, and so do all such sentences together when they hold more than "
        f"{limits.unexplained_words_forgiven} words. What other sentences tell explains none of these. A thing or a "
        "deed that no list names is a review by its own rule."
    )
    yield (
        "A text is read twice, with its line breaks as ends of sentences and without, and what either reading finds counts. "
        "Where all lines of a paragraph of the narrative look wrapped at one width, a break is none for both behind a word that ends no "
        f"remark ({', '.join(sorted(protocol.line_ends.never_last)) or 'there are none'}) or that denies what comes "
        f"({', '.join(sorted(protocol.line_ends.denying)) or 'there are none'}: where it begins a sentence or goes on a list of denials). "
        "[Why](decisions/0010-however-it-is-written.md)."
    )
    if protocol.second_opinion is not None:
        stated = protocol.document[SECOND_OPINION]
        yield (
            f"A learned reader (`{stated['model']}`) hears each narrative too, without its denials. From log odds of "
            f"{stated['above']} on that the story is unfit, somebody must read it (`{SECOND_OPINION}`): "
            "[what it adds](second-opinion.md)."
        )


def _ambiguous(protocol: Protocol) -> Iterable[str]:
    stated = protocol.document.get(SECOND_OPINION, {})
    if "above_ambiguous" not in stated:
        return
    unless_calm = ", ".join(f"`{rule.id}`" for rule in protocol.rules.values() if rule.unless_calm)
    yield "## Ambiguous words and loose constructions"
    yield (
        "A danger is told in these words, and an ordinary quarrel just as well. Where a call's first account tells of a "
        "hazard in nothing but these, and of none plainly, a learned reader hears the word's own sentence and the whole "
        f"story, denials left out. Where the sentence is above log odds of {stated['above']} that it is unfit the hazard "
        f"counts; up to {stated['above_ambiguous']} in the sentence and {stated['above_ambiguous_story']} in the story the "
        "word is only shown; between these a person reads it. Labels, answers, linked calls and all that is told later "
        "are meant as they say. The same holds for what these rules find in everyday words, but that it is never worse "
        f"than for a person: {unless_calm}. [Why, and what bounds it](decisions/0004-ambiguous-words.md)."
    )
    if "above_unnamed" in stated:
        yield (
            "Where no word names a dispute (`no_conflict_found`), a story is taken for one up to log odds of "
            f"{stated['above_unnamed']}."
        )
    for tag, name in _LANGUAGES:
        listed = protocol.document.get("ambiguous", {}).get(tag, ())
        yield f"**{name}:** {' · '.join(entry.replace('|', ', ') for entry in listed)}"
    if very_calm := ", ".join(f"`{rule.id}`" for rule in protocol.rules.values() if rule.unless_very_calm):
        yield (
            "**Plainly, but very calm.** What these rules find plainly, in everyday words and in a sentence of six words or "
            f"more, is only shown where the sentence is below {stated['above_plain']} and the story below "
            f"{stated['above_plain_story']}, and nothing else counts in full: {very_calm}. "
            "[Why, and what bounds it](decisions/0006-very-calm-stories.md)."
        )
    if calmest := ", ".join(f"`{rule.id}`" for rule in protocol.rules.values() if rule.unless_calmest):
        yield (
            "**Plainly, but the calmest of all.** The same holds for these rules, where the learned reader knows what each word of "
            f"theirs means and the sentence, where it stands in its story, is below {stated['above_calmest']} too: {calmest}. "
            "[Why, and what bounds it](decisions/0013-the-calmest-sentences.md)."
        )
    yield from _loose(protocol)


def _loose(protocol: Protocol) -> Iterable[str]:
    classes: Mapping[str, Sequence[str]] = protocol.document["classes"]
    rows = [
        (f"`{rule['id']}`", *(_heard(rule["loose"].get(tag, ()), classes) for tag, _ in _LANGUAGES))
        for rule in protocol.document["rules"]
        if "loose" in rule
    ]
    if rows:
        yield (
            "**Loose constructions** are phrases of a rule that ordinary sentences fall into by accident. They are heard "
            "as ambiguous words are, where they are told in everyday words."
        )
        yield table(("rule", *(f"{name}, such as" for _, name in _LANGUAGES)), rows)


def _questions(protocol: Protocol) -> Iterable[str]:
    yield "## Questions"
    yield "Of these the answer to a report names the one that would most likely settle the call (`ask_next`)."
    yield table(("fact", "English", "Spanish"), [(f"`{fact}`", q.en, q.es) for fact, q in protocol.questions.items()])


_PRINCIPLES: Final = """
## How the parts work together

1. Everything that was ever said about the call is read, and the dangers that were said about linked calls.
2. Every rule that speaks is recorded with the words that made it speak.
3. The gravest effect decides: *never civilian* before *goes back*, before *a person decides*, before *safe*.
4. More danger never moves a call toward a civilian team; a denial settles only that something was missing, never a danger.
5. A neighborhood's plan may add exclusions, hours and order of disciplines. It has no words that could make a call safe.
6. A version is never edited. A new one has a date from which it decides, and the name of who approved it; every decision keeps the
   version that made it (`GET /v1/protocol/{version}`).
7. While a call lives, every version that has decided it is asked again at each decision, and what any of them has against civilians stands:
   the date of a file alone never makes a call safer. No call is decided by an older version than before.
"""
