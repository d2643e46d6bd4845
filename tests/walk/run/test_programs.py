"""The event loop for async abilities."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from walkwire.walk.run.programs import ProgramLoop
from walkwire.walk.run.threads import Mailbox, Threads

variable: ContextVar[str] = ContextVar("variable")


async def test_the_programs_loop_and_the_workers_hand_the_context_over() -> None:
    threads, programs = Threads(Mailbox(asyncio.get_running_loop()), 1, 1), ProgramLoop()
    variable.set("mine")

    async def there() -> list[str]:
        return [variable.get(), await threads.from_a_loop(variable.get), threading.current_thread().name]

    assert await programs.run(there()) == ["mine", "mine", "programs"]
    assert await asyncio.to_thread(programs.run_from_thread, there()) == ["mine", "mine", "programs"]
    programs.stop()
    threads.stop()


async def test_waiting_for_the_programs_loop_on_itself_says_what_to_write() -> None:
    programs = ProgramLoop()

    async def inner() -> None: ...

    async def outer() -> None:
        programs.run_from_thread(inner())

    with pytest.raises(RuntimeError, match="await aspawn"):
        await programs.run(outer())
    programs.stop()
