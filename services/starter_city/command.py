"""`commonground seed`: the starter city for a system that runs already."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.replay.api import API
from services.replay.endpoints import Endpoints, nobody_there
from services.starter_city.seed import SeedFailedError, seed


@dataclass(frozen=True, slots=True)
class _Tokens:
    admin: str
    supervisor: str


async def seed_running(endpoints_file: Path) -> str:
    """Load the starter city into the system that the endpoints file names; a line that says what is there now. Raises SeedFailedError."""
    from services.home import Home
    from services.launcher import intake_dsn

    endpoints = Endpoints.read(endpoints_file)
    await _answering(endpoints)
    tokens = _Tokens(endpoints.tokens["admin"], endpoints.tokens["supervisor"])
    return str(await seed(intake_dsn(Home(endpoints_file.parent), os.environ), endpoints.urls, tokens))


async def _answering(endpoints: Endpoints) -> None:
    api = API(endpoints.urls)
    try:
        for service in ("intake", "teams"):
            if (await api.request(service, "GET", "/healthz", token=endpoints.tokens["admin"])).status == 0:
                raise SeedFailedError(nobody_there(service, endpoints.urls[service]))
    finally:
        await api.close()
