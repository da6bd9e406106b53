"""Vehicles of teams, and the counter of what availability shows. Expand only: the code before this writes neither."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.grants import grant_state

revision: str = "teams_0002"
down_revision: str | Sequence[str] | None = "teams_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "teams"


def upgrade() -> None:
    op.add_column(
        "team",
        sa.Column("vehicle", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        schema=_SCHEMA,
    )
    op.create_table(
        "news",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("is_position", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema=_SCHEMA,
    )
    op.create_index("news_by_jurisdiction", "news", ["jurisdiction", "is_position"], schema=_SCHEMA)
    op.create_table(
        "news_counted",
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("is_position", sa.Boolean(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jurisdiction", "is_position"),
        schema=_SCHEMA,
    )
    grant_state(f"{_SCHEMA}.news", f"{_SCHEMA}.news_counted")
    # Triggers, so that also a replica of the version before, which knows nothing of the counter, moves it. Every change of a
    # team, its duty, shifts or hold writes history in the same statement; every believed position writes `position`.
    op.execute(f"""
        CREATE FUNCTION {_SCHEMA}.tell_news() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO {_SCHEMA}.news (jurisdiction, is_position) VALUES (NEW.jurisdiction, TG_TABLE_NAME = 'position');
            RETURN NULL;
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER team_event_is_news AFTER INSERT ON {_SCHEMA}.team_event
        FOR EACH ROW EXECUTE FUNCTION {_SCHEMA}.tell_news()
    """)
    op.execute(f"""
        CREATE TRIGGER position_is_news AFTER INSERT OR UPDATE ON {_SCHEMA}.position
        FOR EACH ROW EXECUTE FUNCTION {_SCHEMA}.tell_news()
    """)


def downgrade() -> None:
    op.execute(f"DROP TRIGGER position_is_news ON {_SCHEMA}.position")
    op.execute(f"DROP TRIGGER team_event_is_news ON {_SCHEMA}.team_event")
    op.execute(f"DROP FUNCTION {_SCHEMA}.tell_news()")
    op.drop_table("news_counted", schema=_SCHEMA)
    op.drop_table("news", schema=_SCHEMA)
    op.drop_column("team", "vehicle", schema=_SCHEMA)
