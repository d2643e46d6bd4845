"""Per-record locks that keep the notifications of one process in commit order."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from walkwire.errors import Busy

_PLACES = 1024  # records share these locks: some commits wait without need


class RecordLocks:
    """Locks that a commit holds from before it writes until it has notified."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._places = [threading.Lock() for _ in range(_PLACES)]

    @contextmanager
    def hold(self, ids: Iterable[str]) -> Iterator[None]:
        """Hold the locks of all these records during the block. Raises Busy if they are not free within the time-out."""
        with ExitStack() as stack:
            for place in sorted({hash(id) % _PLACES for id in ids}):
                lock = self._places[place]
                if not lock.acquire(timeout=self._seconds):
                    raise Busy
                stack.callback(lock.release)
            yield
