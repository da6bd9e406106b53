"""The hub across replicas: two hubs on one PostgreSQL, and what happens when the listening connection breaks."""

import asyncio
from time import monotonic

from shared.wake import Hub
from tests import pg
from tests.contract.shared.conftest import hears


async def test_a_wake_reaches_waiters_on_the_other_replica(hubs: tuple[Hub, Hub]) -> None:
    here, there = hubs
    waiting = asyncio.create_task(there.wait("team:1", 30))
    other = asyncio.create_task(there.wait("team:2", 1))
    await asyncio.sleep(0.01)
    started = monotonic()
    here.wake("team:1")
    assert await waiting
    assert monotonic() - started < 1
    assert not await other


async def test_a_burst_reaches_the_other_replica_whole(hubs: tuple[Hub, Hub]) -> None:
    here, there = hubs
    waiting = [asyncio.create_task(there.wait(f"team:{n:040}", 30)) for n in range(500)]  # more than one NOTIFY holds
    await asyncio.sleep(0.01)
    for n in range(500):
        here.wake(f"team:{n:040}")
    assert all(await asyncio.gather(*waiting))


async def test_ones_own_notification_wakes_nobody_twice(hubs: tuple[Hub, Hub]) -> None:
    here, there = hubs
    here.wake("k")
    async with here.listening("k") as news, there.listening("k") as news_there:
        await asyncio.wait_for(news_there.wait(), 10)  # so the notification has come round
        await asyncio.sleep(0.05)
        assert not news.is_set()


async def test_a_hub_that_lost_its_connection_wakes_everybody_and_listens_again(
    hubs: tuple[Hub, Hub], fresh_database: pg.Clone
) -> None:
    here, there = hubs
    lost = there._connection
    assert lost is not None
    waiting = asyncio.create_task(there.wait("k", 30))
    await asyncio.sleep(0.01)
    async with pg.connected(fresh_database.admin) as admin:
        await admin.execute("SELECT pg_terminate_backend($1)", lost.get_server_pid())
    assert await waiting  # it may have missed something, so it reads again
    await hears(there, here)
    again = asyncio.create_task(there.wait("k", 30))
    await asyncio.sleep(0.01)
    here.wake("k")
    assert await again


async def test_a_wake_works_here_while_the_database_is_away(dsn: str) -> None:
    hub = Hub(dsn.replace("@127.0.0.1:", "@127.0.0.1:1"), "kernel_news")  # nobody listens there
    await hub.start()
    waiting = asyncio.create_task(hub.wait("k", 30))
    await asyncio.sleep(0.05)
    hub.wake("k")
    assert await asyncio.wait_for(waiting, 10)
    await hub.stop()


async def test_waiting_uses_no_database_connection(hubs: tuple[Hub, Hub], fresh_database: pg.Clone) -> None:
    here, _ = hubs
    async with pg.connected(fresh_database.admin) as admin:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        before = await admin.fetchval(query)
        waiting = [asyncio.create_task(here.wait(f"k{n}", 30)) for n in range(300)]
        await asyncio.sleep(0.05)
        assert await admin.fetchval(query) == before
        here.wake_all()
        assert all(await asyncio.gather(*waiting))
