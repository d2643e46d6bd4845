"""Turn: collects the frames of one turn of the event loop, and writes them at its end. One write per connection and turn.

A frame for many is kept beside the set of its receivers, not put to each of them: consecutive frames for one set are joined once,
however many receive them. So a membership may change only after `resolve_members`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from itertools import repeat
from operator import call

from walkwire.wire.delivery.client import GONE, Client, Hold
from walkwire.wire.delivery.lag import FULL, Lags
from walkwire.wire.message.close import Close
from walkwire.wire.message.frame import text
from walkwire.wire.message.notification import Overflow

JOIN_BYTES = (
    64 * 1024
)  # larger frames are written as they are: a copy for each receiver costs more than a call
TURN_BYTES = 256 * 1024  # beyond it the frames are written at once, so that the sockets can take them
STRETCH = 1500  # writes before the event loop runs other callbacks: 9 µs each, so 14 ms

_log = logging.getLogger(__name__)


class Turn:
    """Collects frames, in order for each client, and writes them when the callbacks of this turn have run.

    - bound: a client that has more bytes unsent before a write is disconnected; its frames are lost, and nobody else's
    - grow: called with the number of bytes that were added for a client that lags
    - on_flush: called at the end of each turn in which something was put
    - cut_off: number of clients that were disconnected
    - lags: the clients that receive their frames slower than they are sent
    """

    def __init__(
        self,
        bound: int,
        grow: Callable[[int], None] = lambda size: None,
        on_flush: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_flush = on_flush
        self.cut_off = 0
        self.lags = Lags(bound, self._cut_off, grow)
        self._runs: list[tuple[set[Client], list[bytes]]] = []
        self._after: list[tuple[Client, bytes]] = []  # frames for one client, behind the runs
        self._waiting: list[Client] = []  # receivers of a run
        self._addressed: list[
            Client
        ] = []  # receivers of a frame of their own: they do not wait behind a large run
        self._size = 0
        self._is_due = False

    def put(self, client: Client, payload: bytes) -> None:
        """Send a payload to one client at the end of this turn."""
        frame = text(payload)
        if self._runs:
            self._after.append((client, frame))
        else:
            self._append(client, frame)
        self._grow(len(frame))

    def spread(
        self, members: set[Client], payload: bytes, overflow: Overflow = "close", targets: Hashable = None
    ) -> None:
        """Send a payload to all members at the end of this turn. The set is kept, not copied.

        - overflow: what is dropped if a member lags
        - targets: with "latest", the payload replaces an earlier one for equal targets
        """
        frame = text(payload)
        if self._after:
            self.resolve_members()
        if overflow != "close" and (late := self.lags.among(members)):
            self._put_late(late, frame, overflow, targets)
            members = members.difference(late)
        if self._runs and self._runs[-1][0] is members:
            self._runs[-1][1].append(frame)
        else:
            self._runs.append((members, [frame]))
        self._grow(len(frame))

    def resolve_members(self) -> None:
        """Put what was spread to each of the present members. Call it before a membership changes."""
        if not self._runs:
            return
        runs, self._runs = self._runs, []
        for members, frames in runs:
            self._queue(members, _join(frames))
        self._settle_after()

    def flush(self) -> None:
        """Write to at most `STRETCH` receivers of runs, and as many of frames of their own; to the rest in the next turn."""
        self._is_due = False
        self._size = 0
        self._on_flush()
        if len(self._runs) == 1 and not self._waiting and not self._addressed:
            self._write_run(*self._runs.pop())
        else:
            self.resolve_members()
            batch, self._waiting = self._waiting[:STRETCH], self._waiting[STRETCH:]
            self._send_all(batch)
        spoken_to, self._addressed = self._addressed[:STRETCH], self._addressed[STRETCH:]
        self._send_all(spoken_to)
        if self._waiting or self._addressed:
            self._schedule()

    def fall_behind(self, client: Client) -> None:
        """The client's transport has taken more than it can send. What may be dropped is kept back until `catch_up`."""
        if client.transport is not GONE:
            self.lags.begin(client)

    def catch_up(self, client: Client) -> None:
        """The client's transport has room again: write what was kept back."""
        if not isinstance(client.transport, Hold):
            self.lags.catch_up(client)

    def held(self, client: Client) -> int:
        """Return how many bytes wait here for a client: those that its transport has taken are not among them."""
        held = client.transport
        return self.lags.size_of(client) + (held.unsent() if isinstance(held, Hold) else 0)

    def hold(self, client: Client) -> None:
        """Buffer what is sent to this client until `release`."""
        self.resolve_members()
        self._send(client)
        self.lags.write_backlog(client)
        if client.transport is not GONE:
            client.use_transport(Hold(client.transport))
            self.lags.begin(client)

    def release(self, client: Client, first: bytes) -> None:
        """Write `first`, then what was buffered."""
        held = client.transport
        if isinstance(held, Hold):
            self._send(client)
            self.lags.write_backlog(client)
            client.use_transport(held.behind)
            if held.behind.unsent() > FULL:
                self.lags.begin(client)
            for data in (text(first), *held.kept):
                client.write(data)

    def close(self, client: Client, close: Close) -> None:
        """Write what was put, then close."""
        self.resolve_members()
        self._send(client)
        self.lags.write_backlog(client)
        client.transport.close(close.code, close.text())
        client.use_transport(GONE)

    def remove(self, client: Client) -> None:
        """Write what was put, and remove the client: the peer closes by itself."""
        self.resolve_members()
        self._send(client)
        self.lags.drop(client)
        client.use_transport(GONE)

    def _put_late(self, late: Iterable[Client], frame: bytes, overflow: Overflow, targets: Hashable) -> None:
        self.resolve_members()
        for client in late:
            self._send(client)
            if client.transport is not GONE:
                self.lags.put(client, frame, overflow, targets)

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
                client.frames = pieces.copy()  # its own frames follow in the same write
            self._settle_after()
        clients: Collection[Client] = members
        if len(members) > STRETCH:
            every = list(members)
            clients = every[:STRETCH]
            self._queue(every[STRETCH:], pieces)
        for piece in pieces:
            # From C to C: a loop in Python would let a walk that computes run between two receivers.
            deque(map(call, [client.write for client in clients], repeat(piece)), maxlen=0)

    def _append(self, client: Client, frame: bytes) -> None:
        if client.frames is None:
            client.frames = [frame]
        else:
            client.frames.append(frame)
        if not self._addressed or self._addressed[-1] is not client:
            self._addressed.append(client)

    def _settle_after(self) -> None:
        after, self._after = self._after, []
        for client, frame in after:
            self._append(client, frame)

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
        self.lags.drop(client)
        client.use_transport(GONE)


def _write(client: Client, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        client.write(piece)


def _join(frames: list[bytes]) -> list[bytes]:
    """Return the same bytes in fewer pieces: neighbours are joined up to `JOIN_BYTES`."""
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
