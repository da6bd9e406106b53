"""`commonground seed`: the starter city for a system that runs already."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.replay.endpoints import Endpoints
from services.starter_city.seed import seed


@dataclass(frozen=True, slots=True)
class _Tokens:
    admin: str
    supervisor: str


async def seed_running(endpoints_file: Path) -> str:
    """Load the starter city into the system that the endpoints file names; a line that says what is there now."""
    from services.home import Home
    from services.launcher import intake_dsn

    endpoints = Endpoints.read(endpoints_file)
    tokens = _Tokens(endpoints.tokens["admin"], endpoints.tokens["supervisor"])
    return str(await seed(intake_dsn(Home(endpoints_file.parent), os.environ), endpoints.urls, tokens))
