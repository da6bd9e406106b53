"""A protocol's document is read strictly, and every fault names the key at fault."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from services.intake.domain.triage.model import CORE_FOUR, Effect, RecommendedResponse
from services.intake.domain.triage.protocol import SIGNALS, SYSTEM_RULES, CodeVerdict, ProtocolInvalid, normal_code
from services.intake.domain.triage.protocol_file import PROTOCOLS, load_protocol, protocol_in_force
from services.intake.domain.triage.protocol_parse import parse_protocol
from tests.unit.intake.evidence import PROTOCOL

Change = Callable[[dict[str, Any]], object]


LIMITS: Final = {
    "people_in_quarrel": 10,
    "people_at_gathering": 30,
    "adult_age": 18,
    "least_known_words": 1,
    "least_known_share": 0.5,
    "unknown_words_forgiven": 1,
    "most_unknown_share": 0.5,
    "words_per_explanation": 8,
    "words_per_explained_deed": 5,
    "shortest_to_explain": 3,
    "unexplained_words_forgiven": 11,
    "most_foreign_share": 0.3,
}


def minimal() -> dict[str, Any]:
    """Return the smallest document that states a protocol."""
    core = [{"denies": [fact], "en": ["fine"]} for fact in CORE_FOUR]
    return {
        "version": "test",
        "effective_from": "2026-11-01T00:00:00-07:00",
        "approved_by": "a test",
        "languages": ["en"],
        "limits": dict(LIMITS),
        "codes": [{"verdict": "allowed", "matter": "dispute", "codes": ["415N"]}],
        "classes": {"arms": ["gun knife"]},
        "rules": [{"id": "weapon", "reason": "weapon", "effect": "unsafe", "explanation": "x", "en": ["$arms"]}],
        "system_rules": [{"id": rule, "reason": None, "effect": "review", "explanation": "x"} for rule in SYSTEM_RULES],
        "answers": [
            {"id": "yes", "key": "weapons", "value": "yes", "reason": "weapon", "effect": "unsafe", "explanation": "x"}
        ],
        "signals": {signal: {"en": ["sign"]} for signal in SIGNALS},
        "combinations": [
            {"id": "both", "reason": None, "effect": "review", "explanation": "x", "all_of": ["hot", "rule:weapon"]}
        ],
        "denials": {
            "joins": ["or"],
            "disjoins": ["or"],
            "callers": ["rp"],
            "undeniable": ["he if"],
            "slight": ["he at"],
            **{part: {"en": ["no"]} for part in ("heads", "tails", "limits", "exceptions", "doubts", "accused")},
            **{
                part: {"en": ["no"]}
                for part in (
                    "nominal_heads",
                    "finite",
                    "answers",
                    "answers_to_all",
                    "asking",
                    "askers",
                    "reserves",
                    "harmless",
                )
            },
            **{part: copy.deepcopy(core) for part in ("items", "whole", "unknown")},
        },
        "figures": {},
        "ordinary": {},
        "must_explain": {},
        "people": {"en": ["# people"]},
        "caller_age": {},
        "group_places": ["park"],
        "vocabulary": {},
        "questions": {fact: {"en": "x", "es": "y"} for fact in CORE_FOUR},
    }


def test_the_smallest_protocol_is_read() -> None:
    assert parse_protocol(minimal()).version == "test"


FAULTS: list[tuple[str, Change]] = [
    ("version", lambda d: d.pop("version")),
    ("version", lambda d: d.update(version=7)),
    ("extra", lambda d: d.update(extra=1)),
    ("effective_from", lambda d: d.update(effective_from="2026-11-01T00:00:00")),
    ("effective_from", lambda d: d.update(effective_from="soon")),
    ("languages", lambda d: d.update(languages="en")),
    ("limits.adult_age", lambda d: d["limits"].update(adult_age=True)),
    ("limits.least_known_share", lambda d: d["limits"].update(least_known_share=1.5)),
    ("limits.most_unknown_share", lambda d: d["limits"].update(most_unknown_share=-1)),
    ("line_ends.denying", lambda d: d.update(line_ends={"never_last": ["the"]})),
    ("line_ends.never_last[0]", lambda d: d.update(line_ends={"never_last": [7], "denying": ["no"], "denied": ["it"]})),
    ("limits.people", lambda d: d["limits"].update(people=3)),
    ("codes[0].verdict", lambda d: d["codes"][0].update(verdict="maybe")),
    ("codes[0].codes[1]", lambda d: d["codes"][0].update(codes=["415N", "415 n"])),
    ("codes[0].codes[0]", lambda d: d["codes"][0].update(codes=[415])),
    ("classes.legs", lambda d: d["classes"].update(legs=["$none"])),
    ("rules[0].effect", lambda d: d["rules"][0].update(effect="fine")),
    ("rules[0].en[0]", lambda d: d["rules"][0].update(en=["$nothing"])),
    ("rules[0].en[0]", lambda d: d["rules"][0].update(en=["Knife"])),
    ("rules[0]", lambda d: d["rules"][0].pop("en")),
    ("rules[0].explanation", lambda d: d["rules"][0].pop("explanation")),
    ("rules[0].ask", lambda d: d["rules"][0].update(ask="weather")),
    ("rules[0].hides", lambda d: d["rules"][0].update(hides="yes")),
    ("rules[1]", lambda d: d["rules"].append(d["rules"][0])),
    ("system_rules", lambda d: d["system_rules"].pop()),
    ("answers[0].value", lambda d: d["answers"][0].update(value=True)),
    ("signals", lambda d: d["signals"].pop("conflict")),
    ("combinations[0].all_of", lambda d: d["combinations"][0].update(all_of=["none"])),
    ("combinations[0]", lambda d: d["combinations"][0].pop("all_of")),
    ("denials.items[0].denies", lambda d: d["denials"]["items"][0].update(denies=["money"])),
    ("denials.heads.fr", lambda d: d["denials"]["heads"].update(fr=["pas"])),
    ("denials.doubts", lambda d: d["denials"].pop("doubts")),
    ("questions", lambda d: d["questions"].pop("threats")),
    ("questions.weather", lambda d: d["questions"].update(weather={"en": "x", "es": "y"})),
    ("questions.weapons.es", lambda d: d["questions"]["weapons"].pop("es")),
]


@pytest.mark.parametrize(("key", "change"), FAULTS)
def test_a_fault_names_its_key(key: str, change: Change) -> None:
    document = minimal()
    change(document)
    with pytest.raises(ProtocolInvalid) as refused:
        parse_protocol(document)
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("version: a\nversion: b\n", "version"),
        ("- a list\n", "p.yaml"),
        ("a: [", "p.yaml"),
        ("", "p.yaml"),
    ],
)
def test_a_file_that_yaml_would_quietly_repair_is_refused(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProtocolInvalid) as refused:
        load_protocol(path)
    assert refused.value.key == key


def test_of_the_protocols_whose_time_has_come_the_newest_is_in_force(tmp_path: Path) -> None:
    import yaml

    for name, start in (("a", "2026-01-01T00:00:00+00:00"), ("b", "2026-06-01T00:00:00+00:00")):
        document = minimal() | {"version": name, "effective_from": start}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    assert protocol_in_force(datetime(2026, 3, 1, tzinfo=UTC), tmp_path).version == "a"
    assert protocol_in_force(datetime(2026, 7, 1, tzinfo=UTC), tmp_path).version == "b"
    with pytest.raises(ProtocolInvalid):
        protocol_in_force(datetime(2025, 7, 1, tzinfo=UTC), tmp_path)


# --- the protocol that is shipped


def test_the_shipped_protocol_is_in_force_from_its_day() -> None:
    assert protocol_in_force(datetime(2026, 11, 23, tzinfo=UTC)).version == PROTOCOL.version


def test_every_hazard_of_the_policy_has_a_rule_that_disqualifies() -> None:
    policy = {
        "weapon", "weapon_possible", "weapon_access", "violence_now", "violence_imminent", "aggression", "restraint",
        "vehicle_weapon", "injury", "threat", "threat_conditional", "threat_implied", "dv", "restraining_order",
        "stalking", "crime_in_progress", "forced_entry", "property_destruction", "sexual_offense", "extortion",
        "trafficking", "gang", "child_risk", "elder_abuse", "missing_person", "minor_caller", "intox_aggressive",
        "suicidal_means", "suicidal_ideation", "mental_crisis", "medical", "overdose", "fire_hazard",
        "dangerous_animal", "caller_unsafe", "unknown_trouble", "hate", "crowd", "code_floor", "out_of_scope",
    }  # fmt: skip
    assert policy <= {rule.reason for rule in PROTOCOL.rules.values() if rule.effect is Effect.UNSAFE}


def test_every_review_reason_of_the_policy_has_a_rule() -> None:
    policy = {
        "missing_info", "weapon_history", "violence_history", "intox_calm", "fear", "dv_verbal", "crowd_size",
        "repeat_calls", "gang_rumor", "hate_slur", "immigration_threat", "ambiguous_statement", "tool_in_hand",
        "toy_weapon", "unintelligible", "language_unsupported", "tampering", "consent_refused", "location_unknown",
        "code_review",
    }  # fmt: skip
    assert policy <= {rule.reason for rule in PROTOCOL.rules.values() if rule.effect is Effect.REVIEW}


def test_only_the_proof_makes_a_call_safe() -> None:
    assert [rule.id for rule in PROTOCOL.rules.values() if rule.effect is Effect.SAFE] == ["core_four_denied"]


def test_a_rule_that_hides_others_never_lets_a_call_through_by_itself() -> None:
    hiding = [rule for rule in PROTOCOL.rules.values() if rule.hides]
    assert hiding
    assert all(rule.effect in (Effect.REVIEW, Effect.UNSAFE) for rule in hiding)


def test_the_codes_of_the_policy_stand_where_it_puts_them() -> None:
    def verdicts(codes: str) -> set[CodeVerdict | None]:
        return {None if (entry := PROTOCOL.code(code)) is None else entry.verdict for code in codes.split()}

    allowed = "415 415N 415F 415G 415B 507 507M 507P 507C LLT PKG ANIM 594 484 602 601 902 SCHL 653M"
    never = "187 207 211 242 242D 245 246 261 273.5 273.6 288 314 417 422 451 459 918V AMB FIRE SHOTS"
    assert verdicts(allowed) == {CodeVerdict.ALLOWED}
    assert verdicts(never) == {CodeVerdict.NEVER}
    assert verdicts("620D 918 390 UNKTRB WELCK") == {CodeVerdict.REVIEW}
    assert verdicts("ASSAULT DVA WEAPON THREATS SUICTHRT 415V 415DV 5150V") == {CodeVerdict.NEVER}
    assert {PROTOCOL.code(code).response for code in ("AMB", "FIRE")} == {RecommendedResponse.EMS_FIRE}  # type: ignore[union-attr]  # both are listed


def test_a_code_is_read_without_blanks_and_case() -> None:
    assert normal_code(" 415 n") == "415N"


def test_both_languages_are_asked_in_words_of_their_own() -> None:
    assert set(CORE_FOUR) <= set(PROTOCOL.questions)
    assert all(question.en != question.es for question in PROTOCOL.questions.values())


def test_no_phrase_is_cut_where_a_number_begins_a_comment() -> None:
    """A blank and "#" begin a comment in YAML: outside quotation marks all the phrases behind them would be lost."""
    for path in PROTOCOLS.glob("*.yaml"):
        for at, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            said, mark, behind = line.partition(" #")
            unquoted = said.lstrip().startswith("- ") and '"' not in said
            assert not (mark and unquoted and " / " in behind), f"{path.name}, line {at}"
