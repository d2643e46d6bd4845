"""Hub: which clients are connected, as whom and in which channels, and how a notification finds them."""

from __future__ import annotations

import logging
import time
from asyncio import Future
from collections.abc import Callable, Collection, Mapping
from functools import partial

from walkwire.broker import Broker
from walkwire.errors import Limited, PublicError
from walkwire.history import History, NoHistory
from walkwire.ids import PUBLIC_ROOT, SESSIONS, server_of
from walkwire.wire import policy
from walkwire.wire.delivery.channel import Channels
from walkwire.wire.delivery.client import Client, Term
from walkwire.wire.delivery.overflow import OverflowPolicies
from walkwire.wire.delivery.term import Terms
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.limits import Limits
from walkwire.wire.message import envelope, frame
from walkwire.wire.message.close import REVOKED, TAKEN
from walkwire.wire.message.envelope import Head
from walkwire.wire.message.notification import Kept, Notification, Overflow
from walkwire.wire.peers import Peers
from walkwire.wire.policy import Policies
from walkwire.wire.presence.attendance import Attendance, OnHappening
from walkwire.wire.presence.presence import Presence
from walkwire.wire.rights.membership import Membership
from walkwire.wire.streams.streams import LevelOf, Streams, recent
from walkwire.wire.tap import Tap

_log = logging.getLogger(__name__)

OnDelivery = Callable[[str, int], None]
Write = Callable[[Notification], Future[None] | None]

_STAYS = b"stays"  # the data of an envelope of the kind join


