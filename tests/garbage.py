"""Garbage: what is freed by the garbage collector alone, which stops everything while it works."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
from collections.abc import Awaitable, Callable, Iterator


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Nothing is freed by the garbage collector in this block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def garbage_of(work: Callable[[], Awaitable[object]], times: int = 15) -> float:
    """How many objects a call usually leaves that only the collector can free. The first call fills caches, and does not count.

    It is the median: threads that end at the same moment may tie a knot once in a while, which costs nobody anything.
    """
    await work()
    left = []
    with without_collections():
        for _ in range(times):
            await work()
            await asyncio.sleep(0)
            left.append(gc.collect())
    return statistics.median(left)
