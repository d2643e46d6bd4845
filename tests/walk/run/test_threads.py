"""Workers, the mailbox, and the programs' own loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence

import pytest

from walkwire.errors import Busy
from walkwire.store import Changes, Reads, UnitOfWork
from walkwire.walk.run.threads import TOGETHER, Mailbox, Threads
from walkwire.walk.unit.batch import Uncommitted


async def test_the_mailbox_keeps_the_order_in_which_each_thread_posted() -> None:
    heard: list[tuple[int, int]] = []
    mailbox = Mailbox(asyncio.get_running_loop())
    done = asyncio.Event()

    def post(thread: int) -> None:
        for number in range(1000):
            mailbox.post(heard.append, (thread, number))

    threads = [threading.Thread(target=post, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    mailbox.post(done.set)
    await done.wait()

    for thread_number in range(4):
        assert [number for thread, number in heard if thread == thread_number] == list(range(1000))


async def test_what_a_job_raises_reaches_who_asked_even_if_it_is_no_exception() -> None:
    class Signal(BaseException):
        pass

    def fail(error: BaseException) -> None:
        raise error

    threads = Threads(Mailbox(asyncio.get_running_loop()), 1, 1)
    for error in (ValueError("x"), Signal("y")):
        with pytest.raises(type(error)):
            await threads.submit(fail, error)
    assert await threads.submit(lambda: 7) == 7
    threads.stop()


async def test_beyond_its_bound_the_pool_takes_no_more_and_then_does_again() -> None:
    threads, gate = Threads(Mailbox(asyncio.get_running_loop()), 1, 1), threading.Event()
    futures = [threads.submit(gate.wait, 5) for _ in range(2)]
    with pytest.raises(Busy):
        threads.submit(gate.wait, 5)
    gate.set()
    assert await asyncio.gather(*futures) == [True, True]
    assert await threads.submit(lambda: 1) == 1
    threads.stop()


async def test_jobs_that_wait_for_each_other_are_all_woken_however_few_are_awake_at_first() -> None:
    threads, together = Threads(Mailbox(asyncio.get_running_loop()), 16, 16), threading.Barrier(16)
    for _ in range(3):
        await asyncio.gather(*(threads.submit(together.wait, 30) for _ in range(16)))
    threads.stop()


async def test_what_a_program_asks_of_a_pool_that_stops_is_done() -> None:
    threads, gate = Threads(Mailbox(asyncio.get_running_loop()), 1, 10), threading.Event()
    futures = [threads.submit(gate.wait, 30) for _ in range(5)]
    threads.stop()
    gate.set()
    assert await asyncio.gather(*futures) == [True] * 5


async def test_no_job_is_lost_where_workers_fall_asleep_and_are_woken_all_the_time() -> None:
    threads, before = Threads(Mailbox(asyncio.get_running_loop()), 8, 1000), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        async with asyncio.timeout(60):
            for size in [1, 2, 3, 5, 8, 13] * 500:
                await asyncio.gather(*(threads.submit(int) for _ in range(size)))
    finally:
        sys.setswitchinterval(before)
    threads.stop()


async def test_workers_end_when_the_pool_stops_those_that_sleep_and_those_that_work() -> None:
    before, gate = set(threading.enumerate()), threading.Event()
    threads = Threads(Mailbox(asyncio.get_running_loop()), 8, 10)
    workers = set(threading.enumerate()) - before
    future = threads.submit(gate.wait, 30)
    threads.stop()
    gate.set()
    assert await future
    assert len(workers) == 8
    for worker in workers:
        await asyncio.to_thread(worker.join, 30)
        assert not worker.is_alive()


async def test_who_gave_up_waiting_is_not_answered_and_the_worker_goes_on() -> None:
    loop, gate = asyncio.get_running_loop(), threading.Event()
    threads = Threads(Mailbox(loop), 1, 10)
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    waiting = asyncio.ensure_future(threads.from_a_loop(gate.wait, 20))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.set()
    assert await threads.from_a_loop(int, "7") == 7
    assert waiting.cancelled()
    assert faults == []
    threads.stop()


def ended(answer: object) -> Uncommitted[object]:
    return Uncommitted(UnitOfWork(Reads(), Changes(), lambda: None), lambda _: answer)


async def test_what_has_ended_does_not_wait_for_a_job_that_does_not_end() -> None:
    gate, sizes = threading.Event(), list[int]()

    def together(commits: Sequence[UnitOfWork]) -> list[BaseException | None]:
        sizes.append(len(commits))
        return [None] * len(commits)

    threads = Threads(Mailbox(asyncio.get_running_loop()), 4, 10, together=together)
    held = [threads.submit(gate.wait, 60), threads.submit(ended, 1), threads.submit(gate.wait, 60)]
    async with asyncio.timeout(30):
        assert await held[1] == 1
    gate.set()
    assert await asyncio.gather(*held) == [True, 1, True]
    assert sizes == [1]
    threads.stop()


async def test_no_more_than_so_many_are_committed_together_and_each_gets_its_own_result() -> None:
    gate, sizes = threading.Event(), list[int]()

    def together(commits: Sequence[UnitOfWork]) -> list[BaseException | None]:
        sizes.append(len(commits))
        return [None] * len(commits)

    threads = Threads(Mailbox(asyncio.get_running_loop()), 1, 100, together=together)
    futures = [threads.submit(gate.wait, 60), *(threads.submit(ended, number) for number in range(70))]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*futures) == [True, *range(70)]
    assert max(sizes) <= TOGETHER
    assert sum(sizes) == 70
    threads.stop()


async def test_what_is_submitted_before_a_pool_stops_is_committed() -> None:
    gate = threading.Event()
    threads = Threads(Mailbox(asyncio.get_running_loop()), 1, 10, together=lambda of: [None] * len(of))
    futures = [threads.submit(gate.wait, 60), *(threads.submit(ended, number) for number in range(5))]
    threads.stop()
    gate.set()
    assert await asyncio.gather(*futures) == [True, *range(5)]
