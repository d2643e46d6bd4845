"""The event loop for async abilities."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest

from walkwire.walk.run.programs import ProgramLoop
from walkwire.walk.run.threads import Mailbox, Threads

variable: ContextVar[str] = ContextVar("variable")


async def test_the_programs_loop_and_the_workers_hand_the_context_over() -> None:
    mailbox = Mailbox(asyncio.get_running_loop())
    threads, programs = Threads(mailbox, 1, 1), ProgramLoop(mailbox)
    variable.set("mine")

    async def there() -> list[str]:
        return [variable.get(), await threads.from_a_loop(variable.get), threading.current_thread().name]

    assert await programs.run(there()) == ["mine", "mine", "programs"]
    assert await asyncio.to_thread(programs.run_from_thread, there()) == ["mine", "mine", "programs"]
    programs.stop()
    threads.stop()


async def test_waiting_for_the_programs_loop_on_itself_says_what_to_write() -> None:
    programs = ProgramLoop(Mailbox(asyncio.get_running_loop()))

    async def inner() -> None: ...

    async def outer() -> None:
        programs.run_from_thread(inner())

    with pytest.raises(RuntimeError, match="await aspawn"):
        await programs.run(outer())
    programs.stop()


@pytest.fixture
async def programs() -> AsyncIterator[ProgramLoop]:
    made = ProgramLoop(Mailbox(asyncio.get_running_loop()))
    yield made
    await asyncio.to_thread(made.stop)


async def test_an_error_of_a_coroutine_reaches_its_caller(programs: ProgramLoop) -> None:
    async def fail(error: BaseException) -> None:
        raise error

    with pytest.raises(LookupError, match="here"):
        await programs.run(fail(LookupError("here")))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await programs.run(fail(StopIteration()))


async def test_a_caller_that_is_cancelled_cancels_its_coroutine(programs: ProgramLoop) -> None:
    loop = asyncio.get_running_loop()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            await asyncio.Event().wait()
        finally:
            loop.call_soon_threadsafe(ended.set)

    caller = asyncio.ensure_future(programs.run(wait()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_coroutine_that_cancels_itself_cancels_its_caller(programs: ProgramLoop) -> None:
    async def cancel() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await programs.run(cancel())


async def test_many_coroutines_begin_and_end_together(programs: ProgramLoop) -> None:
    async def twice(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    found = await asyncio.gather(*(programs.run(twice(number)) for number in range(500)))
    assert found == [2 * number for number in range(500)]
