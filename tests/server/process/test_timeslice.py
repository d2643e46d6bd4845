"""A thread that asked for short slices has them, at the priority it had."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from walkwire.server.process.timeslice import SECONDS, ask_for_short_slices

Result = TypeVar("Result")


def in_a_thread(work: Callable[[], Result]) -> Result:
    """What is asked for is for the thread's life: the one of the tests is left as it is."""
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def slice_of_this_thread() -> float | None:
    path = Path(f"/proc/self/task/{threading.get_native_id()}/sched")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split(":")[1]) / 1e9 for line in lines if line.startswith("se.slice")), None)


def test_a_thread_and_those_it_starts_get_short_slices_and_keep_their_priority() -> None:
    if in_a_thread(slice_of_this_thread) is None:
        pytest.skip("this kernel does not tell of slices")

    def work() -> tuple[bool, float | None, float | None, int]:
        is_so = ask_for_short_slices()
        own, later = slice_of_this_thread(), in_a_thread(slice_of_this_thread)
        return is_so, own, later, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert in_a_thread(work) == (True, SECONDS, SECONDS, before)


def test_where_it_cannot_be_asked_for_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    assert not in_a_thread(ask_for_short_slices)
