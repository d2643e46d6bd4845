"""Hub: who is here, and the one road every notification takes.

All calls come from the event loop of the sockets. None of them waits for a socket or for the broker.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from asyncio import Future, Task
from collections.abc import Callable, Collection

from walkwire.broker import Broker, Counts
from walkwire.errors import Limited, PublicError, Unreached
from walkwire.ids import PUBLIC_ROOT, ServerIds, server_of
from walkwire.wire import policy
from walkwire.wire.delivery.arrivals import Arrivals
from walkwire.wire.delivery.audience import Audiences
from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.overflow import Keeping
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.heartbeat import Heartbeat
from walkwire.wire.limits import Limits
from walkwire.wire.message import envelope, frame
from walkwire.wire.message.close import Close
from walkwire.wire.message.envelope import Head
from walkwire.wire.message.notification import Keep, Notification
from walkwire.wire.policy import Policies

REMEMBERED = 1024  # letters to several topics, of which more than one copy may arrive

_log = logging.getLogger(__name__)


class Hub:
    """The listeners of this server, by client, user and channel, and the roads to and from other servers.

    `work` holds the tasks that handle events now. `untold` counts what was to go to other servers, and could not. `on_return` is
    called when the broker is back: what other servers told meanwhile was not heard. `on_revoked(root_id, token_generation)` is
    called when another server has revoked a user's tokens below that generation. `is_leaving` is set once the server stops: new
    sockets are refused. `on_delivery(kind, count)` is called for each notification with the number of clients that it is put to.
    """

    def __init__(
        self,
        broker: Broker,
        ids: ServerIds | None = None,
        policies: Policies | None = None,
        limits: Limits | None = None,
        keeping: Keeping | None = None,
        on_delivery: Callable[[str, int], None] | None = None,
    ) -> None:
        self.ids = ids or ServerIds()
        self.policies = policies or Policies()
        self.limits = limits or Limits()
        self.keeping = keeping or Keeping()
        self.turn = Turn(self.limits.unsent)
        self.heartbeat = Heartbeat(self.limits.ping, self.limits.pong, self.limits.goodbye)
        self.clients: dict[str, Client] = {}
        self.work: set[Task[None]] = set()
        self.untold = 0
        self.on_return: Callable[[], None] = lambda: None
        self.on_revoked: Callable[[str, int], None] = lambda root_id, token_generation: None
        self._on_delivery = on_delivery
        self.is_deaf = False
        self.is_leaving = False
        self.closing: Close | None = None
        self._broker = broker
        self._own_topic = envelope.server_topic(self.ids.server)
        self._users = Audiences(broker, envelope.user_topic)
        self._channels = Audiences(broker, self._channel_topic)
        self._numbers = itertools.count(1)
        self._seen: dict[tuple[str, int], None] = {}
        self._arrivals = Arrivals()
        self._untold_before = 0  # the broker was lost

    @property
    def away(self) -> str | None:
        """Why other servers cannot be reached, in a sentence for the operator; None: they can."""
        return self._broker.away

    @property
    def broker_counts(self) -> Counts:
        """What has happened between this server and the broker."""
        return self._broker.counts

    @property
    def queued_bytes(self) -> int:
        """Return the number of bytes that wait to be sent to clients. Costs a call for each client."""
        return sum(client.transport.unsent() for client in self.clients.values()) + self.turn.lags.size

    @property
    def audiences(self) -> int:
        """How many users and channels have listeners here."""
        return len(self._users) + len(self._channels)

    async def start(self) -> None:
        """Begin to hear other servers, and to look after sockets."""
        self._broker.subscribe((self._own_topic, envelope.REVOKED))
        await self._broker.start(self.deliver, self._greet_broker)
        self.heartbeat.start()

    async def stop(self) -> None:
        """Let the broker and the clock go."""
        self.heartbeat.stop()
        await self._broker.stop()

    def enter(self, client: Client) -> Future[None] | None:
        """A client is here. What is given back, if anything, is done when other servers reach it, too: then it may be told."""
        self.turn.settle()
        self.clients[client.id] = client
        self._users.add(client.root_id, client)
        self._ask_again(client, was_in=frozenset())
        return self._broker.settled()

    def exit(self, client: Client) -> None:
        """A client has gone. What was put to it is tried to be said. Once is enough, more do no harm."""
        self.turn.forget(client)
        if self.clients.get(client.id) is not client:
            return
        del self.clients[client.id]
        self._users.remove(client.root_id, client)
        for channel_id in client.channels - client.refused:
            self._channels.remove(channel_id, client)

    def change(self, client: Client, root_id: str) -> Future[None] | None:
        """A client is another user from now on, and each of its channels is asked about again. As `enter`, what is given back."""
        if self.clients.get(client.id) is not client:
            return None
        self.turn.settle()
        self._users.remove(client.root_id, client)
        client.root_id = root_id
        self._users.add(root_id, client)
        self._ask_again(client, was_in=client.channels - client.refused)
        return self._broker.settled()

    def admit(self, client: Client, channel_ids: Collection[str]) -> Future[None] | None:
        """A client asks to be in these channels: in all, or Refused or Limited is raised. As `enter`, what is given back."""
        if self.clients.get(client.id) is not client:
            return None
        if not all(self._may_join(client, channel_id) for channel_id in channel_ids):
            policy.ask(self.policies.join, client.is_authenticated, "join a channel")
        if len(client.channels.union(channel_ids)) > self.limits.channels:
            raise Limited(f"A connection may be in {self.limits.channels} channels at most.")
        for channel_id in channel_ids:
            self._join(client, channel_id)
        return self._broker.settled()

    def join(self, client_id: str, channel_id: str) -> None:
        """Put a client, of any server, into a channel: a walker's word, no policy is asked. Unknown clients are skipped."""
        client = self.clients.get(client_id)
        if client is None:
            self._write_to_server_of(client_id, "join", channel_id)
        elif channel_id in client.channels or len(client.channels) < self.limits.channels:
            self._join(client, channel_id)
        else:
            _log.warning(
                "Client %s is in %d channels and was not put into one more", client_id, len(client.channels)
            )

    def leave(self, client_id: str, channel_id: str) -> None:
        """Take a client, of any server, out of a channel."""
        client = self.clients.get(client_id)
        if client is None:
            self._write_to_server_of(client_id, "leave", channel_id)
            return
        self.turn.settle()
        client.channels.discard(channel_id)
        client.refused -= {channel_id}
        self._channels.remove(channel_id, client)

    def is_here(self, root_id: str) -> bool:
        """Return whether a client of this user is connected to this server."""
        return bool(self._users.of(root_id))

    def sign_out(self, root_id: str) -> None:
        """Make this user's clients on this server public. Nothing is sent to them."""
        if root_id != PUBLIC_ROOT:
            for client in list(self._users.of(root_id)):
                self.change(client, PUBLIC_ROOT)

    def tell_revoked(self, root_id: str, token_generation: int) -> None:
        """Tell all other servers that this user's tokens below this generation are revoked. Never raises: the log says if it
        could not be told. Other servers find it out by themselves."""
        try:
            self._publish("revoked", (root_id,), (envelope.REVOKED,), b"%d" % token_generation)
        except PublicError as error:
            self._complain("That a user's tokens were revoked", error)

    def notify(self, notification: Notification) -> None:
        """Tell an audience, here and on other servers. Never raises: what could not be told goes into the log."""
        try:
            self._send(notification)
        except PublicError as error:
            self._complain(f"A notification to {notification.kind}", error)

    def tell(self, notification: Notification) -> Future[None] | None:
        """As `notify`, for one who wants to know. What is given back, if anything, is done when the broker has it, or fails with
        Unreached. Raises Unreached when only this server's listeners were told, Limited when it is too large."""
        return self._broker.taken() if self._send(notification) else None

    def deliver(self, topic: str, message: bytes) -> None:
        """Another server's letter has arrived. Never raises."""
        try:
            head, data = envelope.decode(message)
        except ValueError as error:
            _log.warning("A message on %s was passed over: %s", topic, error)
            return
        if head.server == self.ids.server or self._has_seen(head):
            return
        self._take(head, data)

    async def finish(self, seconds: float) -> None:
        """Hear no more events; return when those that are being handled are answered, or after `seconds`."""
        self.is_deaf = True
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self.work and loop.time() < end:
            await asyncio.wait(self.work, timeout=end - loop.time(), return_when=asyncio.FIRST_COMPLETED)

    async def close_all(self, close: Close, seconds: float) -> None:
        """Say goodbye to every client, after what it was told; those that have not gone after `seconds` are cut off.

        Whoever comes from now on is sent away with the same words.
        """
        self.closing = close
        for client in list(self.clients.values()):
            self.turn.end(client, close)
            self.exit(client)
        await self.heartbeat.empty(seconds)

    def _tell(self, kind: str, targets: tuple[str, ...], data: bytes, keep: Keep) -> None:
        if kind == "clients":
            clients = [self.clients[target] for target in targets if target in self.clients]
            if self._on_delivery is not None:
                self._on_delivery(kind, len(clients))
            if len(clients) == 1 and keep == "close":
                self.turn.put(clients[0], data)
            elif clients:
                self.turn.spread(set(clients), data, keep, targets)
            return
        audiences = self._users if kind == "users" else self._channels
        members = [found for target in targets if (found := audiences.of(target))]
        if members:
            listeners = members[0] if len(members) == 1 else set().union(*members)
            if self._on_delivery is not None:
                self._on_delivery(kind, len(listeners))
            self.turn.spread(listeners, data, keep, (kind, targets))

    def _send(self, notification: Notification) -> bool:
        """Whether other servers were told, too. Raises Unreached, Limited."""
        kind, targets, data = notification.kind, notification.targets, notification.data
        if len(data) > frame.LIMIT:
            raise Limited(f"This is too large to be sent: {frame.LIMIT} bytes at most.")
        keep = notification.keep or (self.keeping.of(targets) if kind == "channels" else "close")
        self._tell(kind, targets, data, keep)
        topics = {topic: None for target in targets for topic in self._topics(kind, target)}
        topics.pop(self._own_topic, None)
        if topics:
            self._publish(kind, targets, tuple(topics), data, keep=keep)
        return bool(topics)

    def _topics(self, kind: str, target: str) -> tuple[str, ...]:
        topics = envelope.topics(kind, target)
        if kind == "channels" and (servers := self._arrivals.servers(target)):
            topics += tuple(map(envelope.server_topic, servers))
        return topics

    def _take(self, head: Head, data: bytes) -> None:
        match head.kind:
            case "users" | "channels" | "clients":
                self._tell(head.kind, head.targets, data, head.keep)
            case "join" | "leave":
                for client_id in head.targets:
                    if client_id in self.clients:
                        (self.join if head.kind == "join" else self.leave)(client_id, head.channel)
            case "revoked" if data.isdigit():
                for root_id in head.targets:
                    self.on_revoked(root_id, int(data))
            case _:
                _log.debug("A letter of the unknown kind %r was passed over", head.kind)

    def _has_seen(self, head: Head) -> bool:
        """Of a letter to several topics each subscribed one brings a copy: the first serves all targets."""
        if not head.has_copies:
            return False
        key = (head.server, head.number)
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return False

    def _publish(
        self,
        kind: str,
        targets: tuple[str, ...],
        topics: Collection[str],
        data: bytes = b"",
        channel: str = "",
        keep: Keep = "close",
    ) -> None:
        """Raises Unreached, Limited."""
        head = Head(self.ids.server, next(self._numbers), kind, targets, channel, len(topics) > 1, keep)
        message = envelope.encode(head, data)
        try:
            for topic in topics:
                self._broker.publish(topic, message)
        except PublicError:
            self.untold += 1
            raise

    def _write_to_server_of(self, client_id: str, kind: str, channel_id: str) -> None:
        server = server_of(client_id)
        if server is None or server == self.ids.server:
            return
        try:
            self._publish(kind, (client_id,), (envelope.server_topic(server),), channel=channel_id)
        except PublicError as error:
            self._complain(f"That a client is to {kind} a channel", error)
        else:
            if kind == "join":
                self._arrivals.add(channel_id, server)

    def _complain(self, what: str, error: PublicError) -> None:
        if not isinstance(error, Unreached):
            _log.error("%s was not sent: %s", what, error)
        elif self.untold - self._untold_before == 1:  # the first since: the others are counted
            _log.error("%s reached only this server: %s", what, self.away)

    def _greet_broker(self) -> None:
        if self.untold > self._untold_before:
            _log.error(
                "%d notifications reached only this server meanwhile", self.untold - self._untold_before
            )
        self._untold_before = self.untold
        self.on_return()

    def _channel_topic(self, channel_id: str) -> str | None:
        return None if server_of(channel_id) == self.ids.server else envelope.channel_topic(channel_id)

    def _join(self, client: Client, channel_id: str) -> None:
        self.turn.settle()
        client.channels.add(channel_id)
        client.refused -= {channel_id}
        self._channels.add(channel_id, client)

    def _ask_again(self, client: Client, was_in: Collection[str]) -> None:
        refused = frozenset(name for name in client.channels if not self._may_join(client, name))
        for channel_id in client.channels:
            if channel_id in refused:
                self._channels.remove(channel_id, client)
            elif channel_id not in was_in:
                self._channels.add(channel_id, client)
        client.refused = refused

    def _may_join(self, client: Client, channel_id: str) -> bool:
        is_own = client.has_own_channel and channel_id == client.channel_id
        return is_own or policy.may(self.policies.join, client.is_authenticated)
