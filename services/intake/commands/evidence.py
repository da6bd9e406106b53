"""From what was kept of a call to the evidence that triage reads, and the digest that names exactly that evidence."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.intake.domain.triage.model import Clearance, Cleared, Evidence, Place, Statement
from services.intake.store.cases import CaseRow, ClearanceRow, StatementRow

TEXT_LIMIT: Final = 16_000
"""Characters of one text that are kept and read; more makes the verdict `review`."""


def canonical(value: Any) -> bytes:
    """Return `value` as JSON, the same bytes for the same content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def digest(value: Any) -> bytes:
    """Return the SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value)).digest()


def statement_of(row: StatementRow, *, linked_event: str | None = None) -> Statement:
    """Return what triage reads of one kept statement; `linked_event` says that it is about another call."""
    body = row.body
    linked = f"linked:{linked_event}" + ("" if row.source == "report" else f"/{row.source}")
    return Statement(
        source=row.source if linked_event is None else linked,
        narrative=body.get("narrative") or "",
        call_type_code=body.get("call_type_code"),
        call_type_text=body.get("call_type_text") or "",
        language=body.get("language"),
        answers={key: value for key, value in (body.get("answers") or {}).items() if isinstance(value, str | int)},
        extra_text=row.extra_text,
        truncated=row.truncated,
        linked=linked_event is not None,
    )


def clearance_of_row(row: ClearanceRow) -> Clearance:
    """Return the clearance that was kept."""
    return Clearance(frozenset(Cleared(str(rule), reason, phrase) for rule, reason, phrase in row.cleared), row.by)


def evidence_of(
    own: CaseRow, linked: Mapping[str, Iterable[StatementRow]], place: Place, *, ever_unsafe: bool, ever_returned: bool
) -> Evidence:
    """Return all that is known about one call: its own statements in order, then those of linked calls by event."""
    others = (statement_of(row, linked_event=event) for event in sorted(linked) for row in linked[event])
    return Evidence((*map(statement_of, own.statements), *others), place, ever_unsafe, ever_returned)


def evidence_record(
    evidence: Evidence,
    statements: Mapping[UUID, Iterable[StatementRow]],
    clearances: Iterable[ClearanceRow],
    *,
    also_by: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what a decision read, as it is kept beside it: which statements, the place, and what had been cleared.

    `also_by`: earlier versions of the protocol that were asked as well.
    """
    return ({"also_by": list(also_by)} if also_by else {}) | {
        "statements": [
            {"call_id": str(call_id), "seq": row.seq, "source": row.source, "digest": row.digest}
            for call_id in sorted(statements)
            for row in statements[call_id]
        ],
        "place": {"status": evidence.place.status.value, "neighborhood": evidence.place.neighborhood},
        "ever_unsafe": evidence.ever_unsafe,
        "ever_returned": evidence.ever_returned,
        "clearances": [{"by": row.by, "cleared": [list(item) for item in row.cleared]} for row in clearances],
    }
