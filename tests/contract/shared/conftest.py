"""The kernel on a real PostgreSQL, in the tables of the teams service: each service has the same."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from shared.wake import Hub


@pytest.fixture
def dsn(database_dsns: Mapping[str, str]) -> str:
    """The login of the teams service."""
    return database_dsns["teams"]


@pytest.fixture
async def hubs(dsn: str) -> AsyncIterator[tuple[Hub, Hub]]:
    """Two replicas' hubs, both listening."""
    pair = Hub(dsn, "kernel_news"), Hub(dsn, "kernel_news")
    for hub in pair:
        await hub.start()
    await hears(pair[0], pair[1])
    await hears(pair[1], pair[0])
    yield pair
    for hub in pair:
        await hub.stop()


async def hears(listener: Hub, speaker: Hub) -> None:
    """Return once `listener` hears what `speaker` wakes."""
    for n in range(200):
        waiting = asyncio.create_task(listener.wait(f"probe:{n}", 0.05))
        await asyncio.sleep(0)
        speaker.wake(f"probe:{n}")
        if await waiting:
            return
    raise AssertionError("the hub does not listen")
