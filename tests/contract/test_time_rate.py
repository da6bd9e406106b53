"""The clock of a trial installation, over several runs at several rates."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.servers import SERVICES
from services.time_rate import arrange_clock, end_of_fast_time
from tests import pg


@pytest.fixture
async def own(postgres_dsn: str) -> AsyncIterator[pg.Clone]:
    """A database whose clock nobody else reads."""
    made = await pg.clone(postgres_dsn)
    yield made
    await pg.drop(made)


def admins(database: pg.Clone) -> dict[str, str]:
    return dict.fromkeys(SERVICES, database.admin)


async def times(database: pg.Clone) -> list[datetime]:
    found = []
    for service in SERVICES:
        async with pg.connected(database.login[service]) as login:
            found.append(await login.fetchval(f"SELECT {service}.clock()"))
    return found


async def settled(database: pg.Clone, ahead: timedelta, within: timedelta) -> bool:
    before = datetime.now(UTC)
    return all(before + ahead - within < at < datetime.now(UTC) + ahead + within for at in await times(database))


async def test_time_is_real_without_being_asked(own: pg.Clone) -> None:
    assert await arrange_clock(admins(own), own.login, 1.0) == timedelta(0)
    assert await settled(own, timedelta(0), timedelta(seconds=2))


async def test_fast_time_is_the_same_for_all_three_and_goes_on_where_it_stood(own: pg.Clone) -> None:
    await arrange_clock(admins(own), own.login, 1000.0)
    async with pg.connected(own.admin) as admin:
        await admin.execute("SELECT pg_sleep(0.2)")
        query = "SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = $1"
        settings = await admin.fetch(query, own.name)
    assert len(settings) == 3
    assert len({tuple(sorted(row[0])) for row in settings}) == 1
    first = await times(own)
    assert max(first) - datetime.now(UTC) > timedelta(seconds=150)
    await end_of_fast_time(admins(own), own.login)
    stood = await times(own)
    ahead = await arrange_clock(admins(own), own.login, 100.0)
    assert ahead > timedelta(seconds=150)
    assert min(await times(own)) >= max(stood) - timedelta(seconds=1)


async def test_after_a_fast_run_time_goes_at_the_real_pace(own: pg.Clone) -> None:
    await arrange_clock(admins(own), own.login, 1000.0)
    await end_of_fast_time(admins(own), own.login)
    async with pg.connected(own.login["teams"]) as login:
        began = await login.fetchval("SELECT teams.clock()")
        await login.execute("SELECT pg_sleep(0.3)")
        assert await login.fetchval("SELECT teams.clock()") - began < timedelta(seconds=3)


async def test_a_run_at_the_real_rate_makes_time_real_again_and_says_how_far_it_was_off(own: pg.Clone) -> None:
    async with pg.connected(own.admin) as admin:
        from services.migrate import set_clock

        await set_clock(admin, "dispatch", offset=timedelta(hours=3))
    ahead = await arrange_clock(admins(own), own.login, 1.0)
    assert timedelta(hours=2, minutes=59) < ahead < timedelta(hours=3, minutes=1)
    assert await settled(own, timedelta(0), timedelta(seconds=2))
