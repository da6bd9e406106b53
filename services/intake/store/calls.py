"""The one writing function of the call: the row, its history, its feed and its wish, in one statement."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import (
    Boolean,
    DateTime,
    Integer,
    Interval,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import CTE
from sqlalchemy.sql.selectable import TableValuedAlias

from services.intake.domain.call import FINAL, UNDER_WAY, CallStatus, ReturnReason
from services.intake.tables import (
    call,
    call_event,
    call_link,
    change,
    decision,
    feed_epoch,
    notice,
    progress_event,
    review,
    statement,
    wish,
)

HEAD_START: Final = timedelta(seconds=1)
"""The process that commits a wish sends it at once; the sweep only after this."""
What = Literal["reported", "updated", "reviewed", "progress", "returned", "cancelled", "acknowledged", "notice"]
"""What happened to a call, as the feed names it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One row of `call`: a value; what changes it is `file_call`."""

    id: UUID
    jurisdiction: str
    cad_system: str
    cad_event_id: str
    attempt: int
    received_at: datetime
    reported_at: datetime
    late: bool
    reported_by: str
    status: CallStatus
    version: int
    history_count: int
    statement_count: int
    location: Mapping[str, Any] | None
    caller: Mapping[str, Any] | None
    neighborhood: str | None
    neighborhood_name: str | None
    located: Mapping[str, Any] | None
    """By which layers the place was found, in which other areas it is, and how sure that is."""
    decision_id: UUID
    verdict: str
    ever_unsafe: bool
    was_queued: bool
    queued_at: datetime | None
    review_by: datetime | None
    police_staged: bool
    police_observed_at: datetime | None
    cancel_asked: bool
    return_reason: ReturnReason | None
    recommended_response: str | None
    outcome: str | None
    final_at: datetime | None
    acknowledge_by: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assignment: Mapping[str, Any] | None
    progress_version: int
    events_through: int
    incident_ended: bool
    act_by: datetime | None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_under_way(self) -> bool:
        """A crew has said yes."""
        return self.status in UNDER_WAY


_COLUMNS: Final = tuple(field.name for field in fields(Call))
_FIXED: Final = frozenset(
    {"id", "jurisdiction", "cad_system", "cad_event_id", "attempt", "received_at", "reported_at", "late", "reported_by"}
)
_MUTABLE: Final = tuple(name for name in _COLUMNS if name not in _FIXED)
CALL_COLUMNS: Final = tuple(call.c[name] for name in _COLUMNS)


def call_of(row: Any) -> Call:
    """Return the call in a row that selects `CALL_COLUMNS`, among others."""
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    named = {name: values[name] for name in _COLUMNS}
    reason = named["return_reason"]
    named["status"] = CallStatus(named["status"])
    named["return_reason"] = ReturnReason(reason) if reason else None
    return Call(**named)


@dataclass(frozen=True, slots=True)
class Event:
    """One row of intake's history of a call."""

    action: str
    actor: str
    from_status: str | None = None
    to_status: str | None = None
    reason: str | None = None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class WishRow:
    """What dispatch must hear now; `said` is a digest of all that it says, so that the same wish is not sent twice."""

    wanted: str
    may_offer: bool
    may_depart: bool
    reason: str | None
    facts: Mapping[str, Any] | None
    said: bytes


@dataclass(frozen=True, slots=True)
class Filing:
    """What goes into the books together with a change of a call; rows are mappings of column names to JSON values."""

    at: datetime
    what: What
    events: tuple[Event, ...] = ()
    statements: tuple[Mapping[str, Any], ...] = ()
    decisions: tuple[Mapping[str, Any], ...] = ()
    reviews: tuple[Mapping[str, Any], ...] = ()
    links: tuple[str, ...] = ()
    progress_events: tuple[Mapping[str, Any], ...] = ()
    notices: tuple[Mapping[str, Any], ...] = ()
    wish: WishRow | None = None


def _rows(name: str, **types: Any) -> TableValuedAlias:
    """Return a bound JSON list as rows with typed columns."""
    listed = func.jsonb_to_recordset(bindparam(name, type_=JSONB(none_as_null=True)))
    return listed.table_valued(*(column(key, kind) for key, kind in types.items())).render_derived(
        name=f"new_{name}", with_types=True
    )


_TIME: Final = DateTime(timezone=True)


