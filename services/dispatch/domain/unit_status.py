"""How a team stands, in the unit status codes of NENA's EIDO (STA-021.1): one primary code, one or more secondary ones.

Source: the EIDO registries of primary and secondary unit status, mapped as field note 4.2 recommends. A table, so it can be read.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from services.dispatch.domain.assignment import Status


class UnitStatus(NamedTuple):
    """The codes, and the same in our own word."""

    primary: str
    secondary: tuple[str, ...]
    word: str


AVAILABLE: Final = "Available"
CONDITIONALLY: Final = "ConditionallyAvailable"
NOT_AVAILABLE: Final = "NotAvailable"
AT_WORK: Final[Mapping[Status, tuple[str, tuple[str, ...]]]] = MappingProxyType({
    Status.HOLDING: (CONDITIONALLY, ("Assigned",)),
    Status.OFFERED: (CONDITIONALLY, ("Assigned",)),  # asked, and it may say no
    Status.ACCEPTED: (NOT_AVAILABLE, ("AcknowledgedTransmission", "Dispatched")),
    Status.EN_ROUTE: (NOT_AVAILABLE, ("EnRoute",)),
    Status.ON_SCENE: (NOT_AVAILABLE, ("OnScene",)),
    Status.WITHDRAWING: (NOT_AVAILABLE, ("AssignmentCancelled",)),  # not back yet: not available
})  # fmt: skip
WITHOUT_WORK: Final[Mapping[str, str]] = MappingProxyType({
    "retired": "OutofService",
    "off_duty": "OffDuty",
    "off_shift": "ShiftPending",
    "out_of_service": "OutofService",
    "break": "Break",
    "crew_below_minimum": "Unmanned",
    "crew_not_certified": "Unmanned",
    "tablet_silent": "EquipmentIssues",
    "held": "Assigned",
})  # fmt: skip
"""Reasons of availability, the one that says most first; its name is our own word."""


def unit_status(work: Status | None, reasons: Collection[str]) -> UnitStatus:
    """Return the unit status of a team with this live assignment, if any, and these reasons why it is not offerable."""
    if work is not None:
        primary, codes = AT_WORK[work]
        also = ("EquipmentIssues",) if "tablet_silent" in reasons else ()
        return UnitStatus(primary, (*codes, *also), work.value)
    standing = [reason for reason in WITHOUT_WORK if reason in reasons]
    if not standing:
        # A reason that we do not know is no reason to call the team available.
        return UnitStatus(NOT_AVAILABLE, ("OnDuty",), next(iter(reasons))) if reasons else _FREE
    if "off_duty" in standing:  # nobody is there: that the crew is below its minimum goes without saying
        standing = [reason for reason in standing if WITHOUT_WORK[reason] != "Unmanned"]
    codes = tuple(dict.fromkeys(WITHOUT_WORK[reason] for reason in standing))
    return UnitStatus(NOT_AVAILABLE, codes, standing[0])


_FREE: Final = UnitStatus(AVAILABLE, ("InService",), "available")
