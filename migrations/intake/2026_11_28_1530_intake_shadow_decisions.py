"""What a version on trial would have decided; and no version of the protocol without the name of who approved it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.grants import grant_history

revision: str = "intake_0004_shadow"
down_revision: str | Sequence[str] | None = "intake_0003_plan_drafts"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "intake"


def upgrade() -> None:
    op.create_table(
        "shadow_decision",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version", sa.Text(), nullable=False),
        sa.Column("decision", JSONB(none_as_null=True), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict IN ('review', 'safe', 'unsafe')", name="shadow_decision_verdict_is_known"),
        sa.ForeignKeyConstraint(["decision_id"], ["intake.decision.id"]),
        sa.PrimaryKeyConstraint("decision_id", "protocol_version"),
        schema=_SCHEMA,
    )
    grant_history(f"{_SCHEMA}.shadow_decision")
    op.create_check_constraint(
        "protocol_version_is_approved", "protocol_version", "btrim(approved_by) <> ''", schema=_SCHEMA
    )


def downgrade() -> None:
    op.drop_constraint("protocol_version_is_approved", "protocol_version", schema=_SCHEMA)
    op.drop_table("shadow_decision", schema=_SCHEMA)
