"""Absence: whether the database answers, as far as is known, and finding out that it does again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from walkwire.errors import Busy

PROBE_SECONDS = 1.0

_log = logging.getLogger("walkwire.stores")


class Absence:
    """The time during which the database does not answer. Its begin and its end are logged, one line each.

    - probe: uses the database on a connection of the pool; raises Busy if that fails. A thread calls it each second while the
      database is away, as no caller may come: the server is not ready then.
    - trouble: why nothing can be stored, half a sentence for load balancers; None: it can, as far as is known
    """

    def __init__(self, probe: Callable[[], object]) -> None:
        self.trouble: str | None = None
        self._since = 0.0
        self._probe = probe
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @property
    def seconds(self) -> float:
        """Return for how long the database has been away; 0 if it is not."""
        return 0.0 if self.trouble is None else time.monotonic() - self._since

    def begin(self, what: str, detail: object = None) -> None:
        """Report that the database is away. `what` completes "The database …"; `detail` may name addresses, for the log only."""
        with self._lock:
            if self.trouble is not None or self._closed.is_set():
                return
            self._since = time.monotonic()
            self.trouble = f"the database {what}"
        _log.warning("The database %s%s", what, "" if detail is None else f": {str(detail).strip()}")
        threading.Thread(target=self._wait_for_the_end, name="database", daemon=True).start()

    def end(self) -> None:
        """Report that the database answers."""
        with self._lock:
            if self.trouble is None:
                return
            self.trouble = None
        _log.warning("The database is back")

    def close(self) -> None:
        """End the thread that probes."""
        self._closed.set()

    def _wait_for_the_end(self) -> None:
        while self.trouble is not None and not self._closed.wait(PROBE_SECONDS):
            try:
                self._probe()
            except Busy:
                continue
            self.end()