class Hub:
    """The clients of this server, by id, user and channel.

    All calls come from the event loop of the sockets. None waits for a socket or for the broker. A call that changes a membership
    returns a future that is done when other servers reach the client accordingly, None if they do already.

    - clients: the connected clients by id
    - terms: when their tokens expire
    - membership: in which channels they are
    - streams: what clients of version 2 hear
    - presence: who is in the channels that somebody watches; takers: take the server and the data of envelopes of other kinds
    - tap: where the console and traces look; send: sends a notification, and is wrapped by traces
    - on_delivery: called for each notification with its kind and the number of clients that it is put to; None: nobody counts
    """

    def __init__(
        self,
        broker: Broker,
        peers: Peers,
        turn: Turn,
        policies: Policies,
        limits: Limits,
        overflow: OverflowPolicies | None = None,
        on_delivery: OnDelivery | None = None,
        clock: Callable[[], float] = time.time,
        history: History | None = None,
        level_of: LevelOf = recent,
        presence: Presence | None = None,
    ) -> None:
        self.clients: dict[str, Client] = {}
        self.tap, self.send = Tap(), self._send
        self.terms = Terms(self._sign_out, turn, clock)
        self._on_delivery = on_delivery
        self._write: Write | None = None
        self._peers = peers
        self._turn = turn
        overflow = overflow or OverflowPolicies()
        kept = NoHistory() if history is None else history
        self.streams = Streams(kept, turn, overflow.find, level_of, self._obey, on_delivery)
        self._users = Channels(
            broker,
            envelope.user_topic,
            partial(envelope.topics, "users"),
            kind="users",
            streams=self.streams,
        )
        self._channels = Channels(
            broker, self._channel_topic, partial(envelope.topics, "channels"), overflow, streams=self.streams
        )
        self.membership = Membership(
            self._channels,
            turn,
            when_subscribed=peers.when_subscribed,
            may_join=partial(policy.may, policies.join),
            require_join=partial(policy.require, policies.join, deed="join a channel"),
            limits=(limits.channels, limits.channel_characters),
        )
        self.presence = Presence(peers, turn) if presence is None else presence
        self.presence.use(self, self._attend)
        self.takers: dict[str, Callable[[str, bytes], None]] = {"presence": self.presence.receive}
        self._attendance: Attendance | None = None
        self._on_happening: OnHappening | None = None

    @property
    def away(self) -> str | None:
        """Return why other servers cannot be reached, in a sentence for the operator; None: they can be reached."""
        return self._peers.away

    @property
    def audiences(self) -> int:
        """Return how many users and channels have a client here."""
        return len(self._users) + len(self._channels)

    def use_writer(self, write: Write) -> None:
        """Let `write` write what clients and services send to durable streams.

        It calls `notify` then, with what was `kept`. It returns a future that is done after that, or fails with PublicError; None
        if nothing has to be written. Raises Limited, Busy.
        """
        self._write = write

    def everybody(self) -> tuple[Client, ...]:
        """Return all connected clients."""
        return tuple(self.clients.values())

    def is_here(self, root_id: str) -> bool:
        """Return whether a client of this user is connected to this server."""
        return self._users.find(root_id) is not None or self.streams.find("users", root_id) is not None

    def count(self, root_id: str) -> int:
        """Return how many clients of this user are connected to this server."""
        user = self._users.find(root_id)
        return (0 if user is None else len(user.members)) + self.streams.count("users", root_id)

    def members(self, channel_id: str) -> list[Client]:
        """Return the clients of this server in a channel."""
        return self._channels.members(channel_id)

    def attend(self, on_happening: OnHappening) -> None:
        """Call this whenever a client comes, goes, joins or leaves. Call it before the first client enters."""
        self._on_happening = on_happening
        self._attend(True)

    def _attend(self, is_asked: bool) -> None:
        is_asked = is_asked or self._on_happening is not None
        self._attendance = Attendance(self.presence, self._on_happening) if is_asked else None
        self._channels.attendance = self._attendance

    def enter(
        self,
        client: Client,
        root_id: str,
        term: Term | None = None,
        tokens: Mapping[str, str] | None = None,
    ) -> Future[None] | None:
        """Register a client as this user, until the term ends. Greet it only when the future that is returned is done.

        `tokens` are channel tokens by channel id.
        """
        self._turn.resolve_members()
        client.root_id = root_id
        if term is not None:
            self.terms.replace(client, term)
        self.clients[client.id] = client
        self._users.join(root_id, client)
        if self._attendance is not None:
            self._attendance.connected(client)
        if client.session is not None:
            self.streams.join("clients", client.id, client)
            if tokens:
                self.membership.show(client, tokens)
        return self.membership.ask_again(client, was_in=frozenset())

    def exit(self, client: Client) -> None:
        """Remove a client. What was put for it is still written. Does nothing if it was removed before."""
        self._turn.remove(client)
        self.withdraw(client)

    def withdraw(self, client: Client) -> None:
        """Undo `enter`: the client is nobody, but may still be written to."""
        if self.clients.get(client.id) is not client:
            return
        del self.clients[client.id]
        if client.term is not None:
            self.terms.replace(client, None)
        self._users.leave(client.root_id, client)
        if client.session is not None:
            self.streams.leave("clients", client.id, client)
        self.membership.end(client)
        if self._attendance is not None:
            self._attendance.disconnected(client)

    def take_over(self, client_id: str) -> None:
        """Close the connection of a client of this server: its session goes on with another connection."""
        client = self.clients.get(client_id)
        if client is not None:
            self._turn.close(client, TAKEN)
            self.exit(client)

    def change(self, client: Client, root_id: str, term: Term | None = None) -> Future[None] | None:
        """Make a client another user's, until the term ends. It is asked again whether it may be in each of its channels."""
        if self.clients.get(client.id) is not client:
            return None
        self.terms.replace(client, term)
        self._turn.resolve_members()
        was_in = client.channels - client.refused
        attendance = self._attendance if client.root_id != root_id else None
        if attendance is not None:
            attendance.begin_change(client)
        self._users.leave(client.root_id, client)
        client.root_id = root_id
        self._users.join(root_id, client)
        if attendance is None:
            return self.membership.ask_again(client, was_in)
        attendance.connected(client)
        waiting = self.membership.ask_again(client, was_in)
        attendance.end_change(client, frozenset(was_in))
        return waiting

    def admit(
        self, client: Client, channel_ids: Collection[str], tokens: Mapping[str, str] | None = None
    ) -> Future[None] | None:
        """Put a client into the channels that it asks for: into all of them, or raise Refused or Limited; see `Membership`."""
        if self.clients.get(client.id) is not client:
            return None
        return self.membership.admit(client, channel_ids, tokens)

    def join(self, client_id: str, channel_id: str, *, stays: bool = False) -> None:
        """Put a client of any server into a channel, as `Membership.put` does. An unknown client is skipped."""
        client = self.clients.get(client_id)
        if client is None:
            self._send_to_server_of(client_id, "join", channel_id, _STAYS if stays else b"")
        else:
            self.membership.put(client, channel_id, stays=stays)

    def leave(self, client_id: str, channel_id: str) -> None:
        """Take a client of any server out of a channel."""
        client = self.clients.get(client_id)
        if client is None:
            self._send_to_server_of(client_id, "leave", channel_id)
        else:
            self.membership.take_out(client, channel_id)

    def change_rights(self, data: bytes) -> None:
        """Take that rights on nodes changed, and tell all other servers. Never raises."""
        self.membership.rights.hear(data)
        try:
            self._peers.publish("rights", (), (envelope.ALL,), data)
        except PublicError as error:
            self._peers.log_failure("That rights changed", error)

    def announce(self, client: Client) -> None:
        """Close other connections of this client's session, on all other servers. Raises Unreached."""
        if client.session is not None and not self.streams.is_local:
            topics = (envelope.client_topic(client.id),)
            self._peers.publish("taken", (client.id,), topics, client.session.announce())

    def sign_out(self, root_id: str, session: str | None = None) -> None:
        """Make this user's clients on this server public, or only those of one session. Nothing is sent to them."""
        if root_id == PUBLIC_ROOT:
            return
        user = self._users.find(root_id)
        clients = self.streams.listeners("users", root_id)
        for client in clients if user is None else [*user.members, *clients]:
            if session is None or (client.term is not None and client.term.session == session):
                self._sign_out(client)

    def tell_revoked(self, root_id: str, token_generation: int) -> None:
        """Tell all other servers that this user's tokens below this generation are revoked. Never raises."""
        self._peers.tell_revoked(root_id, token_generation)

    def tell_ended(self, root_id: str, session: str) -> None:
        """Tell all other servers that a session of this user has ended. Never raises."""
        self._peers.tell_ended(root_id, session)

    def notify(self, notification: Notification) -> None:
        """Send a notification to its receivers on all servers. Never raises: a failure is logged."""
        try:
            self.send(notification)
        except PublicError as error:
            self._peers.log_failure(f"A notification to {notification.kind}", error)

    def publish(self, notification: Notification) -> Future[None] | None:
        """Send a notification to its receivers on all servers.

        Return a future that is done when the broker has it or fails with Unreached, None if there is nothing to wait for. If one
        of its streams is durable, the future is done when it is written, or fails with Busy or CommitInDoubt. Raises Unreached if
        only receivers on this server were reached, Limited if it is too large.
        """
        if self._write is not None and (writing := self._write(notification)) is not None:
            return writing
        return self._peers.when_published() if self.send(notification) else None

    def receive(self, head: Head, data: bytes) -> None:
        """Handle an envelope of another server. Unknown kinds are ignored, so that servers of two versions work together."""
        match head.kind:
            case "users" | "channels" | "clients":
                self._deliver(head.kind, head.targets, data, head.overflow)
            case "join" | "leave":
                for client_id in head.targets:
                    if (client := self.clients.get(client_id)) is None:
                        continue
                    if head.kind == "join":
                        self.membership.put(client, head.channel, stays=data == _STAYS)
                    else:
                        self.membership.take_out(client, head.channel)
            case "rights":
                self.membership.rights.hear(data)
            case kind if kind in self.takers:
                self.takers[kind](head.server, data)
            case _:
                _log.debug("An envelope of the unknown kind %r was ignored", head.kind)

    def _deliver(self, kind: str, targets: tuple[str, ...], data: bytes, overflow: Overflow) -> None:
        if kind == "clients":
            found_here = map(self.clients.get, targets)
            clients = [client for client in found_here if client is not None and client.session is None]
            if self._on_delivery is not None:
                self._on_delivery(kind, len(clients))
            if len(clients) == 1 and overflow == "close":
                self._turn.put(clients[0], data)
            elif clients:
                self._turn.spread(set(clients), data, overflow, targets)
            return
        channels = self._users if kind == "users" else self._channels
        found = [channel.members for target in targets if (channel := channels.find(target)) is not None]
        if found:
            receivers = found[0] if len(found) == 1 else set().union(*found)
            if self._on_delivery is not None:
                self._on_delivery(kind, len(receivers))
            self._turn.spread(receivers, data, overflow, (kind, targets))

    def _send(self, notification: Notification) -> bool:
        """Return whether it was published to other servers. Raises Unreached, Limited."""
        kind, targets, data = notification.kind, notification.targets, notification.data
        if self.tap.notification is not None:
            self.tap.notification(notification)
        if len(data) > frame.LIMIT:
            raise Limited(f"This is too large to be sent: {frame.LIMIT} bytes at most.")
        overflow = notification.overflow or (
            self._channels.overflow_of(targets) if kind == "channels" else "close"
        )
        self._deliver(kind, targets, data, overflow)
        if self.streams.keeps:
            self.streams.append(kind, targets, data)
        if notification.kept:
            self._tell_kept(notification.kept, envelope.bare(kind, data))
        topics = [topic for target in targets for topic in self._topics(kind, target)]
        return self._peers.publish(kind, targets, topics, data, overflow=overflow)

    def _tell_kept(self, kept: tuple[Kept, ...], message: bytes) -> None:
        for topic, mark in kept:
            if mark is not None:
                self.streams.following.hear(topic, mark, mark.offset - 1, message)
        self._peers.publish_kept(kept, message)

    def _topics(self, kind: str, target: str) -> tuple[str, ...]:
        return self._channels.topics(target) if kind == "channels" else envelope.topics(kind, target)

    def _sign_out(self, client: Client) -> None:
        """The client's token has ended."""
        if client.session is None:
            self.change(client, PUBLIC_ROOT)
        else:
            if self._attendance is not None:
                self._attendance.forget(client)
            self._turn.close(client, REVOKED)
            self.exit(client)

    def _obey(self, client: Client, kind: str, channel_id: str, data: bytes) -> None:
        """Do what an entry of a client's stream says that is no notification."""
        match kind:
            case "join":
                self.membership.put(client, channel_id, stays=data == _STAYS)
            case "leave":
                self.membership.take_out(client, channel_id)
            case "taken" if client.session is not None:
                if client.session.is_taken(data):
                    self._turn.close(client, TAKEN)
                    self.exit(client)

    def _send_to_server_of(self, client_id: str, kind: str, channel_id: str, data: bytes = b"") -> None:
        server = server_of(client_id)
        if server is None or server == self._peers.server:
            return
        if server == SESSIONS and self.streams.keeps:
            self.streams.append_order(kind, client_id, channel_id, data)
            return
        try:
            topics = envelope.topics("clients", client_id)
            self._peers.publish(kind, (client_id,), topics, data, channel=channel_id)
        except PublicError as error:
            self._peers.log_failure(f"That a client is to {kind} a channel", error)
        else:
            if kind == "join" and server != SESSIONS:
                self._channels.expect(channel_id, server)

    def _channel_topic(self, channel_id: str) -> str | None:
        return None if server_of(channel_id) == self._peers.server else envelope.channel_topic(channel_id)
