"""Samples: figures of this server, one set a second, for the charts of the console. Taken only while somebody looks."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

import msgspec

from walkwire.wire.wire import Wire

KEPT = 600  # samples: ten minutes
LATENCIES = 5000  # walks of one second whose times are kept
_STATM = Path("/proc/self/statm")
_MANY = 20_000  # connections, beyond which their queues are not added up in each second


class SecondSampler:
    """Counts what the feed sees, and takes a sample of the rest.

    - walks: under way
    - events, received, notifications, refusals: since the last sample; `received` in bytes
    - latencies: seconds of the walks that ended since the last sample
    """

    def __init__(self, wire: Wire) -> None:
        self.walks = self.events = self.received = self.notifications = self.refusals = 0
        self.latencies: deque[float] = deque(maxlen=LATENCIES)
        self._wire = wire
        self._lines: deque[bytes] = deque(maxlen=KEPT)
        self._processor = time.process_time()
        self._page = os.sysconf("SC_PAGE_SIZE")

    def begin(self) -> None:
        """Begin to count."""
        self.walks = self.events = self.received = self.notifications = self.refusals = 0
        self.latencies.clear()
        self._processor = time.process_time()

    def history(self) -> list[bytes]:
        """Return the lines of the last minutes in which somebody looked."""
        return list(self._lines)

    def sample(self, now: float, lag: float) -> bytes:
        """Return a line with the figures of the last second, and begin to count anew.

        - lag: seconds by which the event loop was late
        """
        wire, spent = self._wire, time.process_time()
        times = sorted(self.latencies)
        figures = {
            "t": "sample",
            "at": now,
            "connections": len(wire.hub.clients),
            "events": self.events,
            "received": self.received,
            "told": self.notifications,
            "refusals": self.refusals,
            "walks": len(times),
            "under_way": self.walks,
            "p50": _part(times, 0.5),
            "p95": _part(times, 0.95),
            "queue": wire.queued_bytes if len(wire.hub.clients) <= _MANY else wire.turn.lags.size,
            "memory": self._memory(),
            "processor": round(spent - self._processor, 3),
            "lag": round(max(0.0, lag) * 1000, 1),
        }
        self.events = self.received = self.notifications = self.refusals = 0
        self.latencies.clear()
        self._processor = spent
        line = msgspec.json.encode(figures) + b"\n"
        self._lines.append(line)
        return line

    def _memory(self) -> int:
        """Return the resident memory of this process in bytes; 0 where it is not known."""
        try:
            return int(_STATM.read_text().split()[1]) * self._page
        except (OSError, ValueError, IndexError):
            return 0


def _part(times: list[float], part: float) -> float | None:
    """Return a percentile in milliseconds; None without walks."""
    return round(times[min(len(times) - 1, int(len(times) * part))] * 1000, 2) if times else None
