"""Ambiguous words and loose constructions in a protocol's file: what it must state, and how a council does without."""

from dataclasses import replace
from typing import Any

import pytest

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import Effect, Verdict
from services.intake.domain.triage.protocol import (
    AMBIGUOUS,
    AMBIGUOUS_SHOWN,
    SECOND_OPINION,
    UNEXPLAINED,
    UNEXPLAINED_SHOWN,
    ProtocolInvalid,
)
from services.intake.domain.triage.protocol_parse import parse_protocol
from tests.unit.intake.evidence import PROTOCOL, QUARREL, evidence, in_short, rules, said
from tests.unit.intake.test_triage_ambiguous import ACROSS, MENU


def with_changes(
    section: dict[str, Any] | None = None, *, without: str | None = None, effects: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the document of the protocol with another section `second_opinion`, or without it or one system rule.

    `effects`: other effects of system rules, by id.
    """
    document = dict(PROTOCOL.document)
    if section is None:
        del document[SECOND_OPINION]
    else:
        stated = {**document[SECOND_OPINION], **section}
        document[SECOND_OPINION] = {key: value for key, value in stated.items() if value is not None}
    document["system_rules"] = [
        {**stated, "effect": (effects or {}).get(stated["id"], stated["effect"])}
        for stated in document["system_rules"]
        if stated["id"] != without
    ]
    return document


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (with_changes(), "ambiguous: what counts unless it sounds calm needs the section 'second_opinion'"),
        (with_changes({"above_ambiguous": None}), "second_opinion.above_ambiguous: is missing"),
        (with_changes({"above_ambiguous": 2}), r"second_opinion.above_ambiguous: must be a number from -100 to 0"),
        (with_changes({"above_ambiguous_story": None}), "second_opinion.above_ambiguous_story: is missing"),
        (with_changes({"above_unnamed": 2}), r"second_opinion.above_unnamed: must be a number from -100 to 0"),
        (with_changes({}, without=AMBIGUOUS), "second_opinion: needs the rule 'ambiguous_word'"),
        (with_changes({}, without=AMBIGUOUS_SHOWN), "second_opinion: needs the rule 'ambiguous_shown'"),
        (with_changes({}, effects={AMBIGUOUS: "note"}), "'ambiguous_word' .* with the effect review"),
        (with_changes({}, effects={AMBIGUOUS_SHOWN: "safe"}), "'ambiguous_shown' .* with the effect note"),
    ],
)
def test_a_protocol_cannot_list_them_and_ask_nobody(document: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProtocolInvalid, match=fault):
        parse_protocol(in_short(document))


def in_rules(**more: Any) -> dict[str, Any]:
    """Return the document in which everything counts for good, but for `more` in a rule."""
    document = with_changes()
    del document["ambiguous"]
    document["rules"] = [
        {**strict(rule), **(more if rule["id"] == "tool_in_hand" else {})} for rule in PROTOCOL.document["rules"]
    ]
    document["system_rules"] = [strict(rule) for rule in document["system_rules"]]
    return document


def strict(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule as a council would state it that trusts nobody's ear: what is loose counts in full."""
    heard = ("unless_calm", "unless_very_calm", "unless_calmest", "loose")
    stated = {key: value for key, value in rule.items() if key not in heard}
    for language, phrases in rule.get("loose", {}).items():
        stated[language] = [*rule.get(language, ()), *phrases]
    return stated


@pytest.mark.parametrize(
    "more",
    [
        {"unless_calm": True},
        {"unless_very_calm": True},
        {"unless_calmest": True, "effect": "unsafe"},
        {"loose": {"en": ["shot of"]}},
    ],
)
def test_nor_may_a_rule_count_unless_it_sounds_calm_with_nobody_to_hear_it(more: dict[str, Any]) -> None:
    with pytest.raises(ProtocolInvalid, match="rules: what counts unless it sounds calm needs the section"):
        parse_protocol(in_short(in_rules(**more)))


@pytest.mark.parametrize(
    ("section", "rule", "more", "fault"),
    [
        ("rules", "weapon", {"unless_calm": True}, "unless_calm: is only for rules with the effect review"),
        ("rules", "gang_rumor", {"unless_calm": True}, "unless_very_calm: is only for rules with the effect"),
        ("rules", "blades_named", {"effect": "note"}, "unless_very_calm: is only for rules with the effect"),
        (
            "rules",
            "blades_named",
            {"unless_calmest": True},
            "unless_calmest: is only for rules with the effect unsafe, be",
        ),
        ("rules", "fear", {"unless_calmest": True}, "unless_calmest: is only for rules with the effect unsafe"),
        ("rules", "weapon", {"loose": {"fr": ["feu"]}}, "loose.fr: is not a key of a protocol"),
        (
            "rules",
            "threat",
            {"effect": "note", "loose": {"en": ["gun of"]}},
            "loose: is only for rules with the effect",
        ),
        ("system_rules", "no_text", {"unless_calm": True}, "unless_calm: is, of the system rules, only for unexpl"),
    ],
)
def test_what_may_count_unless_it_sounds_calm(section: str, rule: str, more: dict[str, Any], fault: str) -> None:
    document = with_changes({})
    document[section] = [{**stated, **more} if stated["id"] == rule else stated for stated in document[section]]
    with pytest.raises(ProtocolInvalid, match=fault):
        parse_protocol(in_short(document))


def test_without_all_of_it_every_word_counts_in_full() -> None:
    document = {**in_rules(), SECOND_OPINION: dict(PROTOCOL.document[SECOND_OPINION])}
    for key in [key for key in document[SECOND_OPINION] if key.startswith("above_") and key != "above_sentence"]:
        del document[SECOND_OPINION][key]
    counted = parse_protocol(document)
    for told in (MENU, ACROSS):
        assert decide(evidence(said(f"{QUARREL} {told}")), counted, PlanRules()).verdict is Verdict.UNSAFE


def test_words_that_nobody_explains_are_heard_only_where_the_protocol_says_so() -> None:
    document = dict(PROTOCOL.document)
    document["system_rules"] = [strict(rule) for rule in document["system_rules"]]
    told = f"{QUARREL} He told them they wont be strolling much longer by the purple entrance."
    asked = PROTOCOL.second_opinion
    assert asked is not None
    calm = asked._replace(above=10**15, above_ambiguous=10**14, above_ambiguous_story=10**14)
    for protocol, effect in ((PROTOCOL, Effect.NOTE), (parse_protocol(document), Effect.REVIEW)):
        decision = decide(evidence(said(told)), replace(protocol, second_opinion=calm), PlanRules())
        assert {UNEXPLAINED, UNEXPLAINED_SHOWN} & rules(decision, effect)
