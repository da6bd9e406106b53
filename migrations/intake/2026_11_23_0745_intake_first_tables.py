"""The first tables of the intake service."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.clock import create_clock, drop_clock
from migrations.grants import grant_history, grant_state

revision: str = "intake_0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "intake"
_TIME = sa.DateTime(timezone=True)
_JSON = JSONB(none_as_null=True)
_HISTORY = (
    "statement",
    "decision",
    "review",
    "call_event",
    "progress_event",
    "change",
    "feed_epoch",
    "call_link",
    "protocol_version",
    "neighborhood_layer",
    "neighborhood",
    "plan",
)
_STATE = ("call", "wish", "notice", "dispatch_link", "reviewer_presence", "alert", "idempotency_key", "clock_watch")


def upgrade() -> None:
    create_clock(_SCHEMA)
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("act_by", _TIME, nullable=True),
        sa.Column("then", sa.Text(), nullable=True),
        sa.Column("raised_at", _TIME, nullable=False),
        sa.Column("acknowledged_at", _TIME, nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", _TIME, nullable=True),
        sa.CheckConstraint("severity BETWEEN 1 AND 3", name="alert_severity_is_known"),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_index(
        "alert_one_open_per_kind_and_subject",
        "alert",
        ["kind", "subject"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("cad_system", sa.Text(), nullable=False),
        sa.Column("cad_event_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("reported_at", _TIME, nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("reported_by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("history_count", sa.Integer(), nullable=False),
        sa.Column("statement_count", sa.Integer(), nullable=False),
        sa.Column("location", _JSON, nullable=True),
        sa.Column("caller", _JSON, nullable=True),
        sa.Column("neighborhood", sa.Text(), nullable=True),
        sa.Column("neighborhood_name", sa.Text(), nullable=True),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("ever_unsafe", sa.Boolean(), nullable=False),
        sa.Column("was_queued", sa.Boolean(), nullable=False),
        sa.Column("queued_at", _TIME, nullable=True),
        sa.Column("review_by", _TIME, nullable=True),
        sa.Column("police_staged", sa.Boolean(), nullable=False),
        sa.Column("police_observed_at", _TIME, nullable=True),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.Column("recommended_response", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("final_at", _TIME, nullable=True),
        sa.Column("acknowledge_by", _TIME, nullable=True),
        sa.Column("acknowledged_at", _TIME, nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("assignment", _JSON, nullable=True),
        sa.Column("progress_version", sa.BigInteger(), nullable=False),
        sa.Column("events_through", sa.Integer(), nullable=False),
        sa.Column("incident_ended", sa.Boolean(), nullable=False),
        sa.Column("act_by", _TIME, nullable=True),
        sa.Column("asked_until", _TIME, nullable=True),
        sa.CheckConstraint(
            "(NOT status IN ('cancelled', 'closed', 'returned')) = (final_at IS NULL)", name="call_final_has_time"
        ),
        sa.CheckConstraint("(status = 'returned') = (return_reason IS NOT NULL)", name="call_returned_has_reason"),
        sa.CheckConstraint(
            "NOT (NOT status IN ('cancelled', 'closed', 'returned')) OR review_by IS NOT NULL OR act_by IS NOT NULL",
            name="call_live_has_deadline",
        ),
        sa.CheckConstraint(
            "return_reason IN ('all_teams_busy', 'caller_wants_police', 'no_co_response', 'no_reviewer', 'no_team_accepted', 'no_team_on_duty', 'outside_hours', 'outside_service_area', 'plan_excludes', 'review_refused', 'review_timeout', 'risk_rose', 'supervisor_recalled', 'system_fault', 'team_escalated', 'team_silent', 'unsafe')",
            name="call_return_reason_is_known",
        ),
        sa.CheckConstraint("status <> 'in_review' OR review_by IS NOT NULL", name="call_in_review_has_review_by"),
        sa.CheckConstraint(
            "status <> 'returned' OR acknowledged_at IS NOT NULL OR acknowledge_by IS NOT NULL",
            name="call_returned_is_taken_or_asked_for",
        ),
        sa.CheckConstraint(
            "status IN ('accepted', 'cancelled', 'closed', 'en_route', 'in_review', 'offered', 'on_scene', 'queued', 'returned')",
            name="call_status_is_known",
        ),
        sa.CheckConstraint(
            "status NOT IN ('queued', 'offered') OR (verdict = 'safe' AND NOT cancel_asked)", name="call_queued_is_safe"
        ),
        sa.CheckConstraint("verdict IN ('review', 'safe', 'unsafe')", name="call_verdict_is_known"),
        sa.CheckConstraint("attempt >= 1", name="call_attempt_is_counted"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "jurisdiction", "cad_system", "cad_event_id", "attempt", name="call_one_per_cad_event_attempt"
        ),
        schema=_SCHEMA,
    )
    op.create_index("call_by_age", "call", ["jurisdiction", "id"], unique=False, schema=_SCHEMA)
    op.create_index(
        "call_not_acknowledged",
        "call",
        ["jurisdiction", "acknowledge_by"],
        unique=False,
        schema=_SCHEMA,
        postgresql_where=sa.text("acknowledge_by IS NOT NULL"),
    )
    op.create_index(
        "call_own_deadline",
        "call",
        ["jurisdiction", "act_by"],
        unique=False,
        schema=_SCHEMA,
        postgresql_where=sa.text("act_by IS NOT NULL"),
    )
    op.create_index(
        "call_review_open",
        "call",
        ["jurisdiction", "review_by"],
        unique=False,
        schema=_SCHEMA,
        postgresql_where=sa.text("review_by IS NOT NULL"),
    )
    op.create_table(
        "call_event",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("call_id", "seq"),
        schema=_SCHEMA,
    )
    op.create_table(
        "call_link",
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("cad_system", sa.Text(), nullable=False),
        sa.Column("cad_event_id", sa.Text(), nullable=False),
        sa.Column("linked_to", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("jurisdiction", "cad_system", "cad_event_id", "linked_to"),
        schema=_SCHEMA,
    )
    op.create_index(
        "call_link_back", "call_link", ["jurisdiction", "cad_system", "linked_to"], unique=False, schema=_SCHEMA
    )
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column(
            "xid", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text)::bigint"), nullable=False
        ),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("cad_system", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_index("change_in_order", "change", ["jurisdiction", "epoch", "xid", "id"], unique=False, schema=_SCHEMA)
    op.create_table(
        "clock_watch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("latest_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_table(
        "dispatch_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("echo", _TIME, nullable=True),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", _TIME, nullable=True),
        sa.Column("silent_since", _TIME, nullable=True),
        sa.Column("resending", sa.Boolean(), nullable=False),
        sa.CheckConstraint("id = 1", name="dispatch_link_is_one_row"),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_table(
        "feed_epoch",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("began_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
        schema=_SCHEMA,
    )
    op.create_table(
        "idempotency_key",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", JSONB(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("caller", "path", "key"),
        schema=_SCHEMA,
    )
    op.create_index(
        op.f("ix_intake_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False, schema=_SCHEMA
    )
    op.create_table(
        "neighborhood_layer",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("approximate", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("version"),
        schema=_SCHEMA,
    )
    op.create_table(
        "plan",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("effective_from", _TIME, nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("slug", "version"),
        schema=_SCHEMA,
    )
    op.create_table(
        "progress_event",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("call_id", "seq"),
        schema=_SCHEMA,
    )
    op.create_table(
        "protocol_version",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("effective_from", _TIME, nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("loaded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("version"),
        schema=_SCHEMA,
    )
    op.create_table(
        "reviewer_presence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.CheckConstraint("id = 1", name="reviewer_presence_is_one_row"),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("decision", _JSON, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("evidence", _JSON, nullable=False),
        sa.Column("evidence_digest", sa.LargeBinary(), nullable=False),
        sa.Column("protocol_version", sa.Text(), nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.CheckConstraint("verdict IN ('review', 'safe', 'unsafe')", name="decision_verdict_is_known"),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["intake.call.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call_id", "seq", name="decision_one_per_seq"),
        schema=_SCHEMA,
    )
    op.create_table(
        "neighborhood",
        sa.Column("layer_version", sa.Integer(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("geometry", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["layer_version"],
            ["intake.neighborhood_layer.version"],
        ),
        sa.PrimaryKeyConstraint("layer_version", "slug"),
        schema=_SCHEMA,
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("position", _JSON, nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("acknowledge_by", _TIME, nullable=True),
        sa.Column("acknowledged_at", _TIME, nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "acknowledged_at IS NOT NULL OR acknowledge_by IS NOT NULL OR call_id IS NULL",
            name="notice_is_acknowledged_or_asked_for",
        ),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["intake.call.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_index(op.f("ix_intake_notice_call_id"), "notice", ["call_id"], unique=False, schema=_SCHEMA)
    op.create_index(
        "notice_not_acknowledged",
        "notice",
        ["jurisdiction", "acknowledge_by"],
        unique=False,
        schema=_SCHEMA,
        postgresql_where=sa.text("acknowledge_by IS NOT NULL"),
    )
    op.create_table(
        "review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("reviewed_decision_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cleared", _JSON, nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.CheckConstraint(
            "(decision = 'send_civilian') = (cleared IS NOT NULL)", name="review_clears_only_toward_civilian"
        ),
        sa.CheckConstraint("decision IN ('send_civilian', 'return')", name="review_decision_is_known"),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["intake.call.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_index(op.f("ix_intake_review_call_id"), "review", ["call_id"], unique=False, schema=_SCHEMA)
    op.create_table(
        "statement",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("extra_text", sa.Text(), nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["intake.call.id"],
        ),
        sa.PrimaryKeyConstraint("call_id", "seq"),
        schema=_SCHEMA,
    )
    op.create_table(
        "wish",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("may_offer", sa.Boolean(), nullable=False),
        sa.Column("may_depart", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("facts", _JSON, nullable=True),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("written_at", _TIME, nullable=False),
        sa.Column("confirmed_seq", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", _TIME, nullable=True),
        sa.Column("next_try_at", _TIME, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("resend", sa.Boolean(), nullable=False),
        sa.Column("alerted_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "wanted = 'civilian' OR (NOT may_offer AND NOT may_depart AND reason IS NOT NULL)",
            name="wish_withdrawn_allows_nothing_and_says_why",
        ),
        sa.CheckConstraint("wanted = 'withdrawn' OR facts IS NOT NULL", name="wish_for_civilians_has_facts"),
        sa.CheckConstraint("wanted IN ('civilian', 'withdrawn')", name="wish_wanted_is_known"),
        sa.CheckConstraint(
            "(next_try_at IS NULL) = (confirmed_seq = seq AND NOT resend)", name="wish_unconfirmed_is_due"
        ),
        sa.CheckConstraint("confirmed_seq <= seq", name="wish_confirmed_was_sent"),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["intake.call.id"],
        ),
        sa.PrimaryKeyConstraint("call_id"),
        schema=_SCHEMA,
    )
    op.create_index(
        "wish_due",
        "wish",
        ["jurisdiction", "next_try_at"],
        unique=False,
        schema=_SCHEMA,
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.execute("INSERT INTO intake.feed_epoch (epoch, began_at) VALUES (1, intake.clock())")
    op.execute("INSERT INTO intake.dispatch_link (id, applied, resending) VALUES (1, 0, false)")
    grant_history(*(f"{_SCHEMA}.{table}" for table in _HISTORY))
    grant_state(*(f"{_SCHEMA}.{table}" for table in _STATE))


def downgrade() -> None:
    for table in (
        "wish",
        "statement",
        "review",
        "notice",
        "neighborhood",
        "decision",
        "reviewer_presence",
        "protocol_version",
        "progress_event",
        "plan",
        "neighborhood_layer",
        "idempotency_key",
        "feed_epoch",
        "dispatch_link",
        "clock_watch",
        "change",
        "call_link",
        "call_event",
        "call",
        "alert",
    ):
        op.drop_table(table, schema=_SCHEMA)
    drop_clock(_SCHEMA)
