"""Runs `alembic check` for each service on a fresh, migrated, throw-away database."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.migrate import migrate  # noqa: E402 - needs the path above
from services.servers import SERVICES, one_server  # noqa: E402
from tests.pg import SECRET, start_server  # noqa: E402


def main() -> int:
    """The exit code: 0 when no service's migrations differ from its tables."""
    server = start_server()
    try:
        dsn = server.dsn()
        asyncio.run(migrate(one_server(dsn), SECRET))
        checks = [
            subprocess.run(  # noqa: S603 - our own program, no shell
                [sys.executable, "-m", "alembic", "-n", service, "check"],
                cwd=ROOT,
                env={**os.environ, "DATABASE_URL": dsn},
                check=False,
            )
            for service in SERVICES
        ]
    finally:
        server.destroy()
    return max(check.returncode for check in checks)


if __name__ == "__main__":
    sys.exit(main())
