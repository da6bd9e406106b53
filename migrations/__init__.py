"""One Alembic environment for three schemas, and what the revisions share."""
