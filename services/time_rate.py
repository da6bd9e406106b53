"""The clock of a trial installation: real, or running faster from where it stood (`up --time-rate 60`)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import asyncpg

from services.migrate import set_clock
from services.servers import SERVICES

_WORTH_SAYING: Final = timedelta(seconds=5)


async def arrange_clock(admins: Mapping[str, str], logins: Mapping[str, str], rate: float) -> timedelta:
    """Make every service's time run at `rate` and return how far ahead of real time it stood.

    A faster clock goes on from where it stood, since time that jumps back moves every deadline; a real one is real
    again, whatever it was.
    """
    ahead = max([await _ahead(logins[service], service) for service in SERVICES], default=timedelta(0))
    if rate != 1.0 or ahead:
        offset = ahead if rate != 1.0 and ahead > _WORTH_SAYING else timedelta(0)
        await _set_clocks(admins, rate, offset)
    return ahead if ahead > _WORTH_SAYING else timedelta(0)


async def end_of_fast_time(admins: Mapping[str, str], logins: Mapping[str, str]) -> None:
    """Let time run at the real pace from where it stands: nobody is there any more for whom it should hurry."""
    await _set_clocks(admins, 1.0, max([await _ahead(logins[service], service) for service in SERVICES]))


async def _set_clocks(admins: Mapping[str, str], rate: float, offset: timedelta) -> None:
    anchor: str | None = None
    for service in SERVICES:
        connection = await asyncpg.connect(admins[service])
        try:
            anchor = await set_clock(connection, service, rate=rate, offset=offset, anchor=anchor)
        finally:
            await connection.close()


async def _ahead(login: str, service: str) -> timedelta:
    """Return how far the service's clock is ahead of real time; zero where it has none yet."""
    connection = await asyncpg.connect(login)
    try:
        if not await connection.fetchval("SELECT to_regprocedure($1) IS NOT NULL", f"{service}.clock()"):
            return timedelta(0)
        ahead: timedelta = await connection.fetchval(f"SELECT {service}.clock() - clock_timestamp()")
        return ahead if abs(ahead) > timedelta(milliseconds=50) else timedelta(0)
    finally:
        await connection.close()
