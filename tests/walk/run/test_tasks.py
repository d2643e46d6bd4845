"""Runner: each task once, when it is due; what is seen of one whose server died."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.walk.conftest import World
from walkwire import (
    Node,
    PublicError,
    Root,
    Walker,
    create_task,
    on_entry,
)
from walkwire.errors import Busy
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Asking, Store, TaskRecord, TaskTaken
from walkwire.walk.run.request import Entry, TaskRun, WalkRequest
from walkwire.walk.run.tasks import ABANDONED, Runner


class Mark(Node):
    text: str


class leave_mark(Walker):
    text: str

    @on_entry
    def at(self, here: Root) -> None:
        here.connect(Mark(self.text))
        self.text = "done"
        self.report(self.text)


class order_mark(Walker):
    text: str
    date: Any = None

    @on_entry
    def at(self, here: Root) -> None:
        self.report(create_task(leave_mark(self.text), here, self.date))


class marks(Walker):
    @on_entry
    def at(self, here: Root) -> None:
        self.report([mark.text for mark in here.out(Mark)])


class Clock:
    def __init__(self) -> None:
        self.now = time.time() + 1

    def __call__(self) -> float:
        return self.now


async def order(world: World, text: str = "a") -> str:
    (reference,) = await world.reports(order_mark, text=text)
    return str(reference)[-24:]


async def seen(world: World) -> list[str]:
    return list((await world.reports(marks))[0])


def state(store: Store, id: str) -> Any:
    task = store.load_task(id)
    assert task is not None
    return task


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - of what happens in a database there is no event
            await asyncio.sleep(0)


class Walks:
    """How a runner walks: as the server does, or as the test has laid out."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[str] = []
        self.raises: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, task: TaskRecord, server: str) -> None:
        self.asked.append(task.id)
        await self.gate.wait()
        if self.raises:
            raise self.raises.pop()
        mode = TaskRun(task.id, server)
        await self.world.runtime.run(WalkRequest(leave_mark, dict, task.root_id, Entry(task.node), mode=mode))


