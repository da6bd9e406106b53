"""Take any one hazard rule away, and a test here fails: each has an example that no other rule catches."""

from dataclasses import replace
from typing import Any, Final

import pytest

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import Effect, Evidence, Verdict
from services.intake.domain.triage.protocol import SYSTEM_RULES, Owner, Protocol, Role
from tests.unit.intake.evidence import ALL_DENIED, PROTOCOL, QUARREL, evidence, rules, said

ONLY_THIS_RULE: Final = {
    "weapon": "He has a knife.",
    "weapon_object": "He picked up a brick.",
    "weapon_possible": "He keeps reaching for his waistband.",
    "weapon_access": "He is a hunter.",
    "violence_now": "He punched her.",
    "attacked_with": "El dueño está disparando hacia la casa.",
    "violence_imminent": "They are chest to chest.",
    "aggression": "He is pounding on the door.",
    "restraint": "No la deja salir.",
    "vehicle_weapon": "Le echó el carro encima.",
    "injury": "She is bleeding.",
    "blades_named": "They have knives.",
    "threat": "He threatened RP.",
    "threat_conditional": "Try me.",
    "threat_implied": "He said she won't see tomorrow.",
    "dv_words": "Es muy celoso.",
    "restraining_order": "Tiene orden de restricción.",
    "stalking": "A man follows her home.",
    "crime_in_progress": "Lo asaltaron.",
    "forced_entry": "He forced the door.",
    "property_destruction": "He egged the car.",
    "sexual_offense": "La manoseó.",
    "extortion": "They extort the vendors.",
    "trafficking": "It is human trafficking.",
    "gang": "They are gang members.",
    "child_risk": "The kids are home alone.",
    "elder_abuse": "He keeps her pension.",
    "missing_person": "He has dementia.",
    "minor_caller": "Voz de niño.",
    "intox_aggressive": "He is strung out.",
    "self_poisoning": "She sat down on the steps w a bottle of pills.",
    "suicidal_means": "She is on the ledge.",
    "suicidal_ideation": "She wants to die.",
    "delusion": "The staff are all robots.",
    "mental_crisis": "She is psychotic.",
    "medical_sign": "Pain in his left arm.",
    "medical": "She can't breathe.",
    "overdose": "She took too many.",
    "fire_hazard": "There is a fire.",
    "smoke_unexplained": "There is smoke.",
    "dangerous_animal": "There are bees.",
    "caller_unsafe": "RP is whispering.",
    "unknown_trouble": "A woman is screaming.",
    "hate": "It is a hate crime.",
    "code_alone": "242.",
    "code_in_words": "It is a 242 now.",
    "crowd_hostile": "A mob is forming.",
    "out_of_scope": "There is a pothole.",
}
"""By rule, words that no other rule finds as bad: added to a safe call they decide it."""

ONLY_IN_THE_CALL_TYPE: Final = {"code_modifier_danger": "415 SUSP NOW"}

ONLY_THIS_ANSWER: Final[dict[str, dict[str, Any]]] = {
    "answer_weapons": {"weapons": "yes"},
    "answer_violence": {"violence": "yes"},
    "answer_injuries": {"injuries": "yes"},
    "answer_threats": {"threats": "yes"},
    "answer_caller_unsafe": {"caller_safe": "no"},
    "answer_minors": {"minors_at_risk": "yes"},
    "answer_suicidal": {"suicidal": "yes"},
    "answer_fire_medical": {"fire_medical": "yes"},
    "answer_mental": {"mental_health_crisis": "yes"},
}

ONLY_THIS_COMBINATION: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "dv_control_in_words": ("Her husband wont listen.", {}),
    "dv_control_in_answers": ("He wont listen.", {"dv_relation": "yes"}),
    "dv_history": ("Her husband was in jail.", {}),
    "dv_history_in_answers": ("He was in jail.", {"dv_relation": "yes"}),
    "intox_loud": ("He is drunk. Yelling in the yard.", {}),
    "intox_loud_in_answers": ("He is yelling.", {"intoxication": "yes"}),
}


def deprived(rule: str) -> Protocol:
    """Return the shipped protocol without `rule`."""
    return replace(
        PROTOCOL,
        owners=tuple(
            Owner(Role.VOCABULARY) if owner.role is Role.RULE and owner.name == rule else owner
            for owner in PROTOCOL.owners
        ),
        answers=tuple(answer for answer in PROTOCOL.answers if answer.rule.id != rule),
        combinations=tuple(found for found in PROTOCOL.combinations if found.rule.id != rule),
    )


def decides(rule: str, call: Evidence) -> bool:
    """True when `call` is unsafe by `rule`, and without it is decided otherwise."""
    whole, without = decide(call, PROTOCOL, PlanRules()), decide(call, deprived(rule), PlanRules())
    changed = (without.verdict, without.disposition) != (whole.verdict, whole.disposition)
    return whole.verdict is Verdict.UNSAFE and rule in rules(whole, Effect.UNSAFE) and changed


@pytest.mark.parametrize("rule", ONLY_THIS_RULE)
def test_without_its_rule_a_danger_in_words_is_missed(rule: str) -> None:
    assert decides(rule, evidence(said(f"{QUARREL} {ONLY_THIS_RULE[rule]}")))


@pytest.mark.parametrize("rule", ONLY_IN_THE_CALL_TYPE)
def test_without_its_rule_a_danger_in_the_call_type_is_missed(rule: str) -> None:
    assert decides(rule, evidence(said(QUARREL, call_type_text=ONLY_IN_THE_CALL_TYPE[rule])))


@pytest.mark.parametrize("rule", ONLY_THIS_ANSWER)
def test_without_its_rule_a_bad_answer_is_missed(rule: str) -> None:
    assert decides(rule, evidence(said(QUARREL, answers={**ALL_DENIED, **ONLY_THIS_ANSWER[rule]})))


@pytest.mark.parametrize("rule", ONLY_THIS_COMBINATION)
def test_without_its_rule_a_bad_combination_is_missed(rule: str) -> None:
    words, answers = ONLY_THIS_COMBINATION[rule]
    assert decides(rule, evidence(said(f"{QUARREL} {words}", answers={**ALL_DENIED, **answers})))


def test_every_hazard_rule_has_its_example() -> None:
    stated = {*ONLY_THIS_RULE, *ONLY_IN_THE_CALL_TYPE, *ONLY_THIS_ANSWER, *ONLY_THIS_COMBINATION}
    hazards = {rule.id for rule in PROTOCOL.rules.values() if rule.effect is Effect.UNSAFE}
    assert stated == hazards - set(SYSTEM_RULES)  # a protocol without a system rule is refused: test_triage_protocol.py
