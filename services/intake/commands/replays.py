"""A stored decision made again from its rows, by the version that made it or by another; nothing is written."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.intake.commands.deciding import Heard, Versions, decide_by
from services.intake.commands.evidence import clearance_of_row, evidence_of
from services.intake.commands.protocols import Protocols
from services.intake.domain.plan import Plan, default_plan
from services.intake.domain.triage.model import Decision, Place, PlaceStatus
from services.intake.domain.triage.protocol import Protocol
from services.intake.plan_model import parse_plan
from services.intake.queries.stored_decisions import StoredDecision
from services.intake.store.cases import CaseRow, ClearanceRow, StatementRow
from services.intake.wire import decision_to_wire


def heard_again(stored: StoredDecision) -> Heard:
    """Return what a stored decision read; it must have read something (`was_triage`)."""
    kept = stored.evidence
    own: list[StatementRow] = []
    linked: dict[str, list[StatementRow]] = {}
    for call_id, event, row in stored.statements:
        (own if call_id == stored.call_id else linked.setdefault(event, [])).append(row)
    place = Place(PlaceStatus(kept["place"]["status"]), kept["place"]["neighborhood"])
    evidence = evidence_of(
        CaseRow(tuple(own), (), {}, 0),
        linked,
        place,
        ever_unsafe=kept["ever_unsafe"],
        ever_returned=kept["ever_returned"],
    )
    clearances = (ClearanceRow(row["by"], row["cleared"]) for row in kept["clearances"])
    located = [row.body["location"] for row in own if row.body.get("location")]
    return Heard(
        evidence, _plan_again(stored), datetime.fromisoformat(kept["call_came_in_at"]), located[-1] if located else None,
        kept.get("located", {}).get("remark"), tuple(map(clearance_of_row, clearances)),
    )  # fmt: skip


def _plan_again(stored: StoredDecision) -> Plan:
    slug = stored.evidence["place"]["neighborhood"] or ""
    return default_plan(slug) if stored.plan is None else parse_plan(slug, stored.plan_version, stored.plan)


def versions_then(stored: StoredDecision, protocols: Protocols) -> Versions:
    """Return the versions by which it was decided."""
    asked = (stored.protocol_version, *stored.evidence.get("also_by", ()))
    return [(version, protocols.known(version)) for version in asked]


def decided_again(stored: StoredDecision, versions: Versions) -> Decision:
    """Return the decision that these versions make of the same evidence, plan and clearances."""
    return decide_by(versions, heard_again(stored))[0]


def decided_otherwise(stored: StoredDecision, protocol: Protocol) -> Decision:
    """Return what one other version would have decided, alone."""
    return decided_again(stored, [(protocol.version, protocol)])


def replayed(stored: StoredDecision, protocols: Protocols) -> dict[str, Any]:
    """Return the decision as it would be stored today; the same as `stored.decision` unless the code decides otherwise."""
    decision = replace(decided_again(stored, versions_then(stored, protocols)), decided_by=stored.decided_by)
    return decision_to_wire(decision, decided_at=datetime.fromisoformat(stored.decision["decided_at"]))