def _adds(moved: CTE) -> list[CTE]:
    """Return what every filing adds, each fed by the one row that was moved."""
    at = bindparam("at", type_=_TIME)
    events = _rows(
        "events", n=Integer, action=Text, actor=Text, from_status=Text, to_status=Text, reason=Text, detail=JSONB
    )
    said = _rows(
        "statements",
        seq=Integer,
        source=Text,
        body=JSONB,
        extra_text=Text,
        truncated=Boolean,
        digest=Text,
        said_by=Text,
    )
    decided = _rows(
        "decisions", id=Uuid, seq=Integer, decision=JSONB, verdict=Text, evidence=JSONB, evidence_digest=Text,
        protocol_version=Text, plan_version=Integer, code_version=Text, decided_by=Text,
    )  # fmt: skip
    reviewed = _rows(
        "reviews", id=Uuid, seq=Integer, reviewed_decision_id=Uuid, decision=Text, reason=Text, cleared=JSONB, by=Text
    )
    told = _rows(
        "progress_events", seq=Integer, at=_TIME, actor=Text, action=Text, from_status=Text, to_status=Text, reason=Text
    )
    noticed = _rows(
        "notices", id=Uuid, origin=Text, kind=Text, text=Text, position=JSONB, at=_TIME, acknowledge_by=_TIME
    )
    wished = _rows("wishes", wanted=Text, may_offer=Boolean, may_depart=Boolean, reason=Text, facts=JSONB, said=Text)
    linked = _rows("links", linked_to=Text)
    one = literal(1)
    adds: list[Any] = [
        insert(call_event).from_select(
            ["call_id", "seq", "at", "actor", "action", "from_status", "to_status", "reason", "detail"],
            select(moved.c.id, moved.c.history_count - bindparam("event_total", type_=Integer) + events.c.n, at,
                   events.c.actor, events.c.action, events.c.from_status, events.c.to_status, events.c.reason,
                   events.c.detail).select_from(moved.join(events, true())),
        ),
        insert(statement).from_select(
            ["call_id", "seq", "source", "body", "extra_text", "truncated", "digest", "said_by", "at"],
            select(moved.c.id, said.c.seq, said.c.source, said.c.body, said.c.extra_text, said.c.truncated,
                   func.decode(said.c.digest, "hex"), said.c.said_by, at).select_from(moved.join(said, true())),
        ),
        insert(decision).from_select(
            ["id", "call_id", "seq", "decision", "verdict", "evidence", "evidence_digest", "protocol_version",
             "plan_version", "code_version", "decided_by", "at"],
            select(decided.c.id, moved.c.id, decided.c.seq, decided.c.decision, decided.c.verdict, decided.c.evidence,
                   func.decode(decided.c.evidence_digest, "hex"), decided.c.protocol_version, decided.c.plan_version,
                   decided.c.code_version, decided.c.decided_by, at).select_from(moved.join(decided, true())),
        ),
        insert(review).from_select(
            ["id", "call_id", "seq", "reviewed_decision_id", "decision", "reason", "cleared", "by", "at"],
            select(reviewed.c.id, moved.c.id, reviewed.c.seq, reviewed.c.reviewed_decision_id, reviewed.c.decision,
                   reviewed.c.reason, reviewed.c.cleared, reviewed.c.by, at).select_from(moved.join(reviewed, true())),
        ),
        insert(progress_event).from_select(
            ["call_id", "seq", "at", "actor", "action", "from_status", "to_status", "reason"],
            select(moved.c.id, told.c.seq, told.c.at, told.c.actor, told.c.action, told.c.from_status,
                   told.c.to_status, told.c.reason).select_from(moved.join(told, true())),
        ).on_conflict_do_nothing(),
        insert(notice).from_select(
            ["id", "jurisdiction", "call_id", "origin", "kind", "text", "position", "at", "acknowledge_by"],
            select(noticed.c.id, moved.c.jurisdiction, moved.c.id, noticed.c.origin, noticed.c.kind, noticed.c.text,
                   noticed.c.position, noticed.c.at, noticed.c.acknowledge_by).select_from(moved.join(noticed, true())),
        ).on_conflict_do_nothing(),
        insert(call_link).from_select(
            ["jurisdiction", "cad_system", "cad_event_id", "linked_to", "at"],
            select(moved.c.jurisdiction, moved.c.cad_system, moved.c.cad_event_id, linked.c.linked_to, at)
            .select_from(moved.join(linked, true())),
        ).on_conflict_do_nothing(),
        insert(change).from_select(
            ["epoch", "jurisdiction", "cad_system", "call_id", "what", "at"],
            select(select(func.max(feed_epoch.c.epoch)).scalar_subquery(), moved.c.jurisdiction, moved.c.cad_system,
                   moved.c.id, bindparam("what", type_=Text), at).select_from(moved),
        ),
    ]  # fmt: skip
    new_wish = insert(wish).from_select(
        ["call_id", "jurisdiction", "seq", "wanted", "may_offer", "may_depart", "reason", "facts", "said", "written_at",
         "confirmed_seq", "next_try_at", "tries", "resend", "alerted_seq"],
        select(moved.c.id, moved.c.jurisdiction, one, wished.c.wanted, wished.c.may_offer, wished.c.may_depart,
               wished.c.reason, wished.c.facts, func.decode(wished.c.said, "hex"), at, literal(0),
               at + bindparam("head_start", type_=Interval), literal(0), literal(False), literal(0))
        .select_from(moved.join(wished, true())),
    )  # fmt: skip
    adds.append(
        new_wish.on_conflict_do_update(
            index_elements=[wish.c.call_id],
            set_={
                name: new_wish.excluded[name]
                for name in (
                    "wanted",
                    "may_offer",
                    "may_depart",
                    "reason",
                    "facts",
                    "said",
                    "written_at",
                    "next_try_at",
                    "tries",
                )
            }
            | {"seq": wish.c.seq + 1},
            where=wish.c.said != new_wish.excluded.said,
        )
    )
    return [add.cte(f"add_{number}") for number, add in enumerate(adds)]


