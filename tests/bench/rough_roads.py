"""Ten minutes on rough roads: `python -m tests.bench.rough_roads --minutes 10`. Exit code 1 if anything was wrong."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from services.embedded_postgres import EmbeddedPostgres
from tests.field.ground import running
from tests.field.rough_roads import drive, said


async def _run(dsn: str, logs: Path, options: argparse.Namespace) -> bool:
    settings = {"DISPATCH_RESPOND_WITHIN": "PT20S"}
    async with running(dsn, logs, replicas=options.replicas, cuttable=False, settings=settings) as made:
        corners = [await made.corner() for _ in range(options.teams)]
        found = await drive(made, corners, seconds=options.minutes * 60, seed=options.seed)
    print(said(found), flush=True)
    return not found.wrong


def main() -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--teams", type=int, default=6)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL may run as another user
        server = EmbeddedPostgres(home / "postgres")
        server.start()
        try:
            whole = asyncio.run(_run(server.dsn("postgres"), home / "logs", options))
        finally:
            server.destroy()
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
