"""Channel: everybody who receives what is sent under one name, a user's or a channel's."""

from __future__ import annotations

from collections.abc import Callable, Collection

from walkwire.broker import Broker
from walkwire.wire.delivery.arrivals import Arrivals
from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.overflow import OverflowPolicies
from walkwire.wire.message.envelope import server_topic
from walkwire.wire.message.frame import Position
from walkwire.wire.message.notification import Overflow

_DEFAULT = OverflowPolicies()


class Channel:
    """The members of a channel on this server, or the connections of a user.

    - name: a channel id or a root id
    - members: the same set for the life of the channel; `Turn` compares it by identity
    - overflow: what is dropped when a member falls behind; decided when the channel is made
    - topic: the broker's topic that brings what other servers send; None: there is none to subscribe
    - position: of the last message of its stream; None: it keeps no history
    """

    __slots__ = ("members", "name", "overflow", "position", "topic")

    def __init__(self, name: str, topic: str | None, overflow: Overflow) -> None:
        self.name = name
        self.members: set[Client] = set()
        self.overflow: Overflow = overflow
        self.topic = topic
        self.position: Position | None = None


class Channels:
    """All channels of one kind that have a member on this server.

    - topic_of: returns the broker's topic of a name, None if this server need not subscribe one
    - topics_of: returns the topics to which a message for a name is published
    - overflow: the overflow policies by name
    """

    def __init__(
        self,
        broker: Broker,
        topic_of: Callable[[str], str | None],
        topics_of: Callable[[str], tuple[str, ...]],
        overflow: OverflowPolicies = _DEFAULT,
    ) -> None:
        self._broker = broker
        self._topic_of = topic_of
        self._topics_of = topics_of
        self._overflow = overflow
        self._channels: dict[str, Channel] = {}
        self._arrivals = Arrivals()
        self.find = self._channels.get  # a lookup in C for each target of a notification
        """Return the channel of this name, None if it has no member here."""

    def __len__(self) -> int:
        return len(self._channels)

    def join(self, name: str, client: Client) -> Channel:
        """Make a client a member. The first member subscribes the topic. Call `Turn.resolve_members` before."""
        channel = self._channels.get(name)
        if channel is None:
            topic = self._topic_of(name)
            self._channels[name] = channel = Channel(name, topic, self._overflow.find((name,)))
            if topic is not None:
                self._broker.subscribe((topic,))
        channel.members.add(client)
        return channel

    def leave(self, name: str, client: Client) -> None:
        """End a membership, if there is one. The last member unsubscribes the topic. Call `Turn.resolve_members` before."""
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
