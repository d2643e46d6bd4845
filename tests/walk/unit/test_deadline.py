"""The time that a walk may take: who waits is told that it is over, and nothing of the walk is kept."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from walkwire import Node, Root, Walker, commit, on_entry, socket
from walkwire.errors import TimedOut
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Store
from walkwire.walk.registry import Registry
from walkwire.walk.run.runtime import Order, Runtime
from walkwire.walk.unit.deadline import Allowance

GATE = threading.Event()
CANCELLED = threading.Event()


class Trace(Node):
    pass


class circle(Walker):
    @on_entry
    def go_on(self, here: Root) -> None:
        here.connect(Trace())
        self.visit(here)


class dawdle(Walker):
    commits_first: bool = False

    @on_entry
    def wait(self, here: Root) -> None:
        here.connect(Trace())
        if self.commits_first:
            commit()
            here.connect(Trace())
        socket.notify_channels(["x"], "there is one more")
        assert GATE.wait(20)


class wait_for_ever(Walker):
    @on_entry
    async def wait(self, here: Root) -> None:
        here.connect(Trace())
        try:
            await asyncio.Event().wait()
        finally:
            CANCELLED.set()


class traces(Walker):
    @on_entry
    def count(self, here: Root) -> None:
        self.report(len(here.out(Trace)))


def order(walker: type[Walker], seconds: float | None = None, tell: Any = None, **fields: Any) -> Order:
    ignore: Any = lambda *_: None  # noqa: E731
    return Order(walker, lambda: dict(fields), PUBLIC_ROOT, tell or ignore, seconds=seconds)


@pytest.fixture
async def runtime(store: Store) -> AsyncIterator[Runtime]:
    """With one thread, and a tenth of a second for each walk."""
    GATE.clear()
    registry = Registry()
    registry.add_all(vars(sys.modules[__name__]).values())
    made = Runtime(store, registry, threads=1, seconds=0.1)
    yield made
    GATE.set()
    assert await made.stop(20)


async def count(runtime: Runtime) -> int:
    body = (await runtime.run(order(traces, seconds=0))).body
    return int(json.loads(body)["reports"][0])


async def test_a_walk_that_goes_in_circles_ends_and_its_thread_is_free(runtime: Runtime) -> None:
    with pytest.raises(TimedOut):
        await runtime.run(order(circle))
    assert await count(runtime) == 0


@pytest.mark.parametrize(("commits_first", "left"), [(False, 0), (True, 1)])
async def test_of_a_walk_that_is_late_nothing_is_committed_or_told_any_more(
    commits_first: bool, left: int, runtime: Runtime
) -> None:
    told: list[Any] = []
    walk = order(dawdle, tell=lambda *what: told.append(what), commits_first=commits_first)
    with pytest.raises(TimedOut):
        await runtime.run(walk)
    GATE.set()
    assert await count(runtime) == left
    assert told == []


async def test_an_async_walk_is_cancelled(runtime: Runtime) -> None:
    with pytest.raises(TimedOut):
        await runtime.run(order(wait_for_ever))
    assert await asyncio.to_thread(CANCELLED.wait, 20)
    assert await count(runtime) == 0


async def test_a_walk_that_waits_for_a_thread_is_late_too_and_never_begins(runtime: Runtime) -> None:
    first = asyncio.ensure_future(runtime.run(order(dawdle, seconds=0)))
    with pytest.raises(TimedOut):
        await runtime.run(order(dawdle))
    GATE.set()
    await first
    assert await count(runtime) == 1


async def test_a_walker_may_have_a_time_of_its_own(runtime: Runtime) -> None:
    asyncio.get_running_loop().call_later(0.3, GATE.set)
    await runtime.run(order(dawdle, seconds=20))
    assert await count(runtime) == 1


async def test_a_commit_that_is_being_made_is_waited_for() -> None:
    allowance, begun, may_go_on = Allowance(), threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert may_go_on.wait(20)
        return "done"

    made = asyncio.ensure_future(asyncio.to_thread(allowance.guard(work)))
    assert await asyncio.to_thread(begun.wait, 20)
    assert not allowance.end()
    answer = asyncio.ensure_future(allowance.wait_for(made, 0, may_cancel=True))
    await asyncio.sleep(0)
    may_go_on.set()
    assert await answer == "done"
    with pytest.raises(TimedOut):
        allowance.guard(work)()
    assert allowance.end()
