"""Tasks that are ended have ended, also those that miss a cancellation."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from walkwire import ending


async def test_all_have_ended_and_their_errors_are_dropped() -> None:
    async def fail() -> None:
        raise ValueError

    async def wait() -> None:
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(fail()), asyncio.create_task(wait())]
    await asyncio.sleep(0)
    await ending.end_tasks(*tasks, None)
    assert all(task.done() for task in tasks)


async def test_who_misses_a_cancellation_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_SECONDS", 0.01)
    missed = 0

    async def stubborn() -> None:
        nonlocal missed
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            missed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await ending.end_tasks(task)
    assert (task.cancelled(), missed) == (True, 2)
