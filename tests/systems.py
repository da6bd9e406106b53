"""A whole system for e2e and fault tests: two replicas of each service as processes, on a database of its own.

The fixture `system` (in conftest.py) is one that the tests of a worker share, with the starter city, whole again after each;
`tests.field` builds on `running_system` for cities of a test's own. With the `System` come `urls`, `tokens`, `kill`, `start`, `pause`,
`resume`, `cut`, `mend` and `set_clock`; `system.plan.dsns` are the services' logins and `system.plan.admins` the superuser.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from services.credentials import token_secret
from services.servers import SERVICES
from services.system import Plan, System, free_ports
from services.time_rate import arrange_clock
from tests import forked, pg

REPLICAS: Final = 2
TOKEN_SECRET: Final = token_secret(pg.SECRET)


def _inherited() -> dict[str, str]:
    """Return our environment without any setting of a service: a developer's own must not change a test."""
    prefixes = tuple(f"{service.upper()}_" for service in SERVICES)
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


@asynccontextmanager
async def running_system(
    postgres_dsn: str,
    logs: Path,
    *,
    replicas: int = REPLICAS,
    time_rate: float = 1.0,
    hurried: float = 1.0,
    settings: Mapping[str, str] | None = None,
    seeded: bool = True,
    cuttable: bool = True,
) -> AsyncIterator[System]:
    """Yield a system on a fresh database, with every link `cuttable`; `settings` such as DISPATCH_RESPOND_WITHIN=PT2S.

    `time_rate`: time runs so much faster. `hurried`: time is real, only sweeps and heartbeats come so much more often.
    """
    database = await pg.clone(postgres_dsn)
    admins = dict.fromkeys(SERVICES, database.admin)
    plan = Plan(
        dsns=database.login,
        token_secret=TOKEN_SECRET,
        logs=logs,
        ports=free_ports(replicas),
        admins=admins,
        time_rate=time_rate * hurried,
        cuttable=cuttable,
        environment=_inherited() | dict(settings or {}),
        begin=forked.begin,
    )
    try:
        await arrange_clock(admins, database.login, time_rate)
        async with System(plan) as system:
            if seeded:
                from services.starter_city.seed import seed  # loads geometry, which most tests do without

                await seed(database.login["intake"], system.urls, system.tokens)
            yield system
    finally:
        await pg.drop(database)
