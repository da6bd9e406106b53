"""For whom a waiting call is kept, and finding the teams that know an address"""

from collections.abc import Sequence

from alembic import op

revision: str = "dispatch_0002"
down_revision: str | Sequence[str] | None = "dispatch_0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("ALTER TABLE dispatch.incident ADD COLUMN hold JSONB")
    op.execute("CREATE INDEX incident_by_address ON dispatch.incident (jurisdiction, (facts ->> 'address_key'))")


def downgrade() -> None:
    op.execute("DROP INDEX dispatch.incident_by_address")
    op.execute("ALTER TABLE dispatch.incident DROP COLUMN hold")
