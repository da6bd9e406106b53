"""Every statement that writes or locks an incident or an assignment.

READ COMMITTED. Locks are taken in this order: incident, assignment, link, alert. Each machine has one writing function, and it is the
same one: `write` is a single statement that locks the incident, moves the assignment if it still has the status and version that
were read and the guards hold on the newest wish, moves the incident, and adds the history rows. `receive` and `commit` are its two
beginnings: a new incident, and a new assignment.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch import statements
from services.dispatch.case import AssignmentRow, Case, IncidentRow
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.guards import Guard, Wish
from services.dispatch.step import Step
from services.dispatch.tables import NOW, notice
from shared.ids import uuid7


class NewIncident(NamedTuple):
    """The first that is heard of a call; `seq` 0 when only a heartbeat named it."""

    id: UUID
    jurisdiction: str
    status: incidents.Status
    seq: int
    wish: Wish
    priority: int
    facts: Any
    assign_by: str | None
    alert_after_s: float | None
    """When a supervisor hears of a call that still waits; None for never."""
    return_reason: str | None
    data: Any


class NewAssignment(NamedTuple):
    """A team chosen for a waiting incident."""

    id: UUID
    team_id: UUID
    team_name: str
    provider_id: UUID | None
    choice: Any
    scheduled: bool
    drive_s: int | None
    position: Any


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


async def receive(conn: AsyncConnection, new: NewIncident, *, actor: str, applied: int = 0) -> bool:
    """Insert an incident with its first history row and count the wish as applied.

    False: the id is known already, or fewer wishes than `applied` were ever applied here; nothing was written.
    """
    row = await conn.execute(
        statements.RECEIVE,
        {
            "incident_id": new.id, "jurisdiction": new.jurisdiction, "status": new.status.value, "seq": new.seq,
            "wanted": new.wish.wanted, "may_offer": new.wish.may_offer, "may_depart": new.wish.may_depart,
            "reason": new.wish.reason, "verdict": new.wish.verdict, "priority": new.priority, "facts": _json(new.facts),
            "assign_by": new.assign_by, "alert_after_s": new.alert_after_s, "return_reason": new.return_reason,
            "actor": actor, "data": _json(new.data), "applied": applied,
        },
    )  # fmt: skip
    return row.first() is not None


async def write(conn: AsyncConnection, step: Step) -> int | None:
    """Write one step and return the incident's new version, in one statement.

    None: the case is no longer what the step was decided on, or a guard does not hold any more. Nothing was written; the caller
    reads again and decides again.
    """
    parameters = _common(step)
    if step.row is None:
        found = await conn.execute(statements.NOTE, parameters)
    else:
        before = step.row.status.value
        parameters |= {
            "assignment_id": step.row.id,
            "before": before,
            "after": step.move.after.value if step.move else before,
            "version": step.row.version,
            "is_move": step.move is not None and not step.move.is_mark,
            "changes": _json(step.changes),
            "needs_offerable": Guard.OFFERABLE in step.needs,
            "needs_departable": Guard.DEPARTABLE in step.needs,
            "needs_heard": Guard.HEARD in step.needs,
            "needs_open": Guard.OPEN in step.needs,
        }
        found = await conn.execute(statements.MOVE, parameters)
    version: int | None = found.scalar()
    return version


async def commit(conn: AsyncConnection, step: Step, new: NewAssignment, *, hold_by: str) -> bool:
    """Insert a `holding` assignment for the waiting incident of `step`, if it may be offered on the newest wish.

    False: the incident changed, may not be offered now, or the team or the incident has a live assignment already.
    """
    parameters = _common(step) | {
        "assignment_id": new.id, "team_id": new.team_id, "team_name": new.team_name, "provider_id": new.provider_id,
        "choice": _json(new.choice), "scheduled": new.scheduled, "drive_s": new.drive_s, "act_by": hold_by,
        "position": _json(new.position),
    }  # fmt: skip
    parameters.pop("resolves")
    return (await conn.execute(statements.COMMIT, parameters)).first() is not None


def _common(step: Step) -> dict[str, Any]:
    return {
        "incident_id": step.case.incident.id,
        "incident_before": step.case.incident.status.value,
        "incident_after": step.incident_after.value,
        "incident_version": step.case.incident.version,
        "incident_changes": _json(step.incident_changes),
        "event_count": len(step.events),
        "events": _json(step.events),
        "actor": step.actor,
        "resolves": ",".join(step.resolves),
    }


async def read_applied(conn: AsyncConnection, jurisdiction: str) -> tuple[datetime, int]:
    """Return the time and how many wishes were applied here by then."""
    now, applied = (await conn.execute(statements.APPLIED, {"jurisdiction": jurisdiction})).one()
    return now, applied


async def count_applied(conn: AsyncConnection, jurisdiction: str) -> None:
    """Raise the running count of applied wishes, in the transaction that applied one and after its incident."""
    await conn.execute(statements.COUNT_APPLIED, {"jurisdiction": jurisdiction})


async def read_case(conn: AsyncConnection, incident_id: UUID) -> Case | None:
    """Return the incident with its live assignments; None if there is no such incident."""
    return _case((await conn.execute(statements.READ, {"incident_id": incident_id})).mappings().all())


async def read_case_of(conn: AsyncConnection, assignment_id: UUID) -> Case | None:
    """Return the case that an assignment belongs to, with that assignment even if it has ended."""
    return _case((await conn.execute(statements.READ_OF, {"assignment_id": assignment_id})).mappings().all())


async def lock_case(conn: AsyncConnection, incident_id: UUID, *, skip_locked: bool = False) -> Case | None:
    """Lock the incident for this transaction and return its case as it is then.

    None: no such incident or, with `skip_locked`, somebody else is at work on it.
    """
    locked = await conn.execute(
        statements.LOCK_IF_FREE if skip_locked else statements.LOCK, {"incident_id": incident_id}
    )
    return None if locked.first() is None else await read_case(conn, incident_id)


def _case(rows: Sequence[Mapping[Any, Any]]) -> Case | None:
    if not rows:
        return None
    return Case(
        now=rows[0]["now"],
        heard_as_of=rows[0]["heard_as_of"],
        incident=_incident(rows[0]),
        assignments=tuple(_assignment(row) for row in rows if row["a_id"] is not None),
    )


def _incident(row: Mapping[Any, Any]) -> IncidentRow:
    wish = Wish(row["wanted"], row["may_offer"], row["may_depart"], row["verdict"], row["wish_reason"])
    plain = {
        name: row[name]
        for name in (
            "id", "jurisdiction", "version", "created_at", "wish_seq", "priority", "assign_by", "act_by", "stage", "offers",
            "unmatched", "return_reason", "outcome", "call_cancelled_at",
        )
    }  # fmt: skip
    return IncidentRow(status=incidents.Status(row["status"]), wish=wish, **plain)


def _assignment(row: Mapping[Any, Any]) -> AssignmentRow:
    plain = {
        name: row[name]
        for name in (
            "incident_id", "team_id", "team_name", "provider_id", "scheduled", "drive_s", "respond_by", "depart_by", "watch",
            "recall_reason", "acknowledged_at", "position",
        )
    }  # fmt: skip
    return AssignmentRow(
        id=row["a_id"],
        status=assignments.Status(row["a_status"]),
        version=row["a_version"],
        act_by=row["a_act_by"],
        stage=row["a_stage"],
        ends_as=assignments.Status(row["ends_as"]) if row["ends_as"] else None,
        team=row["team"] or {},
        **plain,
    )


async def add_notice(
    conn: AsyncConnection, step: Step, *, kind: str, words: str, team_id: UUID | None, position: Any
) -> UUID:
    """Add a notice to the incident of a step that is written in the same transaction, and return its id."""
    notice_id = uuid7()
    await conn.execute(
        notice.insert().values(
            id=notice_id,
            incident_id=step.case.incident.id,
            team_id=team_id,
            kind=kind,
            text=words,
            position=position,
            at=NOW,
        )
    )
    return notice_id
