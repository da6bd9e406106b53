"""Our own cases against the shipped protocol: written by hand, each round before it was run, labelled by the policy.

They over-represent hard cases, on purpose. What was wrong in a round was mended in general, so these figures show that
nothing has come back; only the next round, unseen, shows how far the protocol goes (CHANGELOG.md has each round's).
"""

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from services.intake.domain.triage.model import CORE_FOUR, Decision, Disposition, Effect, Place, Statement, Verdict
from tests.unit.intake.evidence import HOME, decided
from tests.unit.intake.test_triage_hazards import HAZARDS

CASES: Final = Path(__file__).parent / "cases"


class Case(NamedTuple):
    id: str
    record: Mapping[str, Any]
    expected: Mapping[str, Any]

    def decide(self, more: str = "", **answers: str) -> Decision:
        """Return the decision, with `more` said after the narrative."""
        record = self.record
        given = {**record["answers"], **answers}
        statement = Statement(
            "report",
            f"{record['narrative']} {more}".strip(),
            record["call_type_code"],
            record["call_type_text"],
            None if record["language"] == "mixed" else record["language"],
            given,
        )
        return decided(statement, place=Place.unknown() if given.get("location_known") == "no" else HOME)


@cache
def cases() -> tuple[Case, ...]:
    lines = [line for path in sorted(CASES.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return tuple(Case(record["id"], record, record["expected"]) for record in map(json.loads, lines))


@cache
def read() -> tuple[tuple[Case, Decision], ...]:
    return tuple((case, case.decide()) for case in cases())


def labelled(value: object) -> list[tuple[Case, Decision]]:
    return [(case, decision) for case, decision in read() if case.expected["safe_for_civilian"] == value]


def test_there_are_many_cases_of_every_kind() -> None:
    assert len(cases()) >= 250
    assert len({case.id for case in cases()}) == len(cases())
    languages = Counter(case.record["language"] for case in cases())
    assert min(languages["en"], languages["es"], languages["mixed"]) >= 10
    for value in (True, False, "review"):
        assert len(labelled(value)) >= 40


def test_nothing_dangerous_is_found_safe() -> None:
    assert [case.id for case, decision in labelled(value=False) if decision.verdict is Verdict.SAFE] == []


def test_nothing_that_a_person_must_look_at_is_found_safe() -> None:
    assert [case.id for case, decision in labelled("review") if decision.verdict is Verdict.SAFE] == []


def test_most_calls_that_are_safe_are_found_so_and_given_the_fitting_team() -> None:
    civil = labelled(value=True)
    captured = [(case, decision) for case, decision in civil if decision.verdict is Verdict.SAFE]
    print(f"captured {len(captured)} of {len(civil)}")  # shown with -s
    assert len(captured) >= 0.9 * len(civil)
    fitting = [case for case, decision in captured if decision.discipline == case.expected["discipline"]]
    assert len(fitting) >= 0.9 * len(captured)


def test_most_refusals_name_the_right_reason_and_call_for_the_right_people() -> None:
    refused = [*labelled(value=False), *labelled("review")]
    named = [case for case, decision in refused if set(case.expected["reasons"]) & _spoken(decision)]
    assert len(named) >= 0.85 * len(refused)
    unsafe = [(case, decision) for case, decision in labelled(value=False) if decision.verdict is Verdict.UNSAFE]
    sent = [c for c, decision in unsafe if decision.disposition == Disposition(c.expected["disposition"].lower())]
    assert len(sent) >= 0.9 * len(unsafe)


def _spoken(decision: Decision) -> set[str | None]:
    return {reason.reason for reason in decision.reasons if reason.effect in (Effect.UNSAFE, Effect.REVIEW)}


def test_every_kind_of_danger_said_after_a_safe_call_disqualifies_it() -> None:
    safe = [case for case, decision in read() if decision.verdict is Verdict.SAFE]
    for number, (danger, _, _) in enumerate(HAZARDS):
        for case in safe[number % 29 :: 29]:
            assert case.decide(danger).verdict is Verdict.UNSAFE, (case.id, danger)


def test_no_case_becomes_safer_by_a_danger_or_by_forgetting_an_answer() -> None:
    dangers = [danger for danger, _, _ in HAZARDS]
    for number, (case, decision) in enumerate(read()):
        worse = case.decide(dangers[number % len(dangers)])
        assert worse.verdict.caution >= decision.verdict.caution, case.id
        fact = CORE_FOUR[number % len(CORE_FOUR)]
        if case.record["answers"].get(fact) == "no":
            assert case.decide(**{fact: "unknown"}).verdict.caution >= decision.verdict.caution, case.id


def test_no_reassurance_makes_a_dangerous_case_safe() -> None:
    for case, _ in labelled(value=False):
        told = case.decide(
            "All good now. No weapons, no threats, nobody hurt, verbal only.", **dict.fromkeys(CORE_FOUR, "no")
        )
        assert told.verdict is not Verdict.SAFE, case.id


@pytest.mark.parametrize(
    ("written", "danger"),
    [
        ("He has a kn\u200bife.", "zero width"),
        ("He has a ｋｎｉｆｅ.", "full width"),
        ("He has a knіfe.", "a Cyrillic i"),
        ("He has a κnife.", "a Greek kappa"),
        ("He has a k n i f e.", "letters apart"),
        ("He has a kn1fe.", "a digit for a letter"),
        ("He has a 🔪.", "a picture"),
        ("He has a &#107;nife, a machete.", "an HTML entity beside another danger"),
        ("He has a machtee.", "letters swapped"),
        ("He has a shotgnu.", "letters swapped"),
        ("He threatned RP.", "a letter left out"),
        ("Trae un cuchiyo.", "as it sounds"),
        ("Trae un chuchillo.", "a letter too many"),
        ("Trae un machette.", "a letter too many"),
        ("He punchd her.", "a letter left out"),
        ("<b>He has a gun</b>", "HTML"),
        ("He has a gvn.", "a letter that looks alike"),
    ],
)
def test_a_disguised_danger_is_still_one(written: str, danger: str) -> None:
    safe = next(case for case, decision in read() if decision.verdict is Verdict.SAFE)
    assert safe.decide(written).verdict is not Verdict.SAFE, danger
