"""Reporting a call over HTTP."""

from typing import Any

from services.intake.api.schemas.reports import REPORT_EXAMPLE
from tests.contract.intake.conftest import Intake


def report(event: str, **more: Any) -> dict[str, Any]:
    return {**REPORT_EXAMPLE, "received_at": "2026-11-23T07:00:00Z", "cad_event_id": event, **more}


async def test_a_report_is_answered_with_its_decision(intake: Intake) -> None:
    answer = await intake.post("/v1/calls", report("E1"))
    print(answer.text)
    assert answer.status_code == 201