class Heard:
    """A store that notes until when a server said that it is alive."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.until = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def keep_tasks(self, server: str, ids: Sequence[str], alive_until: float) -> None:
        self._store.keep_tasks(server, ids, alive_until)
        self.until = alive_until


@asynccontextmanager
async def running(world: World, walks: Walks, clock: Clock, **options: Any) -> AsyncIterator[Runner]:
    store = options.pop("store", world.store)
    async with Asking() as asking:
        at_once = options.pop("at_once", 4)
        runner = Runner(store, asking, walks, at_once=at_once, clock=clock, news=world.news, **options)
        runner.start()
        yield runner
        await runner.stop(5)


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    async with Asking() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def walks(world: World) -> Walks:
    return Walks(world)


async def test_what_was_ordered_before_the_start_and_what_is_ordered_later_is_done(
    world: World, walks: Walks, clock: Clock
) -> None:
    before = await order(world, "before")
    async with running(world, walks, clock):
        await until(lambda: state(world.store, before).state == "COMPLETED")
        after = await order(world, "after")
        await until(lambda: state(world.store, after).state == "COMPLETED")
    assert sorted(await seen(world)) == ["after", "before"]
    assert walks.asked == [before, after]
    assert json.loads(state(world.store, after).reports) == ["done"]


async def test_a_task_waits_for_its_time(world: World, walks: Walks, clock: Clock) -> None:
    date = datetime.fromtimestamp(clock.now + 3600, UTC)
    (reference,) = await world.reports(order_mark, text="a", date=date)
    async with running(world, walks, clock) as runner:
        other = await order(world)
        await until(lambda: state(world.store, other).state == "COMPLETED")
        assert state(world.store, reference[-24:]).state == "PENDING"
        clock.now += 3601
        runner.wake()
        await until(lambda: state(world.store, reference[-24:]).state == "COMPLETED")


async def test_so_many_walk_at_once_and_the_others_wait(world: World, walks: Walks, clock: Clock) -> None:
    ids = [await order(world, str(number)) for number in range(5)]
    walks.gate.clear()
    async with running(world, walks, clock, at_once=2):
        await until(lambda: len(walks.asked) == 2)
        assert sorted(state(world.store, id).state for id in ids) == ["PENDING"] * 3 + ["STARTED"] * 2
        walks.gate.set()
        await until(lambda: all(state(world.store, id).state == "COMPLETED" for id in ids))
    assert len(await seen(world)) == 5


async def test_two_servers_do_each_task_once(world: World, walks: Walks, clock: Clock) -> None:
    async with running(world, walks, clock), running(world, walks, clock):
        ids = [await order(world, str(number)) for number in range(20)]
        await until(lambda: all(state(world.store, id).state == "COMPLETED" for id in ids))
    assert sorted(walks.asked) == sorted(ids)
    assert len(await seen(world)) == 20


async def test_a_failure_is_told_in_a_sentence_that_gives_nothing_away(
    world: World, walks: Walks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    public, secret = await order(world), await order(world)
    async with running(world, walks, clock, at_once=1):
        walks.raises = [ValueError("a secret"), PublicError("sold_out", "No tickets left")]
        await until(lambda: {state(world.store, id).state for id in (public, secret)} == {"ERROR"})
    errors = sorted(json.loads(state(world.store, id).error)[0] for id in (public, secret))
    assert errors[0].startswith("Internal error, reference ")
    assert errors[1] == "No tickets left"
    assert f"{errors[0]}: w:leave_mark:" in caplog.text
    assert "ValueError: a secret" in caplog.text
    assert await seen(world) == []


async def test_a_task_is_tried_again_while_the_server_is_busy(
    world: World, walks: Walks, clock: Clock
) -> None:
    walks.raises = [Busy(), Busy()]
    id = await order(world)
    async with running(world, walks, clock):
        await until(lambda: state(world.store, id).state == "COMPLETED")
    assert walks.asked == [id] * 3


async def test_a_task_whose_server_died_ends_as_an_error_and_is_not_done_again(
    world: World, walks: Walks, clock: Clock
) -> None:
    id = await order(world)
    assert world.store.begin_tasks("dead", clock.now, clock.now + 15, 1)
    async with running(world, walks, clock) as runner:
        other = await order(world)
        await until(lambda: state(world.store, other).state == "COMPLETED")
        assert state(world.store, id).state == "STARTED"  # it may be alive
        clock.now += 16
        runner.wake()
        await until(lambda: state(world.store, id).state == "ERROR")
    assert json.loads(state(world.store, id).error) == [ABANDONED]
    assert walks.asked == [other]


@pytest.mark.long
async def test_a_long_walk_is_not_taken_for_dead_as_long_as_its_server_lives(
    world: World, walks: Walks, clock: Clock
) -> None:
    id, heard = await order(world), Heard(world.store)
    walks.gate.clear()
    async with running(world, walks, clock, store=heard) as mine:
        await until(lambda: walks.asked)
        async with running(world, Walks(world), clock) as other:
            for _ in range(5):
                clock.now += 6
                heard.until = 0.0
                mine.wake()
                await until(lambda: heard.until == clock.now + 15)
                other.wake()
            walks.gate.set()
            await until(lambda: state(world.store, id).state == "COMPLETED")


async def test_a_walk_that_was_taken_for_dead_keeps_nothing(
    world: World, walks: Walks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    id = await order(world)
    walks.gate.clear()
    async with running(world, walks, clock):
        await until(lambda: walks.asked)
        world.store.abandon_tasks(clock.now + 16, json.dumps([ABANDONED]))
        walks.gate.set()
        await until(lambda: "was taken for abandoned" in caplog.text)
    assert await seen(world) == []
    assert state(world.store, id).state == "ERROR"


async def test_a_walk_that_does_not_end_before_the_server_stops_is_given_up(
    world: World, asking: Asking, walks: Walks, clock: Clock
) -> None:
    id = await order(world)
    walks.gate.clear()
    runner = Runner(world.store, asking, walks, at_once=1, clock=clock)
    runner.start()
    await until(lambda: walks.asked)
    await runner.stop(0.01)
    assert json.loads(state(world.store, id).error) == [ABANDONED]


class Slow:
    """A store that takes its time to begin tasks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def begin_tasks(self, *arguments: Any) -> list[TaskRecord]:
        begun = self._store.begin_tasks(*arguments)
        self.begun.set()
        assert self.may_go_on.wait(20)
        return begun


