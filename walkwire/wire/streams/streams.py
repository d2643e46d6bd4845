"""Streams: the clients of version 2 on this server, and the streams that they hear.

A server without such clients has nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from walkwire.history import RECENT, History, Mark, Retention
from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.message import envelope, frame
from walkwire.wire.message.envelope import Head
from walkwire.wire.message.notification import Kind, Overflow
from walkwire.wire.streams import position
from walkwire.wire.streams.following import Following
from walkwire.wire.streams.pages import TOLD, parts_of, read_page
from walkwire.wire.streams.recovery import Reason, Recovery, SharedReads, recover
from walkwire.wire.streams.stream import Backlog, Heard, Stream

MOST_LEFT = 256  # streams whose place is remembered for a client that has left them

LevelOf = Callable[[Kind, str], Retention]
OverflowOf = Callable[[Collection[str]], Overflow]
OnDelivery = Callable[[Kind, int], None]
OnOrder = Callable[[Client, str, str, bytes], None]


def recent(kind: Kind, name: str) -> Retention:
    """Return the level of every stream where there is no setting."""
    return RECENT


class Streams:
    """The streams that clients of this server hear. All calls come from the event loop of the sockets.

    - history: keeps them
    - level_of: how much is kept of a stream
    - overflow_of: the overflow policy of a channel
    - on_delivery: called with the kind of each entry and the number of clients that it is put to; None: nobody counts
    - on_order: called with a client, a kind, a channel and data for entries of its stream that are no notifications
    - is_local: whether no other server has the same streams
    - following: hears them
    """

    def __init__(
        self,
        history: History,
        turn: Turn,
        overflow_of: OverflowOf,
        level_of: LevelOf = recent,
        on_order: OnOrder = lambda client, kind, channel, data: None,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        self._history = history
        self._turn = turn
        self._overflow_of = overflow_of
        self._level_of = level_of
        self._on_order = on_order
        self._on_delivery = on_delivery
        self.is_local = history.is_local
        self.following = Following(history, self._deliver, self._resync)
        self._reads = SharedReads(history, self._place_of)

    def __len__(self) -> int:
        """Return how many streams have a listener here."""
        return len(self.following)

    # Who hears

    def find(self, kind: Kind, name: str) -> Stream | None:
        """Return a stream that has a listener here."""
        if not len(self.following):
            return None
        return self.following.find(envelope.stream_topic(kind, name))

    def count(self, kind: Kind, name: str) -> int:
        """Return how many clients of this server hear a stream, or will."""
        if not len(self.following):
            return 0
        stream = self.find(kind, name)
        return 0 if stream is None else stream.count

    def listeners(self, kind: Kind, name: str) -> list[Client]:
        """Return the clients of this server that hear a stream, or will."""
        stream = self.find(kind, name)
        return [] if stream is None else stream.everybody()

    def hears(self, kind: Kind, name: str, client: Client) -> bool:
        """Return whether a client hears a stream, or will."""
        stream = self.find(kind, name)
        return stream is not None and stream.has(client)

    def join(self, kind: Kind, name: str, client: Client) -> Stream:
        """Let a client hear what comes next in a stream. While it is arriving, `begin` says from where."""
        topic = envelope.stream_topic(kind, name)
        stream = self.following.find(topic)
        if stream is None:
            overflow = self._overflow_of((name,)) if kind == "channels" else "close"
            stream = Stream(kind, name, topic, self._level_of(kind, name), overflow)
            self.following.add(stream)
        if not stream.has(client):
            self._turn.resolve_members()
            if client.session is not None and client.session.is_arriving:
                stream.arriving = stream.arriving or {}
                stream.arriving[client] = Backlog()
            else:
                stream.members.add(client)
        return stream

    def leave(self, kind: Kind, name: str, client: Client) -> None:
        """Let a client hear a stream no longer. Does nothing if it does not."""
        topic = envelope.stream_topic(kind, name)
        stream = self.following.find(topic)
        if stream is None:
            return
        self._turn.resolve_members()
        if stream.ahead is not None and client in stream.ahead:
            self._note_left(client, stream)
        stream.remove(client)
        if stream.is_empty:
            self.following.remove(stream)

    def _note_left(self, client: Client, stream: Stream) -> None:
        """Remember how far a client has heard a stream, in case it joins again before this server has heard so much."""
        place = self.place(client, stream)
        if client.session is not None and place is not None:
            left = client.session.left or {}
            if len(left) < MOST_LEFT:
                client.session.left = left | {stream.topic: place}

    async def recover(self, client: Client, stream: Stream, at: str | None, rewind: int = 0) -> Recovery:
        """Return what a client gets of a stream to which it is arriving. Raises Unreached.

        It does not hear again what it has heard on this connection, unless it wants to rewind.
        """
        if stream.opened is not None:
            await asyncio.shield(stream.opened)
        recovery = await recover(self._reads, stream, at, rewind)
        left = None if client.session is None else client.session.left
        if left is None or recovery.at is None or recovery.upto is not None:
            return recovery
        place = left.pop(stream.topic, None)
        if place is None or place.epoch != recovery.at.epoch or place.offset <= recovery.at.offset:
            return recovery
        return recovery._replace(at=place, upto=place)

    def _place_of(self, topic: str) -> Mark | None:
        stream = self.following.find(topic)
        return None if stream is None else stream.at

    def begin(self, client: Client, stream: Stream, recovery: Recovery) -> None:
        """Let a client that is arriving hear the stream, beginning with what was recovered."""
        backlog = None if stream.arriving is None else stream.arriving.pop(client, None)
        if backlog is None:
            return
        stream.arriving = stream.arriving or None
        self._turn.resolve_members()
        epoch = "" if recovery.at is None else recovery.at.epoch
        for entry in recovery.entries:
            self._replay(client, stream, Mark(epoch, entry.offset), entry.message)
        upto = recovery.upto
        if upto is not None:
            for heard in backlog.kept:
                if heard.mark.epoch != upto.epoch or heard.mark.offset > upto.offset:
                    self._turn.put(client, heard.message)
            if backlog.is_over and stream.at is not None:
                self._turn.put(client, self._resync_of(stream, stream.at, "too_many"))
            at = stream.at
            if at is not None and at.epoch == upto.epoch and at.offset < upto.offset:
                stream.ahead = stream.ahead or {}
                stream.ahead[client] = upto.offset
                return
        stream.members.add(client)

    def place(self, client: Client, stream: Stream) -> Mark | None:
        """Return the place up to which a client has heard a stream."""
        if stream.at is None or stream.ahead is None or client not in stream.ahead:
            return stream.at
        return Mark(stream.at.epoch, stream.ahead[client])

    async def page(
        self, channel_id: str, limit: int, *, before: str | None = None, after: str | None = None
    ) -> tuple[list[tuple[Mark, bytes]], bool]:
        """Return kept notifications of a channel; see `read_page`."""
        history = self._history.for_level(self._level_of("channels", channel_id))
        return await read_page(history, channel_id, limit, before=before, after=after)

    def begin_all(self, client: Client) -> None:
        """Let a client hear what comes next in all streams to which it is arriving. It is told of those that are channels."""
        for stream in [each for each in self._streams_of(client) if client in (each.arriving or ())]:
            if stream.kind == "channels":
                self._begin_untold(client, stream)
            else:
                self.begin(client, stream, Recovery(stream.at))

    def tell_joined(self, channel_id: str, client: Client) -> None:
        """Tell a client that it hears a channel that it did not ask for, and from where."""
        stream = self.find("channels", channel_id)
        if stream is None or client in (stream.arriving or ()):
            return  # `begin_all` tells it
        mark = self.place(client, stream)
        if mark is not None:
            self._turn.put(client, frame.joined(channel_id, position.text_of(mark)))
            return
        self._turn.resolve_members()
        stream.members.discard(client)
        stream.arriving = stream.arriving or {}
        stream.arriving[client] = Backlog()
        self._begin_untold(client, stream)

    def tell_left(self, channel_id: str, client: Client, reason: str | None) -> None:
        """Tell a client that it no longer hears a channel that it did not leave. The reply to `connect` tells it by itself."""
        if client.session is not None and client.session.is_welcome:
            self._turn.put(client, frame.left(channel_id, reason))

    def _begin_untold(self, client: Client, stream: Stream) -> None:
        """Tell a client from where it hears a channel, and let it hear what came since, once the stream is open."""
        if client not in (stream.arriving or ()):
            return  # it has left, or was told meanwhile
        if stream.at is None:
            assert stream.opened is not None
            stream.opened.add_done_callback(lambda _: self._begin_untold(client, stream))
            return
        assert stream.arriving is not None
        kept = list(stream.arriving[client].kept)
        at = kept[0].mark._replace(offset=kept[0].mark.offset - 1) if kept else stream.at
        self._turn.put(client, frame.joined(stream.name, position.text_of(at)))
        self.begin(client, stream, Recovery(at, upto=at))

    def _streams_of(self, client: Client) -> list[Stream]:
        names: list[tuple[Kind, str]] = [("users", client.root_id), ("clients", client.id)]
        names += [("channels", channel_id) for channel_id in client.channels]
        return [stream for kind, name in names if (stream := self.find(kind, name)) is not None]

    def _replay(self, client: Client, stream: Stream, mark: Mark, message: bytes) -> None:
        kind, channel, data = parts_of(stream.topic, message)
        if kind in TOLD:
            self._turn.put(client, stream.payload(mark, data))
        elif kind in ("join", "leave"):
            self._on_order(client, kind, channel, data)

    # What is heard

    @property
    def keeps(self) -> bool:
        """Return whether notifications have to be appended here."""
        return self.is_local and not self._history.is_empty

    def append(self, kind: Kind, targets: Collection[str], data: bytes) -> None:
        """Append a notification to streams, if this server keeps them (`keeps`). `data` is JSON."""
        message = envelope.bare(kind, data)
        for target in targets:
            self._history.append(envelope.stream_topic(kind, target), message)

    def append_order(self, kind: str, client_id: str, channel_id: str, data: bytes) -> None:
        """Append to the stream of a client that it is to join or leave a channel. It obeys when it hears that."""
        head = Head("", 0, kind, (), channel_id)
        self._history.append(envelope.client_topic(client_id), envelope.encode(head, data))

    def _deliver(self, stream: Stream, mark: Mark, message: bytes) -> None:
        kind, channel, data = parts_of(stream.topic, message)
        if kind in TOLD:
            if self._on_delivery is not None and stream.members:
                self._on_delivery(stream.kind, len(stream.members))
            self._spread(stream, mark, stream.payload(mark, data))
        else:
            if stream.ahead is not None:
                self._let_follow(stream, mark)
            for client in stream.everybody() if kind else ():
                self._on_order(client, kind, channel, data)

    def _spread(self, stream: Stream, mark: Mark, payload: bytes) -> None:
        if stream.arriving is not None:
            for backlog in stream.arriving.values():
                backlog.append(Heard(mark, 0, payload))
        if stream.ahead is not None:
            self._let_follow(stream, mark)
        if stream.members:
            self._turn.spread(stream.members, payload, stream.overflow, stream.topic)

    def _let_follow(self, stream: Stream, mark: Mark) -> None:
        """Let those hear this place who have heard all before it elsewhere."""
        assert stream.ahead is not None
        reached = [client for client, offset in stream.ahead.items() if mark.offset > offset]
        if reached:
            self._turn.resolve_members()
            for client in reached:
                del stream.ahead[client]
            stream.members.update(reached)
            stream.ahead = stream.ahead or None

    def _resync(self, stream: Stream, tail: Mark, reason: Reason) -> None:
        """Tell the clients that entries were lost."""
        if stream.ahead is not None:
            self._turn.resolve_members()
            stream.members.update(stream.ahead)
            stream.ahead = None
        self._spread(stream, tail, self._resync_of(stream, tail, reason))

    def _resync_of(self, stream: Stream, mark: Mark, reason: Reason) -> bytes:
        channel_id = stream.name if stream.kind == "channels" else None
        return frame.resync(stream.kind[:-1], channel_id, position.text_of(mark), reason)
