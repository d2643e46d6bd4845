"""Lag: back-pressure for a client that receives its frames slower than they are sent. Applies overflow policies.

Nothing here exists for a client that keeps up.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

from walkwire.wire.delivery.client import Client
from walkwire.wire.message.notification import Overflow

FULL = 64 * 1024  # bytes in the transport, beyond which droppable frames wait here


class Lag:
    """The backlog of one client.

    - bound: bytes of frames that may not be dropped, and of droppable ones, that may wait
    - give_up: called with the client when more bytes wait that may not be dropped
    - grow: called with the number of bytes that were added
    - is_full: whether the transport has taken more than it can send
    """

    __slots__ = (
        "_backlog",
        "_bound",
        "_client",
        "_droppable",
        "_give_up",
        "_grow",
        "_numbers",
        "_owed",
        "is_full",
    )

    def __init__(
        self, client: Client, bound: int, give_up: Callable[[Client], None], grow: Callable[[int], None]
    ) -> None:
        self.is_full = True
        self._client = client
        self._bound = bound
        self._give_up = give_up
        self._grow = grow
        self._backlog: OrderedDict[Hashable, _Waiting] = OrderedDict()
        self._droppable = 0
        self._owed = 0
        self._numbers = itertools.count()

    @property
    def size(self) -> int:
        """Return the number of bytes that wait."""
        return self._owed + self._droppable

    def write(self, data: bytes) -> None:
        """Write frames that may not be dropped. Replaces the transport's `write`."""
        if self._client.transport.unsent() + self._owed > self._bound:
            self._give_up(self._client)
        elif self._backlog:
            self._append(next(self._numbers), data, is_owed=True)
            self._grow(len(data))
        else:
            self._client.transport.write(data)
            self._grow(len(data))

    def put(self, data: bytes, overflow: Overflow, targets: Hashable) -> None:
        """Write a droppable frame. A newer one for equal targets replaces it. Over `bound` bytes, the oldest are dropped.

        The newest is never dropped: it may wait alone, however large.
        """
        if not self._backlog and self._client.transport.unsent() <= FULL:
            self._client.transport.write(data)
            return
        key: Hashable = ("latest", targets) if overflow == "latest" else next(self._numbers)
        if (earlier := self._backlog.pop(key, None)) is not None:
            self._droppable -= len(earlier.data)
        self._append(key, data, is_owed=False)
        if self._droppable > self._bound:
            self._drop_oldest()
        self._grow(len(data))

    def catch_up(self) -> bool:
        """Write the backlog until the transport is full. Return whether nothing is left."""
        transport = self._client.transport
        while self._backlog and transport.unsent() <= FULL:
            _, (data, is_owed) = self._backlog.popitem(last=False)
            self._count(-len(data), is_owed)
            transport.write(data)
        return not self._backlog

    def write_all(self) -> None:
        """Write the whole backlog, even if the transport is full."""
        for waiting in self._backlog.values():
            self._client.transport.write(waiting.data)
        self._backlog.clear()

    def _append(self, key: Hashable, data: bytes, is_owed: bool) -> None:
        self._backlog[key] = _Waiting(data, is_owed)
        self._count(len(data), is_owed)

    def _count(self, size: int, is_owed: bool) -> None:
        if is_owed:
            self._owed += size
        else:
            self._droppable += size

    def _drop_oldest(self) -> None:
        *older, _ = [key for key, waiting in self._backlog.items() if not waiting.is_owed]
        for key in older:
            if self._droppable <= self._bound // 2:  # half, so that not every further frame costs a search
                return
            self._droppable -= len(self._backlog.pop(key).data)


class Lags:
    """The backlogs of all clients that lag."""

    def __init__(self, bound: int, give_up: Callable[[Client], None], grow: Callable[[int], None]) -> None:
        self.bound = bound
        self._give_up = give_up
        self._grow = grow
        self._lags: dict[Client, Lag] = {}

    def __len__(self) -> int:
        """Return the number of clients that lag."""
        return len(self._lags)

    @property
    def size(self) -> int:
        """Return the number of bytes that wait, of all clients."""
        return sum(lag.size for lag in self._lags.values())

    def size_of(self, client: Client) -> int:
        """Return the number of bytes that wait for this client."""
        lag = self._lags.get(client)
        return 0 if lag is None else lag.size

    def among(self, members: set[Client]) -> list[Client]:
        """Return those members that lag."""
        return [client for client in self._lags if client in members] if self._lags else []

    def begin(self, client: Client) -> None:
        """Keep a backlog for this client: its transport is full."""
        lag = self._lags.get(client)
        if lag is None:
            self._lags[client] = lag = Lag(client, self.bound, self._give_up, self._grow)
        lag.is_full = True
        client.write = lag.write
        self._grow(client.transport.unsent())  # what it has taken until now was not counted

    def put(self, client: Client, data: bytes, overflow: Overflow, targets: Hashable) -> None:
        """Write a droppable frame to a client that lags."""
        self._lags[client].put(data, overflow, targets)

    def catch_up(self, client: Client) -> None:
        """Write the backlog of this client, if it has one: its transport has room again."""
        lag = self._lags.get(client)
        if lag is not None:
            lag.is_full = False
            self._write(client, lag)

    def drop(self, client: Client) -> None:
        """Drop the backlog of this client, if it has one."""
        self._lags.pop(client, None)

    def write_backlog(self, client: Client) -> None:
        """Write all of the backlog of this client, if it has one, before it changes its transport."""
        lag = self._lags.pop(client, None)
        if lag is not None:
            lag.write_all()
            client.write = client.transport.write

    def _write(self, client: Client, lag: Lag) -> None:
        if lag.is_full or self._lags.get(client) is not lag:
            return
        is_empty = lag.catch_up()
        if lag.is_full:
            return
        if is_empty:
            del self._lags[client]
            client.write = client.transport.write
        else:  # the transport counts these bytes only at the end of this turn, and may be full then
            asyncio.get_running_loop().call_soon(self._write, client, lag)


class _Waiting(NamedTuple):
    data: bytes
    is_owed: bool
