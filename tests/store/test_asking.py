"""The one way to call a store from an event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from walkwire.store import Asking


async def test_a_call_runs_in_a_thread_and_its_result_or_error_comes_back() -> None:
    async with Asking() as asking:
        assert await asking.ask(threading.get_ident) != threading.get_ident()
        assert await asking.ask(sorted, [1, 2], reverse=True) == [2, 1]
        with pytest.raises(ValueError, match="invalid literal"):
            await asking.ask(int, "x")


async def test_calls_beyond_the_threads_wait_and_the_loop_does_not() -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    def call() -> None:
        begun.release()
        gate.wait(30)

    async with Asking(threads=2) as asking:
        calls = [asyncio.ensure_future(asking.ask(call)) for _ in range(3)]
        await asyncio.to_thread(lambda: [begun.acquire(timeout=30) for _ in range(2)])
        assert not begun.acquire(blocking=False)
        gate.set()
        await asyncio.gather(*calls)


async def test_closing_waits_for_calls_under_way_and_cancels_those_that_have_no_thread() -> None:
    gate, begun, done = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        gate.wait(30)
        done.set()

    asking = Asking(threads=1)
    first, second = asyncio.ensure_future(asking.ask(call)), asyncio.ensure_future(asking.ask(call))
    await asyncio.to_thread(begun.wait, 10)
    closing = asyncio.ensure_future(asking.close())
    await asyncio.wait((second,))
    assert second.cancelled()
    assert not done.is_set()
    gate.set()
    await closing
    assert done.is_set()
    await first
