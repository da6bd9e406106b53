"""The shipped protocol against the development set, real assault narratives and real call summaries.

These are design checks on over-represented hard cases, no field rates. The floors below are what was measured when they
were written, less a margin; false-safe has no margin.
"""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import pytest

from services.intake.domain.triage.model import CORE_FOUR, Decision, Disposition, Effect, Place, Statement, Verdict
from tests.shared_data import shared_data
from tests.unit.intake.evidence import ALL_DENIED, HOME, decided, said


class Labelled(NamedTuple):
    id: str
    expected: Mapping[str, Any]
    decision: Decision

    @property
    def safe(self) -> bool:
        return self.decision.verdict is Verdict.SAFE


def read(record: Mapping[str, Any]) -> Decision:
    answers = record["answers"]
    return decided(
        Statement(
            "report",
            record["narrative"] or "",
            record["call_type_code"],
            record["call_type_text"] or "",
            None if record["language"] == "mixed" else record["language"],
            answers,
        ),
        place=Place.unknown() if answers.get("location_known") == "no" else HOME,
    )


@pytest.fixture(scope="module")
def labelled() -> list[Labelled]:
    lines = shared_data("triage-dev", "cases.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [
        Labelled(record["id"], record["expected"], read(record))
        for record in records
        if not (record.get("ambiguous") or record["expected"].get("ambiguous"))
    ]


def of(labelled: list[Labelled], expected: object) -> list[Labelled]:
    return [case for case in labelled if case.expected["safe_for_civilian"] == expected]


def test_nothing_dangerous_and_nothing_to_review_is_found_safe(labelled: list[Labelled]) -> None:
    assert [case.id for case in of(labelled, expected=False) if case.safe] == []
    assert [case.id for case in of(labelled, "review") if case.safe] == []
    assert (len(of(labelled, expected=False)), len(of(labelled, "review"))) == (138, 60)


def test_most_calls_that_are_safe_are_found_so(labelled: list[Labelled]) -> None:
    civil = of(labelled, expected=True)
    captured = [case for case in civil if case.safe]
    assert len(captured) >= 0.85 * len(civil)
    fitting = [case for case in captured if case.decision.discipline == case.expected["discipline"]]
    assert len(fitting) >= 0.95 * len(captured)


def test_a_danger_is_named_and_goes_where_it_should(labelled: list[Labelled]) -> None:
    unsafe = [case for case in of(labelled, expected=False) if case.decision.verdict is Verdict.UNSAFE]
    assert len(unsafe) >= 0.95 * len(of(labelled, expected=False))
    named = [c for c in unsafe if {r.reason for r in c.decision.reasons} & set(c.expected["reasons"])]
    sent = [c for c in unsafe if c.decision.disposition == Disposition(c.expected["disposition"].lower())]
    assert len(named) >= 0.9 * len(unsafe)
    assert len(sent) >= 0.9 * len(unsafe)


def test_every_refusal_says_why(labelled: list[Labelled]) -> None:
    for case in labelled:
        if not case.safe:
            assert case.decision.reasons[0].effect in (Effect.UNSAFE, Effect.REVIEW), case.id
            assert case.decision.reasons[0].explanation
            assert case.decision.recommended_response is not None


NO_DENIAL: Final = ("unknown", None)


def test_taking_an_answer_away_never_makes_a_call_safer(labelled: list[Labelled]) -> None:
    lines = shared_data("triage-dev", "cases.jsonl").read_text(encoding="utf-8").splitlines()
    caution = {case.id: case.decision.verdict.caution for case in labelled}
    for record in map(json.loads, lines):
        if record["id"] not in caution:
            continue
        for fact in CORE_FOUR:
            answers = {key: value for key, value in record["answers"].items() if key != fact}
            if record["answers"].get(fact) == "no":
                assert read({**record, "answers": answers}).verdict.caution >= caution[record["id"]], record["id"]


def rows(*path: str) -> Iterator[dict[str, str]]:
    found = shared_data(*path)
    if found.suffix == ".gz":
        with gzip.open(found, "rt", encoding="utf-8", newline="") as packed:
            yield from csv.DictReader(packed)
    else:
        with found.open(encoding="utf-8", newline="") as plain:
            yield from csv.DictReader(plain)


def test_no_real_assault_is_found_safe_even_when_everything_was_answered_no() -> None:
    narratives = list(rows("lapd-assault-narratives", "lapd_assault_narratives_dev.csv"))
    assert len(narratives) == 52
    for code in ("415N", "415", None):
        verdicts = {row["id"]: decided(said(row["narrative"], call_type_code=code)).verdict for row in narratives}
        assert [narrative for narrative, verdict in verdicts.items() if verdict is Verdict.SAFE] == []
        assert sum(verdict is Verdict.UNSAFE for verdict in verdicts.values()) >= 50


def test_no_real_call_summary_is_found_safe_while_nobody_was_asked() -> None:
    asked: dict[str, Any] = {}
    denied: dict[str, Any] = dict(ALL_DENIED)
    for count, row in enumerate(rows("ucsd-police-call-summaries", "ucsd_calls_dev.csv.gz")):
        call = Statement("report", row["summary"], None, row["incident_type"], "en", asked)
        assert decided(call).verdict is not Verdict.SAFE, row["id"]
        if count % 10 == 0 and not row["summary"].strip():
            silent = Statement("report", "", "415", row["incident_type"], "en", denied)
            assert decided(silent).verdict is not Verdict.SAFE, row["id"]
