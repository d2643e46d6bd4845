"""Held: warns of walks that hold what others need: a thread, all threads, or the event loop of async abilities.

A thread of its own looks four times a second. Walks do nothing for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

from walkwire.server.dev.frames import line_of_thread
from walkwire.walk.run.runtime import Runtime

LOOK_SECONDS = 0.25
LONG_SECONDS = 1.0

_log = logging.getLogger("walkwire.dev")


class ThreadWatch:
    """Looks at the threads of a runtime until it is stopped. Each case is one warning, which names the program's line."""

    def __init__(self, runtime: Runtime, look: float = LOOK_SECONDS, long: float = LONG_SECONDS) -> None:
        self._runtime = runtime
        self._look_seconds, self._long = look, long
        self._since: dict[tuple[int, int], float] = {}  # when a job was first seen, by thread and number
        self._told: set[tuple[int, int]] = set()
        self._full_since: float | None = None
        self._is_full_told = False
        self._asked: float | None = None  # when the loop was asked to answer, if it has not yet
        self._is_loop_told = False
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._run, name="held", daemon=True).start()

    def stop(self) -> None:
        """Look no longer."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._look_seconds):
            try:
                self.look(time.monotonic())
            except Exception:
                _log.exception("The look at the threads failed")
                return

    def look(self, now: float) -> None:
        """Look once. `now`: monotonic seconds."""
        busy, count, waiting = self._runtime.threads.at_work()
        self._look_at_jobs(busy, now)
        self._look_at_pool(busy, count, waiting, now)
        self._look_at_loop(now)

    def _look_at_jobs(self, busy: dict[int, int], now: float) -> None:
        jobs = set(busy.items())
        self._since = {job: self._since.get(job, now) for job in jobs}
        self._told &= jobs
        for job in jobs - self._told:
            if now - self._since[job] >= self._long and (line := line_of_thread(job[0])) is not None:
                self._told.add(job)
                _log.warning(
                    "%s holds a thread for more than %g s. Others wait for it: let a walk end soon, by an async ability that "
                    "awaits, or by create_task",
                    line,
                    self._long,
                )

    def _look_at_pool(self, busy: dict[int, int], count: int, waiting: int, now: float) -> None:
        if len(busy) < count or not waiting:
            self._full_since, self._is_full_told = None, False
            return
        self._full_since = self._full_since or now
        if self._is_full_told or now - self._full_since < self._long:
            return
        self._is_full_told = True
        lines = Counter(line_of_thread(ident) or "no line of the program" for ident in busy)
        where = "; ".join(f"{line} ({number})" for line, number in lines.most_common(3))
        _log.warning("No thread is free: all %d are at %s, and %d walks wait", count, where, waiting)

    def _look_at_loop(self, now: float) -> None:
        running = self._runtime.programs.running
        if running is None:
            return
        loop, ident = running
        if self._asked is None:
            self._asked, self._is_loop_told = now, False
            loop.call_soon_threadsafe(self._answer)
        elif now - self._asked >= self._look_seconds and not self._is_loop_told:
            self._is_loop_told = True
            if (line := line_of_thread(ident)) is not None:
                _log.warning(
                    "%s blocks the event loop of all async abilities: await it, or make the ability a plain one, which runs in "
                    "a thread",
                    line,
                )

    def _answer(self) -> None:
        self._asked = None