async def test_what_is_being_begun_when_the_server_stops_is_still_done(
    world: World, asking: Asking, walks: Walks, clock: Clock
) -> None:
    id, slow = await order(world), Slow(world.store)
    runner = Runner(slow, asking, walks, at_once=1, clock=clock)  # type: ignore[arg-type]
    runner.start()
    await until(slow.begun.is_set)
    stopping = asyncio.ensure_future(runner.stop(20))
    await asyncio.sleep(0)
    slow.may_go_on.set()
    await stopping
    assert state(world.store, id).state == "COMPLETED"


async def test_a_server_that_waits_for_its_last_walks_is_still_heard_of(
    world: World, asking: Asking, walks: Walks, clock: Clock
) -> None:
    first, heard = await order(world), Heard(world.store)
    walks.gate.clear()
    runner = Runner(heard, asking, walks, at_once=1, clock=clock)  # type: ignore[arg-type]
    runner.start()
    await until(lambda: walks.asked)
    second = await order(world)
    finishing = asyncio.ensure_future(runner.finish(20))
    await asyncio.sleep(0)
    clock.now += 6
    runner.wake()
    await until(lambda: heard.until == clock.now + 15)
    walks.gate.set()
    await finishing
    await runner.stop(5)
    assert [state(world.store, id).state for id in (first, second)] == ["COMPLETED", "PENDING"]


async def test_the_last_walks_can_be_waited_for_twice_at_once(
    world: World, asking: Asking, walks: Walks, clock: Clock
) -> None:
    id = await order(world)
    walks.gate.clear()
    runner = Runner(world.store, asking, walks, at_once=1, clock=clock)
    runner.start()
    await until(lambda: walks.asked)
    finishing = asyncio.gather(runner.finish(20), runner.stop(20))
    await asyncio.sleep(0)
    walks.gate.set()
    await finishing
    assert state(world.store, id).state == "COMPLETED"


class Full:
    """A store that cannot write down how a task ended."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def end_task(self, end: Any) -> bool:
        raise OSError("disk full")


async def test_a_failure_that_cannot_be_kept_is_in_the_log(
    world: World, walks: Walks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    walks.raises = [PublicError("sold_out", "No tickets left")]
    id = await order(world)
    async with running(world, walks, clock, store=Full(world.store)):
        await until(lambda: "disk full" in caplog.text)
    assert f"w:leave_mark:{id} failed could not be kept: No tickets left" in caplog.text


async def test_a_failed_task_that_is_of_no_interest_is_forgotten(
    world: World, walks: Walks, clock: Clock
) -> None:
    walks.raises = [ValueError("x")]
    id = await order(world)
    async with running(world, walks, clock, is_forgotten=lambda task: True):
        await until(lambda: world.store.load_task(id) is None)
    assert world.store.load_nodes([id]) == []


async def test_a_task_of_another_server_is_no_order_of_mine(world: World) -> None:
    id = await order(world)
    with pytest.raises(TaskTaken):
        await world.runtime.run(WalkRequest(leave_mark, dict, PUBLIC_ROOT, mode=TaskRun(id, "mine")))
    assert await seen(world) == []
