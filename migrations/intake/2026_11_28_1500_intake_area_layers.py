"""Layers of other areas than neighborhoods, and where a call was found to be."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.grants import grant_history

revision: str = "intake_0002_areas"
down_revision: str | Sequence[str] | None = "intake_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "intake"
_TIME = sa.DateTime(timezone=True)
_JSON = JSONB(none_as_null=True)


def upgrade() -> None:
    op.add_column("call", sa.Column("located", _JSON, nullable=True), schema=_SCHEMA)
    op.create_table(
        "area_layer",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("approximate", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("kind", "version"),
        schema=_SCHEMA,
    )
    op.create_table(
        "area",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("layer_version", sa.Integer(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("geometry", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["kind", "layer_version"],
            ["intake.area_layer.kind", "intake.area_layer.version"],
            name="area_is_of_a_layer",
        ),
        sa.PrimaryKeyConstraint("kind", "layer_version", "slug"),
        schema=_SCHEMA,
    )
    grant_history("intake.area_layer", "intake.area")


def downgrade() -> None:
    op.drop_table("area", schema=_SCHEMA)
    op.drop_table("area_layer", schema=_SCHEMA)
    op.drop_column("call", "located", schema=_SCHEMA)
