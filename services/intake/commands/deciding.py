"""One decision: what is in force, the evidence of a call and of those linked to it, and what triage makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.commands.desk import Desk
from services.intake.commands.evidence import (
    clearance_of_row,
    digest,
    evidence_of,
    evidence_record,
)
from services.intake.commands.protocols import NO_VERSION, Protocols
from services.intake.domain.call import CallStatus
from services.intake.domain.geography import Resolved, resolve
from services.intake.domain.plan import Plan, PlanRules, default_plan
from services.intake.domain.plan_body import parse_plan
from services.intake.domain.triage.decide import decide_safely, fault
from services.intake.domain.triage.model import Clearance, Decision, Evidence
from services.intake.domain.triage.protocol import Protocol
from services.intake.domain.versions import most_cautious
from services.intake.metrics import DECISION_S
from services.intake.settings import CODE_VERSION
from services.intake.store import calls, cases
from services.intake.store.calls import Call
from services.intake.store.cases import CaseRow, PlanRow, Setting, StatementRow
from services.intake.wire import decision_to_wire

Versions = Sequence[tuple[str, Protocol | None]]
"""Versions of the protocol, the deciding one first, each with what this process has of it."""


@dataclass(frozen=True, slots=True)
class Room:
    """All that one deciding transaction has read: what is in force, and every call of the group, locked."""

    setting: Setting
    calls: Mapping[UUID, Call]
    cases: Mapping[UUID, CaseRow]

    @property
    def now(self) -> datetime:
        return self.setting.now

    def twin(self, cad_event_id: str, attempt: int) -> Call | None:
        """Return the call of that event and attempt, if it is known."""
        mine = (c for c in self.calls.values() if (c.cad_event_id, c.attempt) == (cad_event_id, attempt))
        return next(mine, None)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, where the call is, the plan it was made under, and what it read."""

    decision: Decision
    wire: Mapping[str, Any]
    where: Resolved
    plan: Plan
    rules: PlanRules
    evidence: Mapping[str, Any]
    at: datetime

    def row(self, decision_id: UUID, seq: int) -> dict[str, Any]:
        """Return the row that keeps this decision."""
        return {
            "id": str(decision_id),
            "seq": seq,
            "decision": self.wire,
            "verdict": self.decision.verdict.value,
            "evidence": self.evidence,
            "evidence_digest": digest(self.evidence).hex(),
            "protocol_version": self.decision.protocol_version,
            "plan_version": self.decision.plan_version,
            "code_version": CODE_VERSION,
            "decided_by": self.decision.decided_by,
        }


async def enter(
    conn: AsyncConnection,
    desk: Desk,
    *,
    cad_system: str,
    events: list[str],
    location: Mapping[str, Any] | None,
    links: bool,
) -> Room:
    """Return all that a decision about these events reads, with every call of the group locked.

    `links`: the transaction will add links, so it holds them alone.
    """
    await cases.hold_links(conn, jurisdiction=desk.jurisdiction, cad_system=cad_system, exclusive=links)
    guess = desk.maps.guess(location)
    setting = await cases.read_setting(
        conn,
        jurisdiction=desk.jurisdiction,
        cad_system=cad_system,
        events=events,
        slugs=[guess.slug] if guess.slug else [],
    )
    locked = await calls.lock_calls(conn, list(setting.group))
    said = await cases.read_cases(conn, list(locked)) if locked else {}
    return Room(setting, locked, said)


async def decide_call(conn: AsyncConnection, desk: Desk, room: Room, call: Call, case: CaseRow) -> Decided:
    """Return triage's decision about `call`, whose own statements are those of `case`; those of the group count too."""
    where = resolve(await desk.maps.at(conn, room.setting.layer_version), call.location)
    plan = await _plan_of(conn, room, where.slug)
    rules = plan.rules_at(desk.local(call.reported_at))
    others = [room.calls[other] for other in sorted(room.calls) if other != call.id]  # the order of the record
    linked: dict[str, list[StatementRow]] = {}
    for other in others:
        linked.setdefault(other.cad_event_id, []).extend(room.cases[other.id].statements)
    earlier = [o for o in others if o.cad_event_id == call.cad_event_id and o.attempt < call.attempt]
    evidence = evidence_of(
        case,
        linked,
        where.place,
        ever_unsafe=call.ever_unsafe or any(other.ever_unsafe for other in earlier),
        ever_returned=any(other.status is CallStatus.RETURNED for other in earlier),
    )
    chosen = versions_for(desk.protocols, room.setting.protocol_version, case.versions)
    with DECISION_S.time():
        decision = decide_by(chosen, evidence, rules, [clearance_of_row(row) for row in case.clearances])
    read = {call.id: case.statements} | {other.id: room.cases[other.id].statements for other in others}
    record = evidence_record(evidence, read, case.clearances, also_by=[name for name, _ in chosen[1:]]) | {
        "layer_version": room.setting.layer_version,
        "call_came_in_at": desk.local(call.reported_at).isoformat(),
    }
    return Decided(decision, decision_to_wire(decision, decided_at=room.now), where, plan, rules, record, room.now)


def versions_for(protocols: Protocols, in_force: str | None, decided_by: Sequence[str]) -> Versions:
    """Return the version to decide by, and then each other one that has decided the call: none of these is outdone."""
    newest = protocols.for_decision(in_force, decided_by)
    if newest is None:
        return [(in_force or NO_VERSION, None)]
    earlier = sorted(version for version in set(decided_by) if version != newest.version)
    return [(newest.version, newest), *((version, protocols.known(version)) for version in earlier)]


def decide_by(chosen: Versions, evidence: Evidence, rules: PlanRules, clearances: Sequence[Clearance]) -> Decision:
    """Return the first version's decision, raised to the most cautious of the others; a version without its protocol is a fault."""
    first, *others = (
        fault(version, rules.version) if protocol is None else decide_safely(evidence, protocol, rules, clearances)
        for version, protocol in chosen
    )
    return most_cautious(first, others)


def by_person(decided: Decided, actor: str) -> Decided:
    """Return the same decision as made by a person."""
    decision = replace(decided.decision, decided_by=actor)
    return replace(decided, decision=decision, wire=decision_to_wire(decision, decided_at=decided.at))


async def _plan_of(conn: AsyncConnection, room: Room, slug: str | None) -> Plan:
    if slug is None:
        return default_plan("")
    plans = room.setting.plans if slug in room.setting.plans else await cases.read_plans(conn, [slug])
    row = plans.get(slug)
    return plan_of_row(row) if row else default_plan(slug)


def plan_of_row(row: PlanRow) -> Plan:
    """Return the plan that was entered."""
    return parse_plan(row.slug, row.version, row.body)
