"""What runs by itself: the relay melts and retries, a loop outlives its failures, the hub wakes whom it should."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from shared.loops import Loop
from shared.outbox import Relay
from shared.wake import Hub


async def settle() -> None:
    """Let everything that can run, run."""
    for _ in range(20):
        await asyncio.sleep(0)


class Peer:
    """Receives rows; holds each delivery back until told to go on, fails while told to."""

    def __init__(self) -> None:
        self.state = {"a": 1, "b": 1}
        self.got: list[tuple[str, int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.silent = False

    async def send(self, key: str) -> None:
        value = self.state[key]  # the row's state when the message is made
        await self.open.wait()
        if self.silent:
            raise ConnectionError
        self.got.append((key, value))


def relay_to(
    peer: Peer, claim: Callable[[], Awaitable[Sequence[str]]] | None = None, period_s: float = 60
) -> Relay[str]:
    async def nothing() -> Sequence[str]:
        return ()

    return Relay("test", claim=claim or nothing, send=peer.send, period_s=period_s)


async def test_changes_while_a_row_is_under_way_melt_into_one_message_with_the_last_state() -> None:
    peer = Peer()
    relay = relay_to(peer)
    peer.open.clear()
    relay.soon("a")
    await settle()
    for value in range(2, 9):
        peer.state["a"] = value
        relay.soon("a")
    peer.open.set()
    await settle()
    assert peer.got == [("a", 1), ("a", 8)]


async def test_one_row_does_not_wait_for_another() -> None:
    peer = Peer()
    relay = relay_to(peer)
    peer.open.clear()
    relay.soon("a")
    await settle()
    peer.open.set()
    relay.soon("b")
    await settle()
    assert set(peer.got) == {("a", 1), ("b", 1)}


async def test_what_a_silent_peer_did_not_get_the_sweep_sends_again_until_it_has() -> None:
    peer = Peer()
    due = {"a"}

    async def claim() -> Sequence[str]:
        return sorted(due)

    peer.silent = True
    relay = relay_to(peer, claim, period_s=0.01)
    relay.soon("a")
    relay.start()
    await asyncio.sleep(0.05)
    assert peer.got == []
    peer.silent = False
    peer.state["a"] = 7
    for _ in range(100):
        await asyncio.sleep(0.01)
        if peer.got:
            break
    due.clear()
    await relay.stop()
    assert peer.got[0] == ("a", 7)


async def test_a_change_during_a_delivery_that_fails_is_tried_at_once() -> None:
    peer = Peer()
    relay = relay_to(peer)
    peer.open.clear()
    peer.silent = True
    relay.soon("a")
    await settle()
    peer.state["a"] = 2
    relay.soon("a")
    asyncio.get_running_loop().call_soon(setattr, peer, "silent", False)
    peer.open.set()
    await settle()
    assert peer.got == [("a", 2)] or peer.got == [("a", 1), ("a", 2)]


async def test_after_stop_nothing_is_sent() -> None:
    peer = Peer()
    relay = relay_to(peer)
    peer.open.clear()
    relay.soon("a")
    await settle()
    relay.soon("a")
    await relay.stop()
    peer.open.set()
    relay.soon("b")
    await settle()
    assert peer.got == []


async def test_a_loop_outlives_a_pass_that_raises() -> None:
    passes = 0
    five = asyncio.Event()

    async def work() -> None:
        nonlocal passes
        passes += 1
        if passes < 3:
            raise ValueError
        if passes == 5:
            five.set()

    loop = Loop("test", work, 0.001)
    loop.start()
    await asyncio.wait_for(five.wait(), 10)
    await loop.stop()
    stopped_at = passes
    await asyncio.sleep(0.01)
    assert passes == stopped_at


async def test_a_loop_runs_again_at_once_when_poked_or_when_it_left_something() -> None:
    passes: list[int] = []

    async def work() -> bool:
        passes.append(len(passes))
        return len(passes) < 3  # twice it left something undone

    loop = Loop("test", work, 60)
    loop.start()
    await settle()
    assert len(passes) == 3
    loop.poke()
    await settle()
    assert len(passes) == 4
    await loop.stop()


async def test_a_poke_during_a_pass_is_not_lost() -> None:
    passes = 0
    gate = asyncio.Event()

    async def work() -> None:
        nonlocal passes
        passes += 1
        await gate.wait()

    loop = Loop("test", work, 60)
    loop.start()
    await settle()
    loop.poke()
    gate.set()
    await settle()
    assert passes == 2
    await loop.stop()


async def test_the_hub_wakes_those_who_wait_for_the_key_and_no_other() -> None:
    hub = Hub("", "c")
    one, two, other = (asyncio.create_task(hub.wait(key, 30)) for key in ("k", "k", "x"))
    await settle()
    hub.wake("k", "nobody")
    assert await one
    assert await two
    assert not other.done()
    other.cancel()
    assert not await hub.wait("k", 0.001)


async def test_who_listens_hears_what_came_before_it_began_to_wait() -> None:
    hub = Hub("", "c")
    async with hub.listening("a", "b") as news:
        hub.wake("b")
        await asyncio.wait_for(news.wait(), 10)
    assert hub._waiting == {}


async def test_stopping_wakes_everybody() -> None:
    hub = Hub("", "c")
    waiting = asyncio.create_task(hub.wait("k", 30))
    await settle()
    await hub.stop()
    assert await waiting


def test_a_notification_stays_within_what_postgresql_takes() -> None:
    hub = Hub("", "c")
    hub._unsent.update(f"assignment:{n:032}" for n in range(1000))
    sizes = []
    while hub._unsent:
        sizes.append(len(hub._payload()))
    assert len(sizes) > 1
    assert max(sizes) < 8000
