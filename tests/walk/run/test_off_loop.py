"""Calls that block, made by plain functions deep inside a coroutine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

import pytest
from greenlet import greenlet

from walkwire.walk.current import enter_run, leave_run
from walkwire.walk.run.off_loop import OffLoop, make_task, off_loop

Result = TypeVar("Result")
variable: ContextVar[str] = ContextVar("variable")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on a loop whose tasks can leave it."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_task_factory(make_task)
        return runner.run(coroutine)


def in_thread(function: Any, *arguments: Any) -> asyncio.Future[Any]:
    return asyncio.Task(asyncio.to_thread(function, *arguments))


def where(function: Any = threading.current_thread) -> Any:
    return off_loop(in_thread, function)


def test_a_plain_function_leaves_the_loop_and_comes_back() -> None:
    async def main() -> None:
        variable.set("mine")
        assert [where() is threading.current_thread() for _ in range(3)] == [False] * 3
        assert where(variable.get) == "mine"
        await asyncio.sleep(0)
        assert variable.get() == "mine"
        with pytest.raises(KeyError):
            where(lambda: {}["absent"])

    run(main())


def test_outside_of_a_step_the_function_is_called_at_once() -> None:
    assert where() is threading.current_thread()

    async def main() -> None:
        # A greenlet of a library inside a step is not ours
        assert greenlet(where).switch() is threading.current_thread()

    run(main())


def test_the_loop_goes_on_meanwhile() -> None:
    is_asked, may_end = threading.Event(), threading.Event()

    def block() -> bool:
        is_asked.set()
        return may_end.wait(20)

    async def other() -> None:
        while not is_asked.is_set():  # noqa: ASYNC110 - it is set in a thread
            await asyncio.sleep(0)
        may_end.set()

    async def main() -> None:
        task = asyncio.create_task(other())
        assert where(block)
        await task

    run(main())


def test_other_coroutines_of_the_same_walk_wait_meanwhile() -> None:
    """And a cancellation is not lost: it comes with the next step."""
    seen: list[str] = []
    is_asked, may_end = threading.Event(), threading.Event()

    def block() -> None:
        is_asked.set()
        may_end.wait(20)
        seen.append("was away")

    async def same() -> None:
        await asyncio.sleep(0)
        seen.append("same walk")

    async def away() -> None:
        asyncio.get_running_loop()
        where(block)
        seen.append("back")
        await asyncio.sleep(0)
        seen.append("never")

    async def main() -> None:
        token = enter_run(object())  # type: ignore[arg-type]
        first, second = asyncio.create_task(away()), asyncio.create_task(same())
        leave_run(token)
        while not is_asked.is_set():  # noqa: ASYNC110 - it is set in a thread
            await asyncio.sleep(0)
        first.cancel()
        for _ in range(9):
            await asyncio.sleep(0)
        assert not seen
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second

    run(main())
    assert sorted(seen) == ["back", "same walk", "was away"]
    assert seen[0] == "was away"


def test_a_task_that_is_cancelled_before_its_first_step_is_over() -> None:
    async def never() -> None:
        raise AssertionError

    async def main() -> None:
        task = asyncio.create_task(never())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_a_store_is_called_off_the_loop() -> None:
    class Store:
        is_shared = True

        def latest(self) -> Store:
            return self

        def thread(self) -> threading.Thread:
            return threading.current_thread()

    async def main() -> None:
        store = OffLoop(Store(), in_thread)
        assert store.is_shared
        for view in (store, store.latest()):
            assert view.thread() is not threading.current_thread()

    run(main())
