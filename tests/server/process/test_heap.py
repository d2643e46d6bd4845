"""What was freed is returned to the operating system."""

from __future__ import annotations

import asyncio

import pytest

from walkwire.server.process import heap


async def test_the_heap_is_trimmed_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, trimmed = asyncio.get_running_loop(), asyncio.Event()
    monkeypatch.setattr(heap, "_malloc_trim", lambda pad: loop.call_soon_threadsafe(trimmed.set))
    heap.trim_heap()
    async with asyncio.timeout(5):
        await trimmed.wait()


async def test_where_the_c_library_cannot_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_malloc_trim", None)
    heap.trim_heap()
