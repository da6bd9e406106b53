"""When each team's tablet was last seen. Expand only."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.grants import grant_state

revision: str = "dispatch_0003"
down_revision: str | Sequence[str] | None = "dispatch_0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "tablet_seen",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("team_id"),
        schema="dispatch",
    )
    grant_state("dispatch.tablet_seen")


def downgrade() -> None:
    op.drop_table("tablet_seen", schema="dispatch")
