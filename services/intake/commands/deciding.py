"""One decision: what is in force, the evidence of a call and of those linked to it, and what triage makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.commands.desk import Desk
from services.intake.commands.evidence import (
    clearance_of_row,
    digest,
    evidence_of,
    evidence_record,
)
from services.intake.commands.maps import Placed
from services.intake.commands.protocols import NO_VERSION, Protocols
from services.intake.domain.call import CallStatus
from services.intake.domain.geography import Resolved
from services.intake.domain.plan import DEFAULT_SLUG, DEFAULT_VERSION, Plan, PlanInvalid, PlanRules, default_plan
from services.intake.domain.plan_clauses import Clause, apply_plan
from services.intake.domain.told import tell_place
from services.intake.domain.triage.decide import decide_safely, fault
from services.intake.domain.triage.model import Clearance, Decision, Evidence
from services.intake.domain.triage.protocol import Protocol
from services.intake.domain.versions import most_cautious
from services.intake.metrics import DECISION_S
from services.intake.plan_model import parse_plan
from services.intake.settings import CODE_VERSION
from services.intake.store import calls, cases
from services.intake.store.calls import Call
from services.intake.store.cases import CaseRow, Setting, StatementRow
from services.intake.wire import decision_to_wire

log = structlog.get_logger(__name__)
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
class Heard:
    """All that a decision is made of, but for the versions of the protocol."""

    evidence: Evidence
    plan: Plan
    came_in_at: datetime
    """When the call came in, by the city's own clock."""
    location: Mapping[str, Any] | None
    remark: str | None
    """What a person should know about how the place was found."""
    clearances: tuple[Clearance, ...]

    @property
    def rules(self) -> PlanRules:
        return self.plan.rules_at(self.came_in_at)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, where the call is, the plan it was made under, and what it read."""

    decision: Decision
    wire: Mapping[str, Any]
    placed: Placed
    plan: Plan
    rules: PlanRules
    evidence: Mapping[str, Any]
    at: datetime
    notes: tuple[str, ...] = ()
    """What the plan has to say to the crew."""

    @property
    def where(self) -> Resolved:
        return self.placed.where

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

    `links`: the transaction will add links, so it holds them alone. The others share them, and a first report of an event that a
    call names makes the group larger while we wait for that call: so what is in force and who belongs together is read again once
    the locks are held, until nobody is missing. The newcomer locks the same calls before it is written, so it comes before our
    locks, and is seen, or after our end, and sees what we wrote; after the first round of locks the group can grow no more.
    """
    await cases.hold_links(conn, jurisdiction=desk.jurisdiction, cad_system=cad_system, exclusive=links)
    slugs = slugs_of(desk.maps.guess(location).slug)

    async def read() -> Setting:
        return await cases.read_setting(
            conn, jurisdiction=desk.jurisdiction, cad_system=cad_system, events=events, slugs=slugs
        )

    locked: dict[UUID, Call] = {}
    setting = await read()
    while not locked.keys() >= set(setting.group):
        locked = await calls.lock_calls(conn, list(setting.group))
        setting = await read()
    said = await cases.read_cases(conn, list(locked)) if locked else {}
    return Room(setting, locked, said)


async def decide_call(conn: AsyncConnection, desk: Desk, room: Room, call: Call, case: CaseRow) -> Decided:
    """Return triage's decision about `call`, whose own statements are those of `case`; those of the group count too."""
    placed = await _placed(conn, desk, room, call)
    where = placed.where
    plan = await _plan_of(conn, room, call, where.slug)
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
    heard = Heard(
        evidence, plan or default_plan(""), desk.local(call.reported_at), call.location, where.remark,
        tuple(clearance_of_row(row) for row in case.clearances),
    )  # fmt: skip
    with DECISION_S.time():
        decision, clauses = decide_by(chosen if plan else [(chosen[0][0], None)], heard)
    plan = heard.plan
    read = {call.id: case.statements} | {other.id: room.cases[other.id].statements for other in others}
    record = evidence_record(evidence, read, case.clearances, also_by=[name for name, _ in chosen[1:]]) | {
        "layer_version": placed.layer,
        "located": placed.kept,
        "call_came_in_at": heard.came_in_at.isoformat(),
        "plan": {"slug": plan.slug, "version": plan.version, "clauses": [clause.pointer for clause in clauses]}
        | ({} if plan.default_version is None else {"default": plan.default_version}),
    }
    wire = decision_to_wire(decision, decided_at=room.now)
    return Decided(decision, wire, placed, plan, heard.rules, record, room.now, plan.notes_at(heard.came_in_at))


def versions_for(protocols: Protocols, in_force: str | None, decided_by: Sequence[str]) -> Versions:
    """Return the version to decide by, and then each other one that has decided the call: none of these is outdone."""
    newest = protocols.for_decision(in_force, decided_by)
    if newest is None:
        return [(in_force or NO_VERSION, None)]
    earlier = sorted(version for version in set(decided_by) if version != newest.version)
    return [(newest.version, newest), *((version, protocols.known(version)) for version in earlier)]


def decide_by(chosen: Versions, heard: Heard) -> tuple[Decision, tuple[Clause, ...]]:
    """Return the decision, and the clauses of the plan that spoke.

    It is the first version's, raised to the most cautious of the others (a version without its protocol is a fault), and then
    by what the plan adds.
    """
    rules = heard.rules
    first, *others = (
        fault(version, rules.version)
        if protocol is None
        else decide_safely(heard.evidence, protocol, rules, heard.clearances)
        for version, protocol in chosen
    )
    decision = most_cautious(first, others)
    decision, clauses = apply_plan(decision, heard.plan, heard.evidence, heard.location, heard.clearances)
    return tell_place(decision, heard.remark), clauses


def by_person(decided: Decided, actor: str) -> Decided:
    """Return the same decision as made by a person."""
    decision = replace(decided.decision, decided_by=actor)
    return replace(decided, decision=decision, wire=decision_to_wire(decision, decided_at=decided.at))


async def _placed(conn: AsyncConnection, desk: Desk, room: Room, call: Call) -> Placed:
    """Return where the call is: by the layers in force when it came in, whatever was imported since."""
    kept = call.located or {"layer": room.setting.layer_version, "layers": room.setting.area_layers}
    return await desk.maps.place(conn, call.location, layer=kept["layer"], layers=kept["layers"])


async def _plan_of(conn: AsyncConnection, room: Room, call: Call, slug: str | None) -> Plan | None:
    """Return the plan that was in force when the call came in. None: it cannot be read, so nobody may say what it asks for."""
    slugs = slugs_of(slug)
    is_new = call.reported_at == room.now and room.setting.plans.keys() >= set(slugs)
    plans = room.setting.plans if is_new else await cases.read_plans(conn, slugs, at=call.reported_at)
    row = next((found for key in slugs if (found := plans.get(key)) is not None), None)
    if row is None:
        return default_plan(slug or "")
    try:
        if row.slug != DEFAULT_SLUG:
            return parse_plan(row.slug, row.version, row.body)
        return replace(parse_plan(slug or "", DEFAULT_VERSION, row.body), default_version=row.version)
    except PlanInvalid as error:
        log.warning("plan.unreadable", slug=slug, version=row.version, faults=len(error.faults))
        return None


def slugs_of(slug: str | None) -> list[str]:
    """Return under which keys the plan of a neighborhood, or of a place in none, is to be looked for, in this order."""
    return [DEFAULT_SLUG] if slug is None else [slug, DEFAULT_SLUG]
