"""Unit status codes: every status of work and every reason has some, and only a team without a reason is available."""

import re
from pathlib import Path

import pytest

from services.dispatch.domain.assignment import LIVE, Status
from services.dispatch.domain.unit_status import AT_WORK, WITHOUT_WORK, unit_status

SECONDARY = {
    "Assigned", "Dispatched", "AcknowledgedTransmission", "EnRoute", "OnScene", "AssignmentCancelled", "InService", "OutofService",
    "OnDuty", "OffDuty", "Break", "ShiftPending", "Unmanned", "EquipmentIssues",
}  # fmt: skip
"""Those of the EIDO registry that we use."""


def test_every_live_status_and_every_reason_of_availability_has_codes(repository: Path) -> None:
    assert set(AT_WORK) == set(LIVE)
    source = (repository / "services/teams/domain/availability.py").read_text(encoding="utf-8")
    named = set(re.findall(r'^    [A-Z_]+ = "([a-z_]+)"$', source, re.MULTILINE))
    assert named | {"tablet_silent"} == set(WITHOUT_WORK)
    used = {code for _, codes in AT_WORK.values() for code in codes} | set(WITHOUT_WORK.values())
    assert used <= SECONDARY


@pytest.mark.parametrize(
    ("work", "reasons", "primary", "secondary", "word"),
    [
        (None, [], "Available", ("InService",), "available"),
        (None, ["off_duty", "crew_below_minimum"], "NotAvailable", ("OffDuty",), "off_duty"),
        (None, ["off_shift", "break"], "NotAvailable", ("ShiftPending", "Break"), "off_shift"),
        (None, ["crew_below_minimum"], "NotAvailable", ("Unmanned",), "crew_below_minimum"),
        (None, ["tablet_silent"], "NotAvailable", ("EquipmentIssues",), "tablet_silent"),
        (None, ["held"], "NotAvailable", ("Assigned",), "held"),
        (None, ["something_new"], "NotAvailable", ("OnDuty",), "something_new"),
        (Status.OFFERED, ["held"], "ConditionallyAvailable", ("Assigned",), "offered"),
        (Status.EN_ROUTE, ["held", "off_shift"], "NotAvailable", ("EnRoute",), "en_route"),
        (Status.ON_SCENE, ["held", "tablet_silent"], "NotAvailable", ("OnScene", "EquipmentIssues"), "on_scene"),
        (Status.WITHDRAWING, ["held"], "NotAvailable", ("AssignmentCancelled",), "withdrawing"),
    ],
)
def test_work_comes_before_standing(
    work: Status | None, reasons: list[str], primary: str, secondary: tuple[str, ...], word: str
) -> None:
    assert unit_status(work, reasons) == (primary, secondary, word)
