"""Garbage: what is freed by the garbage collector alone, which stops everything while it works."""

from __future__ import annotations

import asyncio
import contextlib
import gc
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


async def garbage_of(work: Callable[[], Awaitable[object]], times: int = 30) -> float:
    """How many objects a call leaves that only the collector can free. The first call, which fills caches, does not count."""
    await work()
    with without_collections():
        for _ in range(times):
            await work()
        await asyncio.sleep(0)
        return gc.collect() / times
