"""Plans that are being written, and the indexes by which the plan in force and a neighborhood's calls are found."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.grants import grant_history, grant_state

revision: str = "intake_0003_plan_drafts"
down_revision: str | Sequence[str] | None = "intake_0002_areas"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "intake"
_TIME = sa.DateTime(timezone=True)
_JSON = JSONB(none_as_null=True)


def upgrade() -> None:
    op.create_index("call_of_neighborhood", "call", ["jurisdiction", "neighborhood", "reported_at"], schema=_SCHEMA)
    op.add_column("plan", sa.Column("draft_id", sa.Uuid(), nullable=True), schema=_SCHEMA)
    op.create_index("plan_in_force", "plan", ["slug", "effective_from", "version"], schema=_SCHEMA)
    op.create_table(
        "plan_draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("authors", _JSON, nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.CheckConstraint(
            "status IN ('adopted', 'draft', 'proposed', 'withdrawn')", name="plan_draft_status_is_known"
        ),
        sa.CheckConstraint("(status = 'adopted') = (plan_version IS NOT NULL)", name="plan_draft_adopted_has_version"),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_index("plan_draft_of_neighborhood", "plan_draft", ["slug", "id"], schema=_SCHEMA)
    op.create_table(
        "plan_draft_event",
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["intake.plan_draft.id"]),
        sa.PrimaryKeyConstraint("draft_id", "seq"),
        schema=_SCHEMA,
    )
    grant_state("intake.plan_draft")
    grant_history("intake.plan_draft_event")


def downgrade() -> None:
    op.drop_table("plan_draft_event", schema=_SCHEMA)
    op.drop_table("plan_draft", schema=_SCHEMA)
    op.drop_index("plan_in_force", table_name="plan", schema=_SCHEMA)
    op.drop_column("plan", "draft_id", schema=_SCHEMA)
    op.drop_index("call_of_neighborhood", table_name="call", schema=_SCHEMA)
