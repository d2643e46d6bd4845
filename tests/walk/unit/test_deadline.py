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
from walkwire.walk.audience import Addressees
from walkwire.walk.registry import Registry
from walkwire.walk.run.request import RunOptions, WalkRequest
from walkwire.walk.run.runtime import Runtime, RuntimeLimits
from walkwire.walk.run.threads import Mailbox
from walkwire.walk.unit.deadline import Deadline

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


def request_for(walker: type[Walker], seconds: float | None = None, **fields: Any) -> WalkRequest:
    return WalkRequest(walker, lambda: dict(fields), PUBLIC_ROOT, options=RunOptions(seconds=seconds))


@pytest.fixture
def told() -> list[tuple[Addressees, bytes]]:
    """The notifications that were sent."""
    return []


@pytest.fixture
async def runtime(store: Store, told: list[tuple[Addressees, bytes]]) -> AsyncIterator[Runtime]:
    """With one thread, and a tenth of a second for each walk."""
    GATE.clear()
    registry = Registry()
    registry.add_all(vars(sys.modules[__name__]).values())
    mailbox = Mailbox(asyncio.get_running_loop())
    limits = RuntimeLimits(threads=1, seconds=0.1)
    made = Runtime(store, registry, mailbox, notify=lambda *what: told.append(what), limits=limits)
    yield made
    GATE.set()
    assert await made.stop(20)


async def count(runtime: Runtime) -> int:
    body = (await runtime.run(request_for(traces, seconds=0))).body
    return int(json.loads(body)["reports"][0])


async def test_a_walk_that_goes_in_circles_ends_and_its_thread_is_free(runtime: Runtime) -> None:
    with pytest.raises(TimedOut):
        await runtime.run(request_for(circle))
    assert await count(runtime) == 0


@pytest.mark.parametrize(("commits_first", "left"), [(False, 0), (True, 1)])
async def test_of_a_walk_that_is_late_nothing_is_committed_or_told_any_more(
    commits_first: bool, left: int, runtime: Runtime, told: list[tuple[Addressees, bytes]]
) -> None:
    walk = request_for(dawdle, commits_first=commits_first)
    with pytest.raises(TimedOut):
        await runtime.run(walk)
    GATE.set()
    assert await count(runtime) == left
    assert told == []


async def test_an_async_walk_is_cancelled(runtime: Runtime) -> None:
    with pytest.raises(TimedOut):
        await runtime.run(request_for(wait_for_ever))
    assert await asyncio.to_thread(CANCELLED.wait, 20)
    assert await count(runtime) == 0


async def test_a_walk_that_waits_for_a_thread_is_late_too_and_never_begins(runtime: Runtime) -> None:
    first = asyncio.ensure_future(runtime.run(request_for(dawdle, seconds=0)))
    with pytest.raises(TimedOut):
        await runtime.run(request_for(dawdle))
    GATE.set()
    await first
    assert await count(runtime) == 1


async def test_a_walker_may_have_a_time_of_its_own(runtime: Runtime) -> None:
    asyncio.get_running_loop().call_later(0.3, GATE.set)
    await runtime.run(request_for(dawdle, seconds=20))
    assert await count(runtime) == 1


def test_a_commit_begins_before_the_deadline_or_not_at_all() -> None:
    deadline = Deadline()
    deadline.begin_commit()
    assert not deadline.end(), "the commit is completed"
    deadline.resume()
    assert deadline.end()
    with pytest.raises(TimedOut):
        deadline.begin_commit()


async def test_a_commit_that_is_being_made_is_waited_for() -> None:
    deadline, begun, may_go_on = Deadline(), threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert may_go_on.wait(20)
        return "done"

    made = asyncio.ensure_future(asyncio.to_thread(deadline.guard(work)))
    assert await asyncio.to_thread(begun.wait, 20)
    assert not deadline.end()
    answer = asyncio.ensure_future(deadline.wait_for(made, 0, may_cancel=True))
    await asyncio.sleep(0)
    may_go_on.set()
    assert await answer == "done"
    with pytest.raises(TimedOut):
        deadline.guard(work)()
    assert not deadline.end(), "what ends with a commit is no failure, however late its result is"
    deadline.resume()
    assert deadline.end()
