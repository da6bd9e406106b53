"""Case files: JSON lines as the development set has them, and CSV files with a narrative. A fault names file and line."""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO, TypeVar

from services.evaluate.cases import Case, Expected, reported
from services.intake.domain.triage.model import (
    FACT_KEYS,
    Discipline,
    Disposition,
    Fact,
    Statement,
    Verdict,
)

_Word = TypeVar("_Word", bound=StrEnum)
_FIELDS: Final = frozenset(
    {"id", "language", "call_type_code", "call_type_text", "narrative", "answers", "expected", "note", "ambiguous"}
)
_EXPECTED: Final = frozenset({"safe_for_civilian", "disposition", "discipline", "reasons", "ambiguous"})
_VERDICTS: Final[Mapping[object, Verdict]] = {
    True: Verdict.SAFE, "true": Verdict.SAFE, "review": Verdict.REVIEW, False: Verdict.UNSAFE, "false": Verdict.UNSAFE,
}  # fmt: skip
_NARRATIVE: Final = ("narrative", "summary")
_CALL_TYPE: Final = ("call_type_text", "incident_type", "call_type")
_ASSAULTS: Final = frozenset({"narrative", "crime_code", "times_label"})
"""The columns of the LAPD's assault narratives: every row is an assault, so none may be safe."""


class CaseFileInvalid(Exception):
    """A case file cannot be read; the message names the file, the line and what is wrong."""


class _Line:
    """Where we are in a file, for faults."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number

    def fault(self, problem: str) -> NoReturn:
        raise CaseFileInvalid(f"{self.path.name}, line {self.number}: {problem}") from None

    def text(self, fields: Mapping[str, Any], name: str) -> str:
        value = fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault(f"{name} must be text")
        return value

    def one_of(self, words: type[_Word], value: object, name: str) -> _Word | None:
        if value is None:
            return None
        try:
            return words(str(value).lower())
        except ValueError:
            self.fault(f"{name} is {value!r}, which is none of {', '.join(words)}")


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a .jsonl or .csv file, also packed (.gz). Raises CaseFileInvalid."""
    name = path.name.removesuffix(".gz")
    reader = {".jsonl": _from_json_lines, ".csv": _from_csv}.get(Path(name).suffix)
    if reader is None:
        raise CaseFileInvalid(f"{path.name}: a case file is .jsonl or .csv, or either packed as .gz")
    try:
        with _opened(path) as text:
            cases = list(_distinct(path, reader(path, text)))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CaseFileInvalid(f"{path.name}: cannot be read: {error}") from None
    if not cases:
        raise CaseFileInvalid(f"{path.name}: holds no case")
    return cases


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _distinct(path: Path, found: Iterable[tuple[int, Case]]) -> Iterator[Case]:
    seen: dict[str, int] = {}
    for number, case in found:
        if case.id in seen:
            _Line(path, number).fault(f"the id {case.id!r} stands in line {seen[case.id]} already")
        seen[case.id] = number
        yield case


def _from_json_lines(path: Path, text: TextIO) -> Iterator[tuple[int, Case]]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        here = _Line(path, number)
        try:
            record = json.loads(line)
        except ValueError as error:
            here.fault(f"is not JSON: {error}")
        if not isinstance(record, dict):
            here.fault("must be an object")
        yield number, _case_of_record(here, record)


def _case_of_record(here: _Line, record: Mapping[str, Any]) -> Case:
    if unknown := sorted(record.keys() - _FIELDS):
        here.fault(f"{', '.join(unknown)}: no such field of a case")
    if "narrative" not in record:
        here.fault("narrative is missing")
    language = here.text(record, "language")
    said = Statement(
        "report",
        narrative=here.text(record, "narrative"),
        call_type_code=here.text(record, "call_type_code") or None,
        call_type_text=here.text(record, "call_type_text"),
        language=_tag(language),
        answers=_answers(here, record.get("answers") or {}),
    )
    expected = record.get("expected")
    if expected is not None and not isinstance(expected, dict):
        here.fault("expected must be an object")
    return Case(
        id=here.text(record, "id") or str(here.number),
        evidence=reported(said),
        language=language,
        tag=here.text(record, "note").split(":")[0].strip(),
        expected=None if expected is None else _expected(here, expected),
        ambiguous=bool(record.get("ambiguous") or (expected or {}).get("ambiguous")),
    )


