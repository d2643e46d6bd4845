"""Ending: ends tasks for certain.

A task may miss that it is cancelled: `asyncio.wait_for` of Python 3.11 and drivers of brokers drop a cancellation that arrives
just when what they wait for is done, or while they close a connection. A task that loops then goes on, and who waits for its end
waits for ever.
"""

from __future__ import annotations

import asyncio
from asyncio import Task
from typing import Any

AGAIN_SECONDS = 1.0


async def end_tasks(*tasks: Task[Any] | None) -> None:
    """Cancel tasks, and wait until they have ended; ask again each second. Their results and errors are dropped."""
    running = {task for task in tasks if task is not None}
    while running:
        for task in running:
            task.cancel()
        done, running = await asyncio.wait(running, timeout=AGAIN_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()  # retrieved, so that nothing is logged
