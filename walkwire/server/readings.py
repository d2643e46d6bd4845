"""Readings: values of a server that are read when metrics are asked for. Made only where METRICS is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

from walkwire.account.accounts import Accounts
from walkwire.store import Store
from walkwire.walk.run.runtime import Runtime
from walkwire.walk.run.tasks import Runner
from walkwire.wire.wire import Wire

_LAG_SECONDS = 0.25  # between two looks at the clock


class MetricValue(NamedTuple):
    """A metric that is a value of now.

    - name: without `walkwire_`
    - value: called on the event loop, for each request of metrics; with `label`, one value for each value of the label
    """

    name: str
    about: str
    value: Callable[[], float | Mapping[str, float]]
    kind: Literal["gauge", "counter"] = "gauge"
    label: str = ""


class Occasions(Protocol):
    """The walkers that are to run on occasions. `server/happenings` implements it."""

    dropped: int

    @property
    def waiting(self) -> int:
        """Return how many wait for a place."""


class LoopLag:
    """How much later than due the event loop ran a timer, at most, since the last question. Use it on the loop."""

    def __init__(self) -> None:
        self._most = 0.0
        self._look(asyncio.get_running_loop(), None)

    def take(self) -> float:
        """Return the seconds, and begin anew."""
        most, self._most = self._most, 0.0
        return most

    def _look(self, loop: asyncio.AbstractEventLoop, due: float | None) -> None:
        now = loop.time()
        if due is not None:
            self._most = max(self._most, now - due)
        loop.call_at(now + _LAG_SECONDS, self._look, loop, now + _LAG_SECONDS)


def readings_of(
    store: Store, wire: Wire, runtime: Runtime, accounts: Accounts, runner: Runner, happenings: Occasions
) -> list[MetricValue]:
    """Return what can be read of a server. Call it on the event loop."""
    streams, presence = wire.hub.streams, wire.hub.presence
    return [
        MetricValue(
            "loop_lag_seconds", "The longest delay of a timer since the last question", LoopLag().take
        ),
        MetricValue(
            "audiences", "Users and channels with a client of version 1 here", lambda: wire.hub.audiences
        ),
        MetricValue("streams", "Streams with a listener here", lambda: len(streams)),
        MetricValue(
            "stream_repairs", "Gaps in streams that were filled", lambda: streams.following.repairs, "counter"
        ),
        MetricValue(
            "stream_resyncs",
            "Streams whose listeners were told that something is missing",
            lambda: streams.following.resyncs,
            "counter",
        ),
        MetricValue("presence_channels", "Channels whose presence is watched here", lambda: len(presence)),
        MetricValue("memory_bound_bytes", "MEMORY_BOUND; 0: none", lambda: wire.limits.memory),
        MetricValue("walks_under_way", "Walks that run or wait", lambda: runtime.load.under_way),
        MetricValue("walk_places", "How many walks may run or wait", lambda: runtime.load.places),
        MetricValue("walks_waiting", "Walks that wait for a thread", lambda: runtime.load.waiting),
        MetricValue("threads", "THREADS", lambda: runtime.load.threads),
        MetricValue("threads_awake", "Threads of walks that work", lambda: runtime.load.awake),
        MetricValue(
            "locks_held", "Locks of records that retried walks hold", lambda: runtime.load.locks_held
        ),
        MetricValue("lock_waiters", "Walks that wait for locks of others", lambda: runtime.load.lock_waiters),
        MetricValue("tasks_under_way", "Tasks of this server that run", lambda: runner.under_way),
        MetricValue("happenings_waiting", "Walkers that are to run on occasions", lambda: happenings.waiting),
        MetricValue(
            "happenings_dropped",
            "Occasions without a place in the queue",
            lambda: happenings.dropped,
            "counter",
        ),
        MetricValue(
            "store_connections", "Connections to the database", lambda: _connections(store), label="state"
        ),
        MetricValue(
            "store_waiting", "Calls that wait for a connection or the writer", lambda: store.load.waiting
        ),
        MetricValue("passwords_waiting", "Passwords that wait to be hashed", lambda: accounts.users.waiting),
        MetricValue("users_cached", "Users whose tokens need no look-up", lambda: len(accounts.revocation)),
    ]


def _connections(store: Store) -> Mapping[str, float]:
    load = store.load
    return {"busy": load.busy, "idle": load.idle}
