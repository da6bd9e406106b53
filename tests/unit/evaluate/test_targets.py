"""What must hold of the shipped protocol on the shared sets, as `commonground evaluate` counts it."""

from collections.abc import Iterable, Sequence

import pytest

from services.evaluate.case_file import read_cases
from services.evaluate.cases import Case
from services.evaluate.measures import RATES, met
from services.evaluate.report import Column, decide_all
from services.evaluate.versions import load_versions
from tests.shared_data import shared_data


def no_watch(cases: Sequence[Case], what: str) -> Iterable[Case]:
    return cases


def evaluated(*path: str) -> Column:
    return decide_all(path[-1], read_cases(shared_data(*path)), load_versions([])[0], no_watch, what_if=False)


def test_the_development_set_meets_every_target() -> None:
    found = evaluated("triage-dev", "cases.jsonl").measures
    assert (found.cases, found.counted, found.false_safe.of, found.review_as_safe.of) == (302, 301, 138, 60)
    missed = {name: getattr(found, name).words() for name in RATES if met(name, getattr(found, name)) is False}
    assert missed == {}


@pytest.mark.parametrize(
    "path",
    [
        ("lapd-assault-narratives", "lapd_assault_narratives_dev.csv"),
        ("ucsd-police-call-summaries", "ucsd_calls_dev.csv.gz"),
    ],
)
def test_of_real_narratives_without_answers_none_is_safe(path: tuple[str, str]) -> None:
    assert evaluated(*path).measures.verdicts.get("safe", 0) == 0
