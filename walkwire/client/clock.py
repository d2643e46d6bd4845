"""Clock: time and chance, which tests replace."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable


class ClientClock:
    """Where a client gets time and random numbers from. All times are in milliseconds."""

    def now(self) -> float:
        """Return the time. Only differences count. It goes on while the machine sleeps."""
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
        return time.time() * 1000

    def random(self) -> float:
        """Return a number from 0 to below 1, for the jitter of delays."""
        return random.random()

    def after(self, ms: float, run: Callable[[], object]) -> Callable[[], object]:
        """Call `run` after so many milliseconds. Returns a function that cancels it."""
        return asyncio.get_running_loop().call_later(ms / 1000, run).cancel