def _tag(language: str) -> str | None:
    """Return a language tag; a text in several languages has the tag for that."""
    return ("mul" if language == "mixed" else language) or None


def _answers(here: _Line, answers: object) -> dict[str, Fact | str | int]:
    if not isinstance(answers, dict):
        here.fault("answers must be an object")
    read: dict[str, Fact | str | int] = {}
    for key, value in answers.items():
        if key in FACT_KEYS:
            fact = here.one_of(Fact, value, f"answers.{key}")
            if fact is not None:
                read[key] = fact
        elif key == "parties":
            if isinstance(value, bool) or not isinstance(value, int):
                here.fault("answers.parties must be a whole number")
            read[key] = value
        elif key in {"relationship", "location_type"}:
            read[key] = here.text(answers, key)
        else:
            here.fault(f"answers.{key}: no such question")
    return read


def _expected(here: _Line, expected: Mapping[str, Any]) -> Expected:
    if unknown := sorted(expected.keys() - _EXPECTED):
        here.fault(f"expected.{', expected.'.join(unknown)}: no such field of a label")
    reasons = expected.get("reasons") or []
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        here.fault("expected.reasons must be a list of keys")
    return Expected(
        verdict=_verdict(here, expected.get("safe_for_civilian")),
        disposition=here.one_of(Disposition, expected.get("disposition"), "expected.disposition"),
        discipline=here.one_of(Discipline, expected.get("discipline"), "expected.discipline"),
        reasons=tuple(reasons),
    )


def _verdict(here: _Line, label: object) -> Verdict:
    known = label.lower() if isinstance(label, str) else label
    if not isinstance(known, bool | str) or known not in _VERDICTS:
        here.fault(f'safe_for_civilian is {label!r}, which is none of true, "review", false')
    return _VERDICTS[known]


def _from_csv(path: Path, text: TextIO) -> Iterator[tuple[int, Case]]:
    rows = csv.DictReader(text, strict=True)
    first = _Line(path, 1)
    try:
        columns = frozenset(rows.fieldnames or ())
        if not columns & set(_NARRATIVE):
            first.fault(f"no column is called {' or '.join(_NARRATIVE)}")
        for row in rows:
            here = _Line(path, rows.line_num)
            if None in row or None in row.values():
                here.fault(f"has not the {len(columns)} fields that line 1 names")
            yield here.number, _case_of_row(here, row, columns)
    except csv.Error as error:
        _Line(path, rows.line_num).fault(f"is not CSV: {error}")


def _case_of_row(here: _Line, row: Mapping[str, str], columns: frozenset[str]) -> Case:
    def first(names: Iterable[str]) -> str:
        return next((row[name] for name in names if row.get(name, "").strip()), "")

    said = Statement(
        "report",
        narrative=first(_NARRATIVE),
        call_type_code=row.get("call_type_code") or None,
        call_type_text=first(_CALL_TYPE),
        language=_tag(row.get("language") or "en"),
        answers=_answers(here, {key: row[key] for key in FACT_KEYS if row.get(key)}),
    )
    expected = None
    if columns >= _ASSAULTS:
        expected = Expected(Verdict.UNSAFE)
    elif row.get("safe_for_civilian"):
        expected = Expected(_verdict(here, row["safe_for_civilian"]))
    return Case(
        id=row.get("id") or str(here.number),
        evidence=reported(said),
        language=row.get("language") or "en",
        tag=first(_CALL_TYPE) if expected is None else row.get("times_label", ""),
        expected=expected,
    )
