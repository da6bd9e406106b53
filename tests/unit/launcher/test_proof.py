"""The calls by which a system proves itself: triage decides them as the proof expects."""

import pytest

from services import proof
from services.intake.domain.triage.model import Verdict
from tests.unit.intake.evidence import decided, said


@pytest.mark.parametrize("case", proof.CASES, ids=lambda case: case.name)
def test_triage_decides_each_call_of_the_proof_as_it_expects(case: proof.Case) -> None:
    report = dict(case.report)
    texts = {name: report[name] for name in ("call_type_code", "call_type_text") if name in report}
    decision = decided(said(report["narrative"], answers=report["answers"], **texts))
    expected = Verdict.UNSAFE if case.discipline is None else Verdict.SAFE
    assert (decision.verdict, decision.discipline) == (expected, case.discipline)
