"""The first tables of the teams service."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.clock import create_clock, drop_clock
from migrations.grants import grant_history, grant_state

revision: str = "teams_0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "teams"
_TIME = sa.DateTime(timezone=True)
_STATE = (
    "alert",
    "clock_watch",
    "idempotency_key",
    "provider",
    "team",
    "duty",
    "shift_plan",
    "hold",
    "position",
    "position_trace",
)
_HISTORY = ("team_event",)


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
        "clock_watch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("latest_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
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
        "ix_teams_idempotency_key_created_at", "idempotency_key", ["created_at"], unique=False, schema=_SCHEMA
    )
    op.create_table(
        "provider",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("contact", JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("retired_at", _TIME, nullable=True),
        sa.CheckConstraint("kind IN ('city', 'county', 'nonprofit')", name="provider_kind_is_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("jurisdiction", "id", name="provider_id_per_jurisdiction"),
        schema=_SCHEMA,
    )
    op.create_index(
        "provider_one_per_name",
        "provider",
        ["jurisdiction", "name"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("disciplines", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("languages", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("catchment", JSONB(), nullable=False),
        sa.Column("minimum_crew", sa.Integer(), nullable=False),
        sa.Column("base_lat_deg", sa.Float(), nullable=False),
        sa.Column("base_lon_deg", sa.Float(), nullable=False),
        sa.Column("members", JSONB(), nullable=False),
        sa.Column("do_not_send", JSONB(), nullable=False),
        sa.Column("contact", JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("retired_at", _TIME, nullable=True),
        sa.CheckConstraint(
            "disciplines <@ ARRAY['mediator', 'interrupter', 'restorative_justice']", name="team_disciplines_are_known"
        ),
        sa.CheckConstraint("cardinality(disciplines) BETWEEN 1 AND 2", name="team_has_one_or_two_disciplines"),
        sa.CheckConstraint("minimum_crew BETWEEN 1 AND 20", name="team_minimum_crew_makes_sense"),
        sa.ForeignKeyConstraint(
            ["jurisdiction", "provider_id"],
            ["teams.provider.jurisdiction", "teams.provider.id"],
            name="team_has_a_provider",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("jurisdiction", "id", name="team_id_per_jurisdiction"),
        schema=_SCHEMA,
    )
    op.create_index(
        "team_one_per_provider_and_name",
        "team",
        ["jurisdiction", "provider_id", "name"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "duty",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("crew", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("until", _TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("held_by", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('available', 'break', 'out_of_service', 'off_duty')", name="duty_status_is_known"
        ),
        sa.ForeignKeyConstraint(
            ["jurisdiction", "team_id"], ["teams.team.jurisdiction", "teams.team.id"], name="duty_is_of_a_team"
        ),
        sa.PrimaryKeyConstraint("team_id"),
        schema=_SCHEMA,
    )
    op.create_index(
        "duty_that_ends",
        "duty",
        ["jurisdiction", "until"],
        unique=False,
        schema=_SCHEMA,
        postgresql_where=sa.text("until IS NOT NULL"),
    )
    op.create_table(
        "hold",
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("held_at", _TIME, nullable=True),
        sa.Column("released_at", _TIME, nullable=True),
        sa.CheckConstraint(
            "released_at IS NOT NULL OR (team_id IS NOT NULL AND incident_id IS NOT NULL AND held_at IS NOT NULL)",
            name="hold_live_names_team_and_incident",
        ),
        sa.ForeignKeyConstraint(
            ["jurisdiction", "team_id"], ["teams.team.jurisdiction", "teams.team.id"], name="hold_is_of_a_team"
        ),
        sa.PrimaryKeyConstraint("assignment_id"),
        schema=_SCHEMA,
    )
    op.create_index(
        "hold_one_live_per_team",
        "hold",
        ["jurisdiction", "team_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "position",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("lat_deg", sa.Float(), nullable=False),
        sa.Column("lon_deg", sa.Float(), nullable=False),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("settled_lat_deg", sa.Float(), nullable=True),
        sa.Column("settled_lon_deg", sa.Float(), nullable=True),
        sa.Column("settled_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["jurisdiction", "team_id"], ["teams.team.jurisdiction", "teams.team.id"], name="position_is_of_a_team"
        ),
        sa.PrimaryKeyConstraint("team_id"),
        schema=_SCHEMA,
    )
    op.create_table(
        "position_trace",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("minute", _TIME, nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("lat_deg", sa.Float(), nullable=False),
        sa.Column("lon_deg", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["jurisdiction", "team_id"],
            ["teams.team.jurisdiction", "teams.team.id"],
            name="position_trace_is_of_a_team",
        ),
        sa.PrimaryKeyConstraint("team_id", "minute"),
        schema=_SCHEMA,
    )
    op.create_index("position_trace_by_age", "position_trace", ["jurisdiction", "minute"], unique=False, schema=_SCHEMA)
    op.create_table(
        "shift_plan",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("plan", JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["jurisdiction", "team_id"], ["teams.team.jurisdiction", "teams.team.id"], name="shift_plan_is_of_a_team"
        ),
        sa.PrimaryKeyConstraint("team_id"),
        schema=_SCHEMA,
    )
    op.create_table(
        "team_event",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", JSONB(), nullable=False),
        sa.CheckConstraint("kind IN ('profile', 'duty', 'shift', 'hold')", name="team_event_kind_is_known"),
        sa.ForeignKeyConstraint(
            ["jurisdiction", "team_id"], ["teams.team.jurisdiction", "teams.team.id"], name="team_event_is_of_a_team"
        ),
        sa.PrimaryKeyConstraint("seq"),
        schema=_SCHEMA,
    )
    op.create_index(
        "team_event_by_team", "team_event", ["jurisdiction", "team_id", "seq"], unique=False, schema=_SCHEMA
    )
    grant_state(*(f"{_SCHEMA}.{table}" for table in _STATE))
    grant_history(*(f"{_SCHEMA}.{table}" for table in _HISTORY))


def downgrade() -> None:
    for table in (*_HISTORY, *_STATE[-1:2:-1], *_STATE[:3]):
        op.drop_table(table, schema=_SCHEMA)
    drop_clock(_SCHEMA)
