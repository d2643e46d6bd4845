"""Channel: everybody who receives what is sent under one name, a user's or a channel's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from walkwire.broker import Broker
from walkwire.wire.delivery.arrivals import Arrivals
from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.overflow import OverflowPolicies
from walkwire.wire.message.envelope import server_topic
from walkwire.wire.message.notification import Kind, Overflow

_DEFAULT = OverflowPolicies()


class Channel:
    """The members of a channel on this server, or the connections of a user.

    - name: a channel id or a root id
    - members: the same set for the life of the channel; `Turn` compares it by identity
    - overflow: what is dropped when a member falls behind; decided when the channel is made
    - topic: the broker's topic that brings what other servers send; None: there is none to subscribe
    """

    __slots__ = ("members", "name", "overflow", "topic")

    def __init__(self, name: str, topic: str | None, overflow: Overflow) -> None:
        self.name = name
        self.members: set[Client] = set()
        self.overflow: Overflow = overflow
        self.topic = topic


class Named(Protocol):
    """What a client joins."""

    name: str


class Listening(Protocol):
    """Where clients of version 2 hear the same: `wire/streams/streams` implements it."""

    def join(self, kind: Kind, name: str, client: Client) -> Named:
        """Let a client hear a stream."""

    def leave(self, kind: Kind, name: str, client: Client) -> None:
        """Let a client hear a stream no longer."""

    def hears(self, kind: Kind, name: str, client: Client) -> bool:
        """Return whether a client hears a stream, or will."""

    def listeners(self, kind: Kind, name: str) -> list[Client]:
        """Return all clients that do."""

    def tell_joined(self, channel_id: str, client: Client) -> None:
        """Tell a client that it hears a channel that it did not ask for."""

    def tell_left(self, channel_id: str, client: Client, reason: str | None) -> None:
        """Tell a client that it no longer hears a channel that it did not leave."""


class Attending(Protocol):
    """Who is told of members: `wire/presence/attendance` implements it."""

    def joined(self, channel_id: str, client: Client) -> None:
        """Take that a client is a member."""

    def left(self, channel_id: str, client: Client, is_gone: bool = False) -> None:
        """Take that it is a member no longer. `is_gone`: because its connection was lost."""


class Channels:
    """All channels of one kind that have a member on this server. Clients of version 2 are members of streams instead.

    - topic_of: returns the broker's topic of a name, None if this server need not subscribe one
    - topics_of: returns the topics to which a message for a name is published
    - overflow: the overflow policies by name
    - kind, streams: of the streams; without them all clients are of version 1
    - attendance: told of members; None: nobody asks
    """

    def __init__(
        self,
        broker: Broker,
        topic_of: Callable[[str], str | None],
        topics_of: Callable[[str], tuple[str, ...]],
        overflow: OverflowPolicies = _DEFAULT,
        kind: Kind = "channels",
        streams: Listening | None = None,
    ) -> None:
        self._kind: Kind = kind
        self._streams = streams
        self._broker = broker
        self._topic_of = topic_of
        self._topics_of = topics_of
        self._overflow = overflow
        self._channels: dict[str, Channel] = {}
        self._arrivals = Arrivals()
        self.attendance: Attending | None = None
        self.find = self._channels.get  # a lookup in C for each target of a notification
        """Return the channel of this name, None if it has no member here."""

    def __len__(self) -> int:
        return len(self._channels)

    def join(self, name: str, client: Client) -> Named:
        """Make a client a member. The first member subscribes the topic. Call `Turn.resolve_members` before."""
        if self.attendance is None or self._has(name, client):
            return self._join(name, client)
        named = self._join(name, client)
        self.attendance.joined(name, client)
        return named

    def _join(self, name: str, client: Client) -> Named:
        if client.session is not None and self._streams is not None:
            return self._streams.join(self._kind, name, client)
        channel = self._channels.get(name)
        if channel is None:
            topic = self._topic_of(name)
            self._channels[name] = channel = Channel(name, topic, self._overflow.find((name,)))
            if topic is not None:
                self._broker.subscribe((topic,))
        channel.members.add(client)
        return channel

    def leave(self, name: str, client: Client, is_gone: bool = False) -> None:
        """End a membership, if there is one. The last member unsubscribes the topic. Call `Turn.resolve_members` before.

        `is_gone`: the client's connection was lost.
        """
        if self.attendance is None or not self._has(name, client):
            self._leave(name, client)
            return
        self._leave(name, client)
        self.attendance.left(name, client, is_gone)

    def tell_joined(self, name: str, client: Client) -> None:
        """Tell a member of version 2 of a membership that it did not ask for."""
        if client.session is not None and self._streams is not None:
            self._streams.tell_joined(name, client)

    def tell_left(self, name: str, client: Client, reason: str | None = None) -> None:
        """Tell a client of version 2 that a membership has ended without its doing."""
        if client.session is not None and self._streams is not None:
            self._streams.tell_left(name, client, reason)

    def members(self, name: str) -> list[Client]:
        """Return the clients of this server in a channel, of both versions."""
        channel = self._channels.get(name)
        heard = [] if self._streams is None else self._streams.listeners(self._kind, name)
        return heard if channel is None else [*channel.members, *heard]

    def _has(self, name: str, client: Client) -> bool:
        if client.session is not None and self._streams is not None:
            return self._streams.hears(self._kind, name, client)
        channel = self._channels.get(name)
        return channel is not None and client in channel.members

    def _leave(self, name: str, client: Client) -> None:
        if client.session is not None and self._streams is not None:
            self._streams.leave(self._kind, name, client)
            return
        channel = self._channels.get(name)
        if channel is None or client not in channel.members:
            return
        channel.members.remove(client)
        if not channel.members:
            del self._channels[name]
            if channel.topic is not None:
                self._broker.unsubscribe((channel.topic,))

    def expect(self, name: str, server: str) -> None:
        """Publish to another server's own topic as well for a few seconds: a client there was sent into this channel, and that
        server may not have subscribed the channel's topic yet."""
        self._arrivals.add(name, server)

    def topics(self, name: str) -> tuple[str, ...]:
        """Return the topics to which a message for this name is published."""
        servers = self._arrivals.servers(name)
        return self._topics_of(name) + tuple(map(server_topic, servers)) if servers else self._topics_of(name)

    def overflow_of(self, names: Collection[str]) -> Overflow:
        """Return the overflow policy of a message to these channels. Nothing may be dropped unless all agree on how."""
        if len(names) == 1:
            (name,) = names
            channel = self._channels.get(name)
            if channel is not None:
                return channel.overflow
        return self._overflow.find(names)
