"""A ticker calls its function again and again until it is stopped, one call at a time."""

from __future__ import annotations

import asyncio

from walkwire.wire.presence.ticker import Ticker


async def test_it_ticks_until_it_is_stopped() -> None:
    ticker = Ticker(0.001)
    ticks: list[int] = []
    done = asyncio.Event()

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            ticker.stop()
            done.set()

    ticker.start(tick)
    ticker.start(tick)
    await asyncio.wait_for(done.wait(), 5)
    await asyncio.sleep(0.01)
    assert len(ticks) == 3
    ticker.stop()


async def test_a_tick_that_fails_is_not_the_last() -> None:
    ticker = Ticker(0.001)
    done = asyncio.Event()
    count = 0
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)

    def tick() -> None:
        nonlocal count
        count += 1
        if count == 2:
            done.set()
        raise ValueError

    ticker.start(tick)
    await asyncio.wait_for(done.wait(), 5)
    ticker.stop()
