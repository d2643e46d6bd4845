"""A thread that waits for a coroutine of its walk."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from walkwire.walk.run import waiting
from walkwire.walk.run.waiting import WaitingThread


def test_it_runs_what_it_is_offered_until_the_future_is_done() -> None:
    thread, future = WaitingThread(), Future[str]()
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        # While it works, another thread should be offered the job as well
        assert not thread.offer(second)

    def second() -> None:
        ran.append("second")
        future.set_result("done")
        assert not thread.offer(lambda: ran.append("left"))

    assert thread.offer(first)
    assert thread.work_until(future) == "done"
    assert ran == ["first", "second", "left"]
    # Nobody waits any more
    assert not thread.offer(first)


def test_it_raises_what_the_coroutine_raised() -> None:
    thread, future = WaitingThread(), Future[str]()
    future.set_exception(KeyError("why"))
    with pytest.raises(KeyError, match="why"):
        thread.work_until(future)


def test_the_time_limit_ends_the_wait_and_the_coroutine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "CHECK_SECONDS", 0.001)
    thread, future = WaitingThread(), Future[str]()

    def check() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        thread.work_until(future, check)
    assert future.cancelled()
    assert threading.active_count()