def _counted(moved: CTE) -> Select[Any]:
    return select(func.count()).select_from(moved).add_cte(*_adds(moved))


_RETURNED: Final = (call.c.id, call.c.jurisdiction, call.c.cad_system, call.c.cad_event_id, call.c.history_count)
_MOVE: Final = _counted(
    update(call)
    .where(
        call.c.id == bindparam("before_id", type_=Uuid),
        call.c.status == bindparam("before_status", type_=Text),
        call.c.version == bindparam("before_version", type_=Integer),
    )
    .values({name: bindparam(f"new_{name}", type_=call.c[name].type) for name in _MUTABLE})
    .returning(*_RETURNED)
    .cte("moved")
)
_OPEN: Final = _counted(
    insert(call)
    .values({name: bindparam(f"new_{name}", type_=call.c[name].type) for name in _COLUMNS})
    .on_conflict_do_nothing(constraint="call_one_per_cad_event_attempt")
    .returning(*_RETURNED)
    .cte("moved")
)


def _parameters(after: Call, filing: Filing) -> dict[str, Any]:
    return {
        "at": filing.at,
        "what": filing.what,
        "event_total": len(filing.events),
        "events": [{"n": n, **asdict(event)} for n, event in enumerate(filing.events, 1)],
        "statements": list(filing.statements),
        "decisions": list(filing.decisions),
        "reviews": list(filing.reviews),
        "progress_events": list(filing.progress_events),
        "notices": list(filing.notices),
        "links": [{"linked_to": event_id} for event_id in filing.links],
        "wishes": [{**asdict(filing.wish), "said": filing.wish.said.hex()}] if filing.wish else [],
    } | {f"new_{name}": getattr(after, name) for name in _COLUMNS}


async def open_call(conn: AsyncConnection, new: Call, filing: Filing, *, head_start: timedelta = HEAD_START) -> bool:
    """Insert a call with all that its report brings. False: the CAD's event and attempt are known already.

    A twin that is being inserted is waited for. Nothing is written after a False; the caller reads the winner.
    """
    return bool(await conn.scalar(_OPEN, _parameters(new, filing) | {"head_start": head_start}))


async def file_call(
    conn: AsyncConnection, before: Call, after: Call, filing: Filing, *, head_start: timedelta = HEAD_START
) -> bool:
    """Move a call from `before` to `after` and write its history, feed and wish: one statement, atomic by itself.

    False: the row is no longer (before.id, before.status, before.version), because someone moved it first. Nothing was
    written; the caller reads again and decides again. The wish's `seq` rises only if what it says has changed.
    """
    parameters = _parameters(after, filing) | {"head_start": head_start}
    fence = {"before_id": before.id, "before_status": before.status, "before_version": before.version}
    return bool(await conn.scalar(_MOVE, parameters | fence))


async def lock_calls(conn: AsyncConnection, ids: list[UUID]) -> dict[UUID, Call]:
    """Return these calls, locked until the transaction ends, in the order in which they were reported.

    Whoever finds later that a call has joined these locks the newcomer last, as this order does: ids are made by the clocks of
    several processes, so theirs is not the order of the reports.
    """
    if not ids:
        return {}
    listed = bindparam("ids", type_=ARRAY(Uuid))
    rows = await conn.execute(
        select(*CALL_COLUMNS)
        .where(call.c.id == any_(listed))
        .order_by(call.c.reported_at, call.c.id)
        .with_for_update(),
        {"ids": ids},
    )
    return {row.id: call_of(row) for row in rows}
