"""Turn: what leaves in this turn of the event loop. One write per connection and turn, and nobody is waited for.

A frame for many is kept beside its audience, not put to each of them: a run of frames for one audience is joined once, however
many hear it. So the membership of an audience may change only after `settle`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Hashable, Iterable
from itertools import repeat
from operator import call

from walkwire.wire.delivery.client import GONE, Client, Hold
from walkwire.wire.delivery.lag import FULL, Lags
from walkwire.wire.message.close import Close
from walkwire.wire.message.frame import Message, text
from walkwire.wire.message.notification import Overflow

JOIN_BYTES = 64 * 1024  # larger ones are written as they are: a copy per recipient costs more than a call
TURN_BYTES = 256 * 1024  # beyond it the turn's frames leave at once, so that the sockets can take them
STRETCH = 1500  # writes until the loop is let go: 9 µs each where there are so many, so 14 ms

_log = logging.getLogger(__name__)


class Turn:
    """Collects frames, in order for each client, and writes them when the callbacks of this turn have run.

    A client that has more than `bound` bytes unsent before a write is cut off: its frames are lost, and nobody else's.
    `lags` are those who do not take their frames as fast as they come.
    """

    def __init__(self, bound: int) -> None:
        self.cut_off = 0  # clients, so far
        self.lags = Lags(bound, self._cut_off)
        self._runs: list[tuple[set[Client], list[bytes]]] = []
        self._after: list[tuple[Client, bytes]] = []  # what is said to one client behind the runs
        self._waiting: list[Client] = []  # of an audience
        self._spoken_to: list[Client] = []  # by themselves: they are not kept behind a large audience
        self._size = 0
        self._is_due = False

    def put(self, client: Client, payload: bytes) -> None:
        """Say this to one client."""
        frame = text(payload)
        if self._runs:
            self._after.append((client, frame))
        else:
            self._speak(client, frame)
        self._grow(len(frame))

    def spread(
        self, members: set[Client], message: Message, overflow: Overflow = "close", audience: Hashable = None
    ) -> None:
        """Say this to all who are members now. The set is kept, not copied.

        `overflow` is what becomes of it where a member lags; the latest is that of the `audience`.
        """
        frame = message.frame()
        if self._after:
            self.settle()
        if overflow != "close" and (late := self.lags.among(members)):
            self._tell_late(late, frame, overflow, audience)
            members = members.difference(late)
        if self._runs and self._runs[-1][0] is members:
            self._runs[-1][1].append(frame)
        else:
            self._runs.append((members, [frame]))
        self._grow(len(frame))

    def settle(self) -> None:
        """Give what was spread to those who are members now. To be called before a membership changes."""
        if not self._runs:
            return
        runs, self._runs = self._runs, []
        for members, frames in runs:
            self._queue(members, _join(frames))
        self._settle_after()

    def flush(self) -> None:
        """Write, at most to `STRETCH` clients and as many more that are spoken to; the rest in the next turn."""
        self._is_due = False
        self._size = 0
        if len(self._runs) == 1 and not self._waiting and not self._spoken_to:
            self._write_run(*self._runs.pop())
        else:
            self.settle()
            batch, self._waiting = self._waiting[:STRETCH], self._waiting[STRETCH:]
            self._send_all(batch)
        spoken_to, self._spoken_to = self._spoken_to[:STRETCH], self._spoken_to[STRETCH:]
        self._send_all(spoken_to)
        if self._waiting or self._spoken_to:
            self._schedule()

    def fall_behind(self, client: Client) -> None:
        """The client's transport has taken more than it can send. What may be dropped is kept back until `catch_up`."""
        if client.transport is not GONE:
            self.lags.begin(client)

    def catch_up(self, client: Client) -> None:
        """The client's transport has room again: write what was kept back."""
        if not isinstance(client.transport, Hold):
            self.lags.catch_up(client)

    def hold(self, client: Client) -> None:
        """From now on keep what is said to this client, until `release`."""
        self.settle()
        self._send(client)
        self.lags.part(client)
        if client.transport is not GONE:
            client.ride(Hold(client.transport))
            self.lags.begin(client)

    def release(self, client: Client, first: bytes) -> None:
        """Say `first`, then what was kept."""
        held = client.transport
        if isinstance(held, Hold):
            self._send(client)
            self.lags.part(client)
            client.ride(held.behind)
            if held.behind.unsent() > FULL:
                self.lags.begin(client)
            for data in (text(first), *held.kept):
                client.write(data)

    def end(self, client: Client, close: Close) -> None:
        """Say what was put, then goodbye."""
        self.settle()
        self._send(client)
        self.lags.part(client)
        client.transport.close(close.code, close.text())
        client.ride(GONE)

    def forget(self, client: Client) -> None:
        """Try to say what was put, the peer ends the conversation itself."""
        self.settle()
        self._send(client)
        self.lags.forget(client)
        client.ride(GONE)

    def _tell_late(
        self, late: Iterable[Client], frame: bytes, overflow: Overflow, audience: Hashable
    ) -> None:
        self.settle()
        for client in late:
            self._send(client)
            if client.transport is not GONE:
                self.lags.put(client, frame, overflow, audience)

    def _queue(self, clients: Iterable[Client], pieces: list[bytes]) -> None:
        for client in clients:
            if client.frames is None:
                client.frames = pieces.copy()
                self._waiting.append(client)
            else:
                client.frames += pieces

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > TURN_BYTES:
            self.flush()
        elif not self._is_due:
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _write_run(self, members: set[Client], frames: list[bytes]) -> None:
        pieces = _join(frames)
        if self._after:
            answered = members.intersection(client for client, _ in self._after)
            members = members - answered
            for client in answered:
                client.frames = pieces.copy()  # what is said to it alone follows in the same write
            self._settle_after()
        clients: Collection[Client] = members
        if len(members) > STRETCH:
            every = list(members)
            clients = every[:STRETCH]
            self._queue(every[STRETCH:], pieces)
        for piece in pieces:
            # From C to C: in a loop of Python's, a walk that computes would be let in between two recipients.
            deque(map(call, [client.write for client in clients], repeat(piece)), maxlen=0)

    def _speak(self, client: Client, frame: bytes) -> None:
        if client.frames is None:
            client.frames = [frame]
        else:
            client.frames.append(frame)
        if not self._spoken_to or self._spoken_to[-1] is not client:
            self._spoken_to.append(client)

    def _settle_after(self) -> None:
        after, self._after = self._after, []
        for client, frame in after:
            self._speak(client, frame)

    def _send_all(self, clients: Iterable[Client]) -> None:
        for client in clients:
            self._send(client)

    def _send(self, client: Client) -> None:
        if client.frames is not None:
            frames, client.frames = client.frames, None
            _write(client, _join(frames))

    def _cut_off(self, client: Client) -> None:
        self.cut_off += 1
        _log.info("Client %s is cut off: it does not read what it is sent", client.id)
        client.transport.abort()
        client.frames = None
        self.lags.forget(client)
        client.ride(GONE)


def _write(client: Client, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        client.write(piece)


def _join(frames: list[bytes]) -> list[bytes]:
    """The same bytes in fewer pieces: neighbours that together stay within `JOIN_BYTES` become one."""
    if len(frames) == 1:
        return frames
    pieces: list[bytes] = []
    small: list[bytes] = []
    size = 0
    for frame in frames:
        if size + len(frame) > JOIN_BYTES and small:
            pieces.append(b"".join(small))
            small, size = [], 0
        small.append(frame)
        size += len(frame)
    pieces.append(b"".join(small))
    return pieces
