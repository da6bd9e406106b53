"""The tables of the `intake` schema. A table is either state (its rows change) or history (rows are only ever added)."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.intake.domain.call import FINAL, CallStatus, ReturnReason
from services.intake.domain.plan_draft import DraftStatus
from services.intake.domain.triage.model import Verdict
from shared.alerts import alert_table
from shared.clock import clock_watch_table
from shared.idempotency import idempotency_table

SCHEMA: Final = "intake"
metadata: Final = MetaData(schema=SCHEMA)

_JSON: Final = JSONB(none_as_null=True)
_TIME: Final = DateTime(timezone=True)


def _one_of(column: str, words: object) -> str:
    listed = ", ".join(f"'{word}'" for word in sorted(words))  # type: ignore[call-overload]  # any collection of text
    return f"{column} IN ({listed})"


_LIVE: Final = "NOT " + _one_of("status", FINAL)

call: Final = Table(
    "call", metadata,
    Column("id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("cad_system", Text, nullable=False),
    Column("cad_event_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("received_at", _TIME, nullable=False),
    Column("reported_at", _TIME, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("reported_by", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("history_count", Integer, nullable=False),
    Column("statement_count", Integer, nullable=False),
    # what was said, as it stands now
    Column("location", _JSON),
    Column("caller", _JSON),
    Column("neighborhood", Text),
    Column("neighborhood_name", Text),
    Column("located", _JSON),
    # what was decided
    Column("decision_id", Uuid, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("ever_unsafe", Boolean, nullable=False),
    Column("was_queued", Boolean, nullable=False),
    Column("queued_at", _TIME),
    Column("review_by", _TIME),
    Column("police_staged", Boolean, nullable=False),
    Column("police_observed_at", _TIME),
    Column("cancel_asked", Boolean, nullable=False),
    Column("return_reason", Text),
    Column("recommended_response", Text),
    Column("outcome", Text),
    Column("final_at", _TIME),
    # who has taken it back
    Column("acknowledge_by", _TIME),
    Column("acknowledged_at", _TIME),
    Column("acknowledged_by", Text),
    # dispatch's view
    Column("assignment", _JSON),
    Column("progress_version", BigInteger, nullable=False),
    Column("events_through", Integer, nullable=False),
    Column("incident_ended", Boolean, nullable=False),
    Column("act_by", _TIME),
    Column("asked_until", _TIME),
    UniqueConstraint("jurisdiction", "cad_system", "cad_event_id", "attempt", name="call_one_per_cad_event_attempt"),
    CheckConstraint(_one_of("status", CallStatus), name="call_status_is_known"),
    CheckConstraint(_one_of("verdict", Verdict), name="call_verdict_is_known"),
    CheckConstraint(_one_of("return_reason", ReturnReason), name="call_return_reason_is_known"),
    CheckConstraint("(status = 'returned') = (return_reason IS NOT NULL)", name="call_returned_has_reason"),
    CheckConstraint(f"({_LIVE}) = (final_at IS NULL)", name="call_final_has_time"),
    CheckConstraint("attempt >= 1", name="call_attempt_is_counted"),
    CheckConstraint(
        f"NOT ({_LIVE}) OR review_by IS NOT NULL OR act_by IS NOT NULL", name="call_live_has_deadline"
    ),
    CheckConstraint("status <> 'in_review' OR review_by IS NOT NULL", name="call_in_review_has_review_by"),
    CheckConstraint(
        "status NOT IN ('queued', 'offered') OR (verdict = 'safe' AND NOT cancel_asked)", name="call_queued_is_safe"
    ),
    CheckConstraint(
        "status <> 'returned' OR acknowledged_at IS NOT NULL OR acknowledge_by IS NOT NULL",
        name="call_returned_is_taken_or_asked_for",
    ),
    Index("call_by_age", "jurisdiction", "id"),
    Index("call_of_neighborhood", "jurisdiction", "neighborhood", "reported_at"),
    Index("call_review_open", "jurisdiction", "review_by", postgresql_where=text("review_by IS NOT NULL")),
    Index("call_own_deadline", "jurisdiction", "act_by", postgresql_where=text("act_by IS NOT NULL")),
    Index(
        "call_not_acknowledged", "jurisdiction", "acknowledge_by", postgresql_where=text("acknowledge_by IS NOT NULL")
    ),
)  # fmt: skip

statement: Final = Table(  # history: every report, update and reviewer's answer, as it was received
    "statement", metadata,
    Column("call_id", Uuid, ForeignKey("intake.call.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("body", _JSON, nullable=False),
    Column("extra_text", Text, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("said_by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
)  # fmt: skip

decision: Final = Table(  # history
    "decision", metadata,
    Column("id", Uuid, primary_key=True),
    Column("call_id", Uuid, ForeignKey("intake.call.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("decision", _JSON, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("evidence", _JSON, nullable=False),
    Column("evidence_digest", LargeBinary, nullable=False),
    Column("protocol_version", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    UniqueConstraint("call_id", "seq", name="decision_one_per_seq"),
    CheckConstraint(_one_of("verdict", Verdict), name="decision_verdict_is_known"),
)  # fmt: skip

shadow_decision: Final = Table(  # history: what a version on trial would have decided; nothing on a call's way reads it
    "shadow_decision", metadata,
    Column("decision_id", Uuid, ForeignKey("intake.decision.id"), primary_key=True),
    Column("protocol_version", Text, primary_key=True),
    Column("decision", _JSON, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    CheckConstraint(_one_of("verdict", Verdict), name="shadow_decision_verdict_is_known"),
)  # fmt: skip

review: Final = Table(  # history: what reviewers said, and exactly what they cleared
    "review", metadata,
    Column("id", Uuid, primary_key=True),
    Column("call_id", Uuid, ForeignKey("intake.call.id"), nullable=False, index=True),
    Column("seq", Integer, nullable=False),
    Column("reviewed_decision_id", Uuid, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cleared", _JSON),
    Column("by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    CheckConstraint("decision IN ('send_civilian', 'return')", name="review_decision_is_known"),
    CheckConstraint("(decision = 'send_civilian') = (cleared IS NOT NULL)", name="review_clears_only_toward_civilian"),
)  # fmt: skip

call_event: Final = Table(  # history: intake's part of the timeline
    "call_event", metadata,
    Column("call_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text),
    Column("reason", Text),
    Column("detail", _JSON),
)  # fmt: skip

progress_event: Final = Table(  # history: dispatch's part of the timeline, as dispatch told it
    "progress_event", metadata,
    Column("call_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text),
    Column("reason", Text),
)  # fmt: skip

wish: Final = Table(  # the outbox: what dispatch must hear of a call, once, in its newest form
    "wish", metadata,
    Column("call_id", Uuid, ForeignKey("intake.call.id"), primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("may_offer", Boolean, nullable=False),
    Column("may_depart", Boolean, nullable=False),
    Column("reason", Text),
    Column("facts", _JSON),
    Column("said", LargeBinary, nullable=False),
    Column("written_at", _TIME, nullable=False),
    Column("confirmed_seq", BigInteger, nullable=False),
    Column("confirmed_at", _TIME),
    Column("next_try_at", _TIME),
    Column("tries", Integer, nullable=False),
    Column("resend", Boolean, nullable=False),
    Column("alerted_seq", BigInteger, nullable=False),
    CheckConstraint("wanted IN ('civilian', 'withdrawn')", name="wish_wanted_is_known"),
    CheckConstraint("wanted = 'withdrawn' OR facts IS NOT NULL", name="wish_for_civilians_has_facts"),
    CheckConstraint(
        "wanted = 'civilian' OR (NOT may_offer AND NOT may_depart AND reason IS NOT NULL)",
        name="wish_withdrawn_allows_nothing_and_says_why",
    ),
    CheckConstraint("confirmed_seq <= seq", name="wish_confirmed_was_sent"),
    CheckConstraint(
        "(next_try_at IS NULL) = (confirmed_seq = seq AND NOT resend)", name="wish_unconfirmed_is_due"
    ),
    Index("wish_due", "jurisdiction", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")),
)  # fmt: skip

change: Final = Table(  # history: the feed that a CAD reads
    "change", metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column(
        "xid", BigInteger, nullable=False, server_default=text("(pg_current_xact_id()::text)::bigint")
    ),
    Column("jurisdiction", Text, nullable=False),
    Column("cad_system", Text),
    Column("call_id", Uuid),
    Column("notice_id", Uuid),
    Column("what", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Index("change_in_order", "jurisdiction", "epoch", "xid", "id"),
)  # fmt: skip

feed_epoch: Final = Table(  # history: raised when the database was restored and its transaction ids began again
    "feed_epoch", metadata,
    Column("epoch", Integer, primary_key=True),
    Column("began_at", _TIME, nullable=False),
)  # fmt: skip

notice: Final = Table(
    "notice", metadata,
    Column("id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("call_id", Uuid, ForeignKey("intake.call.id"), index=True),
    Column("team_id", Uuid),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("position", _JSON),
    Column("at", _TIME, nullable=False),
    Column("acknowledge_by", _TIME),
    Column("acknowledged_at", _TIME),
    Column("acknowledged_by", Text),
    CheckConstraint(
        "acknowledged_at IS NOT NULL OR acknowledge_by IS NOT NULL OR call_id IS NULL",
        name="notice_is_acknowledged_or_asked_for",
    ),
    Index(
        "notice_not_acknowledged", "jurisdiction", "acknowledge_by", postgresql_where=text("acknowledge_by IS NOT NULL")
    ),
)  # fmt: skip

call_link: Final = Table(  # history: `linked_to`, between events of one CAD, whether or not we know the other yet
    "call_link", metadata,
    Column("jurisdiction", Text, primary_key=True),
    Column("cad_system", Text, primary_key=True),
    Column("cad_event_id", Text, primary_key=True),
    Column("linked_to", Text, primary_key=True),
    Column("at", _TIME, nullable=False),
    Index("call_link_back", "jurisdiction", "cad_system", "linked_to"),
)  # fmt: skip

protocol_version: Final = Table(  # history
    "protocol_version", metadata,
    Column("version", Text, primary_key=True),
    Column("document", JSON, nullable=False),  # not jsonb: the order of the rules means something
    Column("digest", LargeBinary, nullable=False),
    Column("effective_from", _TIME, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("loaded_at", _TIME, nullable=False),
    CheckConstraint("btrim(approved_by) <> ''", name="protocol_version_is_approved"),
)  # fmt: skip

neighborhood_layer: Final = Table(  # history: each import is a layer; the newest is in force
    "neighborhood_layer", metadata,
    Column("version", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("approximate", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
)  # fmt: skip

neighborhood: Final = Table(  # history
    "neighborhood", metadata,
    Column("layer_version", Integer, ForeignKey("intake.neighborhood_layer.version"), primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("geometry", _JSON, nullable=False),
)  # fmt: skip

area_layer: Final = Table(  # history: other layers than neighborhoods (police areas, council districts); the newest of a kind is in force
    "area_layer", metadata,
    Column("kind", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("approximate", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
)  # fmt: skip

area: Final = Table(  # history
    "area", metadata,
    Column("kind", Text, primary_key=True),
    Column("layer_version", Integer, primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("geometry", _JSON, nullable=False),
    ForeignKeyConstraint(
        ["kind", "layer_version"], ["intake.area_layer.kind", "intake.area_layer.version"], name="area_is_of_a_layer"
    ),
)  # fmt: skip

plan: Final = Table(  # history
    "plan", metadata,
    Column("slug", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", _JSON, nullable=False),
    Column("effective_from", _TIME, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("draft_id", Uuid),
    Index("plan_in_force", "slug", "effective_from", "version"),
)  # fmt: skip

plan_draft: Final = Table(
    "plan_draft", metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", _JSON, nullable=False),
    Column("based_on", Integer, nullable=False),
    Column("authors", _JSON, nullable=False),
    Column("plan_version", Integer),
    Column("created_at", _TIME, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    CheckConstraint(_one_of("status", DraftStatus), name="plan_draft_status_is_known"),
    CheckConstraint("(status = 'adopted') = (plan_version IS NOT NULL)", name="plan_draft_adopted_has_version"),
    Index("plan_draft_of_neighborhood", "slug", "id"),
)  # fmt: skip

plan_draft_event: Final = Table(  # history
    "plan_draft_event", metadata,
    Column("draft_id", Uuid, ForeignKey("intake.plan_draft.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("body", _JSON, nullable=False),
)  # fmt: skip

dispatch_link: Final = Table(  # one row: what intake knows about being heard
    "dispatch_link", metadata,
    Column("id", Integer, primary_key=True),
    Column("echo", _TIME),
    Column("applied", BigInteger, nullable=False),
    Column("answered_at", _TIME),
    Column("silent_since", _TIME),
    Column("resending", Boolean, nullable=False),
    CheckConstraint("id = 1", name="dispatch_link_is_one_row"),
)  # fmt: skip

reviewer_presence: Final = Table(  # one row: when a reviewer last read the queue
    "reviewer_presence", metadata,
    Column("id", Integer, primary_key=True),
    Column("seen_at", _TIME, nullable=False),
    CheckConstraint("id = 1", name="reviewer_presence_is_one_row"),
)  # fmt: skip

alert: Final = alert_table(metadata)
idempotency_key: Final = idempotency_table(metadata)
clock_watch: Final = clock_watch_table(metadata)

HISTORY: Final = (
    statement, decision, review, call_event, progress_event, change, feed_epoch, call_link, protocol_version,
    neighborhood_layer, neighborhood, area_layer, area, plan, plan_draft_event, shadow_decision,
)  # fmt: skip
"""The login role may read these and add rows, and nothing else."""
STATE: Final = (call, plan_draft, wish, notice, dispatch_link, reviewer_presence, alert, idempotency_key, clock_watch)

__all__ = ["HISTORY", "SCHEMA", "STATE", "metadata"]
