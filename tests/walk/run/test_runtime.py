"""The runtime: threads, event loops, bounds."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.walk.run.counting import add_one, make_counter
from walkwire import (
    Root,
    Walker,
    on_entry,
    root,
)
from walkwire.errors import Busy
from walkwire.ids import PUBLIC_ROOT
from walkwire.walk.registry import Registry
from walkwire.walk.run.request import WalkRequest
from walkwire.walk.run.runtime import Runtime, RuntimeLimits
from walkwire.walk.run.threads import Mailbox


async def test_async_abilities_share_a_loop_that_is_not_the_sockets(world: Any) -> None:
    threads: set[str] = set()

    class look(Walker):
        @on_entry
        async def where(self, here: Root) -> None:
            threads.add(threading.current_thread().name)
            await asyncio.sleep(0)
            walker = await look_deeper().aspawn(here)
            self.report(walker.reports)

    class look_deeper(Walker):
        @on_entry
        async def asynchronously(self, here: Root) -> None:
            threads.add(threading.current_thread().name)
            self.report("deep")

        @on_entry
        def plainly(self, here: Root) -> None:
            threads.add(threading.current_thread().name[:4])
            self.report(root() is here)

    assert await world.reports(look) == ["deep", True, ["deep", True]]
    assert threads == {"programs", "walk"}


async def test_spawn_of_an_async_walker_from_an_async_ability_says_what_to_write(world: Any) -> None:
    class inner(Walker):
        @on_entry
        async def run(self, here: Root) -> None: ...

    class outer(Walker):
        @on_entry
        async def run(self, here: Root) -> None:
            inner().spawn(here)

    with pytest.raises(RuntimeError, match="await aspawn"):
        await world.reports(outer)


async def test_a_plain_ability_may_spawn_an_async_walker(world: Any) -> None:
    class inner(Walker):
        @on_entry
        async def run(self, here: Root) -> None:
            self.report("in")

    class outer(Walker):
        @on_entry
        def run(self, here: Root) -> None:
            self.report(inner().spawn(here).reports)

    assert await world.reports(outer) == ["in", ["in"]]


async def test_beyond_threads_and_queue_there_is_a_clear_busy(store: Any) -> None:
    mailbox = Mailbox(asyncio.get_running_loop())
    limits = RuntimeLimits(threads=1, queue=1)
    runtime = Runtime(store, Registry(), mailbox, notify=lambda *_: None, limits=limits)
    gate, started = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    class wait(Walker):
        @on_entry
        def here(self, here: Root) -> None:
            loop.call_soon_threadsafe(started.set)
            assert gate.wait(30)

    request = WalkRequest(wait, dict, PUBLIC_ROOT)
    let_in = [asyncio.ensure_future(runtime.run(request)) for _ in range(2)]
    await started.wait()
    with pytest.raises(Busy):
        await runtime.run(request)
    gate.set()
    await asyncio.gather(*let_in)
    assert await runtime.stop(5)


@pytest.mark.parametrize(
    "error", [StopIteration(), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
async def test_a_walk_that_lets_such_an_error_go_ends_by_it_and_nothing_else_does(
    world: Any, error: Any
) -> None:
    class end(Walker):
        @on_entry
        def it(self, here: Root) -> None:
            raise error

    class end_async(Walker):
        @on_entry
        async def it(self, here: Root) -> None:
            await asyncio.sleep(0)
            raise error

    for walker in (end, end_async):
        with pytest.raises(RuntimeError):
            await world.reports(walker)
    (counter,) = await world.reports(make_counter)
    assert await world.reports(add_one, counter["id"]) == [1]

    class plain(Walker):
        @on_entry
        async def it(self, here: Root) -> None:
            self.report("still here")

    assert await world.reports(plain) == ["still here"]
