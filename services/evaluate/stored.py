"""Decisions that a running system has made, as cases: made again by other versions, and by the ones that made them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from services.evaluate.cases import Case
from services.evaluate.measures import Outcome
from services.evaluate.report import Column, Section, Watch, decide_all
from services.evaluate.versions import Version
from services.intake.commands.evidence import canonical
from services.intake.commands.protocols import Protocols
from services.intake.commands.replays import heard_again, replayed
from services.intake.queries.stored_decisions import NEWEST, StoredDecision, decisions_before
from services.intake.tables import shadow_decision
from services.intake.wire import decision_from_wire
from shared.db import Database

_AT_ONCE = 200
AS_DECIDED = "as decided"


@dataclass(frozen=True, slots=True)
class Stored:
    """What was read of a database, newest limit applied."""

    decisions: tuple[StoredDecision, ...]
    shadows: dict[str, dict[UUID, Outcome]]
    protocols: Protocols


async def read_stored(dsn: str, jurisdiction: str, *, limit: int) -> Stored:
    """Return up to `limit` of the newest decisions that triage made, with what versions on trial made of them."""
    db = Database(dsn, application="evaluate", pool_size=2)
    try:
        protocols = Protocols()
        await protocols.learn(db)
        found = await _decisions(db, jurisdiction, limit)
        return Stored(tuple(found), await _shadows(db, found), protocols)
    finally:
        await db.close()


async def _decisions(db: Database, jurisdiction: str, limit: int) -> list[StoredDecision]:
    found: list[StoredDecision] = []
    before = NEWEST
    while len(found) < limit:
        async with db.autocommit() as unit:
            page = await decisions_before(unit.conn, jurisdiction, before, limit=_AT_ONCE)
        if not page:
            break
        found.extend(stored for stored in page if stored.was_triage)
        before = page[-1].id
    return found[limit - 1 :: -1] if len(found) >= limit else found[::-1]


async def _shadows(db: Database, found: Sequence[StoredDecision]) -> dict[str, dict[UUID, Outcome]]:
    cases = {stored.id: _case(stored) for stored in found}
    made: dict[str, dict[UUID, Outcome]] = {}
    columns = shadow_decision.c
    for begin in range(0, len(found), _AT_ONCE):
        ids = [stored.id for stored in found[begin : begin + _AT_ONCE]]
        async with db.autocommit() as unit:
            rows = await unit.conn.execute(
                select(columns.decision_id, columns.protocol_version, columns.decision).where(
                    columns.decision_id.in_(ids)
                )
            )
            for row in rows:
                outcome = Outcome(cases[row.decision_id], decision_from_wire(row.decision), 0.0)
                made.setdefault(row.protocol_version, {})[row.decision_id] = outcome
    return made


def _case(stored: StoredDecision) -> Case:
    heard = heard_again(stored)
    languages = [said.language for said in heard.evidence.statements if said.language and not said.linked]
    return Case(
        id=str(stored.id),
        evidence=heard.evidence,
        language=languages[0] if languages else "",
        tag=stored.decided_by.split(":")[0],
        rules=heard.rules,
        clearances=heard.clearances,
    )


def sections(stored: Stored, versions: Iterable[Version], watch: Watch, *, what_if: bool) -> list[Section]:
    """Return the stored decisions against what each version makes of them, and against what was tried in shadow."""
    if not stored.decisions:
        return []
    made = {kept.id: Outcome(_case(kept), decision_from_wire(kept.decision), 0.0) for kept in stored.decisions}
    cases = [outcome.case for outcome in made.values()]
    again = [decide_all("stored", cases, version, watch, what_if=what_if) for version in versions]
    every = Section(
        "stored decisions", (Column(AS_DECIDED, None, tuple(made.values())), *again), (_made_again(stored),)
    )
    tried = [
        Section(
            f"tried in shadow: {version}",
            (Column(AS_DECIDED, None, tuple(made[key] for key in shadow)), Column(version, None, tuple(shadow.values()))),
            (f"{len(shadow)} decisions were tried while they were made.",),
        )
        for version, shadow in sorted(stored.shadows.items())
    ]  # fmt: skip
    return [every, *tried]


def _made_again(stored: Stored) -> str:
    """Say how many decisions come out of their rows again to the byte, by the versions that made them."""
    other = [
        kept for kept in stored.decisions if canonical(replayed(kept, stored.protocols)) != canonical(kept.decision)
    ]
    total = len(stored.decisions)
    said = f"{total - len(other)} of {total} decisions come out of their rows again to the byte"
    if not other:
        return f"{said}."
    codes = ", ".join(sorted({kept.code_version for kept in other}))
    return f"{said}; not: {', '.join(str(kept.id) for kept in other[:20])} (made by code {codes})."
