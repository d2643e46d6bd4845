"""RecordLocks: who wrote the same record tells of it in the order of the commits, in one process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from walkwire.errors import Busy

_PLACES = 1024  # records share them: that costs some a wait for another's commit


class RecordLocks:
    """From before its commit until it has told of it, whoever writes a record keeps others from it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._places = [threading.Lock() for _ in range(_PLACES)]

    @contextmanager
    def hold(self, ids: Iterable[str]) -> Iterator[None]:
        """Have the turn of all these records for the time of the block. Raises Busy where that takes too long."""
        with ExitStack() as stack:
            for place in sorted({hash(id) % _PLACES for id in ids}):
                lock = self._places[place]
                if not lock.acquire(timeout=self._seconds):
                    raise Busy
                stack.callback(lock.release)
            yield
