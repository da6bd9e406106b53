"""Case files: what is read, and what is refused with its line."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from services.evaluate.case_file import CaseFileInvalid, read_cases
from services.intake.domain.triage.model import Discipline, Disposition, Fact, PlaceStatus, Verdict

LABEL = {"safe_for_civilian": True, "disposition": "CIVILIAN", "discipline": "mediator", "reasons": ["verbal_only"]}


def record(**more: Any) -> dict[str, Any]:
    return {
        "id": "a", "language": "en", "call_type_code": "415N", "call_type_text": "NEIGHBOR", "narrative": "Words.",
        "answers": {"weapons": "no", "parties": 2, "relationship": "neighbor"}, "expected": LABEL, "note": "hard: why",
        **more,
    }  # fmt: skip


def written(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("\n".join(json.dumps(item) for item in records), encoding="utf-8")
    return path


def test_a_labelled_record_is_read_whole(tmp_path: Path) -> None:
    [case] = read_cases(written(tmp_path, record()))
    [said] = case.evidence.statements
    assert (case.id, case.language, case.tag, said.call_type_code) == ("a", "en", "hard", "415N")
    assert said.answers == {"weapons": Fact.NO, "parties": 2, "relationship": "neighbor"}
    assert case.expected is not None
    assert (case.expected.verdict, case.expected.disposition) == (Verdict.SAFE, Disposition.CIVILIAN)
    assert (case.expected.discipline, case.expected.reasons) == (Discipline.MEDIATOR, ("verbal_only",))
    assert case.counts


def test_an_ambiguous_record_counts_in_no_rate(tmp_path: Path) -> None:
    records = record(ambiguous=True), record(id="b", expected={**LABEL, "ambiguous": True}), record(id="c")
    assert [case.counts for case in read_cases(written(tmp_path, *records))] == [False, False, True]


def test_a_place_is_known_unless_the_report_says_otherwise(tmp_path: Path) -> None:
    found = read_cases(written(tmp_path, record(), record(id="b", answers={"location_known": "no"})))
    assert [case.evidence.place.status for case in found] == [PlaceStatus.KNOWN, PlaceStatus.UNKNOWN]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("{", "line 2: is not JSON"),
        ("[1]", "line 2: must be an object"),
        (json.dumps(record(id="a")), "line 2: the id 'a' stands in line 1 already"),
        (json.dumps(record(id="b", narrativ="x")), "line 2: narrativ: no such field"),
        (json.dumps({"id": "b"}), "line 2: narrative is missing"),
        (json.dumps(record(id="b", narrative=7)), "line 2: narrative must be text"),
        (json.dumps(record(id="b", answers={"weapons": "perhaps"})), "line 2: answers.weapons is 'perhaps'"),
        (json.dumps(record(id="b", answers={"weapon": "no"})), "line 2: answers.weapon: no such question"),
        (json.dumps(record(id="b", answers={"parties": True})), "line 2: answers.parties must be a whole number"),
        (json.dumps(record(id="b", expected={"safe_for_civilian": "maybe"})), "line 2: safe_for_civilian is 'maybe'"),
        (json.dumps(record(id="b", expected={"safe_for_civilian": 1})), "line 2: safe_for_civilian is 1"),
        (json.dumps(record(id="b", expected={})), "line 2: safe_for_civilian is None"),
        (json.dumps(record(id="b", expected={**LABEL, "disposition": "SWAT"})), "line 2: expected.disposition is"),
        (json.dumps(record(id="b", expected={**LABEL, "reason": []})), "line 2: expected.reason: no such field"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, second: str, says: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(record()) + "\n" + second + "\n", encoding="utf-8")
    with pytest.raises(CaseFileInvalid) as refused:
        read_cases(path)
    assert f"cases.jsonl, {says}" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cases.txt", b"x", "a case file is .jsonl or .csv"),
        ("cases.jsonl", b"\n\n", "holds no case"),
        ("cases.jsonl", b"\xff\xfe", "cannot be read"),
        ("cases.csv.gz", b"not packed", "cannot be read"),
        ("cases.csv", b"id,text\n1,x\n", "line 1: no column is called narrative or summary"),
        ("cases.csv", b"id,summary\n1,x\n2,y,z\n", "line 3: has not the 2 fields"),
        ("cases.csv", b"id,summary,weapons\n1,x,perhaps\n", "line 2: answers.weapons is 'perhaps'"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_case_file_is_refused(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CaseFileInvalid) as refused:
        read_cases(tmp_path / name)
    assert says in str(refused.value)


def test_a_csv_of_summaries_has_no_label_and_one_of_assaults_may_hold_nothing_safe(tmp_path: Path) -> None:
    plain = tmp_path / "summaries.csv.gz"
    with gzip.open(plain, "wt", encoding="utf-8") as file:
        file.write("id,incident_type,summary\nU1,Noise,Loud music\n")
    [case] = read_cases(plain)
    assert (case.expected, case.tag, case.evidence.statements[0].call_type_text) == (None, "Noise", "Noise")
    assaults = tmp_path / "assaults.csv"
    assaults.write_text("id,narrative,crime_code,times_label\nN1,words,624,minor\n", encoding="utf-8")
    [case] = read_cases(assaults)
    assert case.expected is not None
    assert (case.expected.verdict, case.tag) == (Verdict.UNSAFE, "minor")


def test_denying_the_core_four_takes_no_yes_back(tmp_path: Path) -> None:
    [case] = read_cases(written(tmp_path, record(answers={"weapons": "yes", "threats": "unknown"})))
    answers = case.with_core_denied().evidence.statements[0].answers
    assert answers == {"weapons": Fact.YES, "threats": Fact.NO, "violence": Fact.NO, "injuries": Fact.NO}
