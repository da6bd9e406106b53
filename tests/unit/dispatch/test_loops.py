"""A timed loop of the kernel ends when it is told to, even if it is poked at that very moment."""

import asyncio

from shared.loops import Loop


async def test_a_loop_that_is_poked_while_it_is_stopped_ends() -> None:
    for turns in range(6):
        passes = asyncio.Event()

        async def work(done: asyncio.Event = passes) -> None:
            done.set()

        loop = Loop("test", work, 3600)
        loop.start()
        await passes.wait()
        await asyncio.sleep(0)
        loop.poke()
        for _ in range(turns):
            await asyncio.sleep(0)
        _, pending = await asyncio.wait({asyncio.create_task(loop.stop())}, timeout=2)
        for hung in pending:
            hung.cancel()
        assert not pending, f"poked {turns} turns before the stop"
