"""Peers: the other servers. Publishes envelopes to them through the broker, and decodes theirs."""

from __future__ import annotations

import itertools
import logging
from asyncio import Future
from collections.abc import Callable, Iterable
from contextlib import suppress

from walkwire.broker import STREAMS, Broker, Counts
from walkwire.errors import PublicError, Unreached
from walkwire.history import Hear, Mark
from walkwire.wire.delivery.seen import Seen
from walkwire.wire.message import envelope
from walkwire.wire.message.envelope import Head
from walkwire.wire.message.notification import Kept, Overflow

COPIES = 32  # topics to which one message is published; one for more of them goes to all servers once
COPIED_BYTES = 256 * 1024  # of all copies of one message

OnRevoked = Callable[[str, int], None]
OnEnded = Callable[[str, str], None]
OnReturn = Callable[[], None]

_log = logging.getLogger(__name__)


def ignore_revoked(root_id: str, token_generation: int) -> None:
    """Do nothing."""


def ignore_ended(root_id: str, session: str) -> None:
    """Do nothing."""


def ignore_return() -> None:
    """Do nothing."""


def ignore_kept(topic: str, mark: Mark, previous: int, message: bytes) -> None:
    """Do nothing."""


class Peers:
    """Sends to and receives from the other servers. All calls come from the event loop of the sockets; none waits for the broker.

    - server: id of this server
    - untold: number of envelopes that could not be published
    """

    def __init__(self, broker: Broker, server: str) -> None:
        self.server = server
        self.untold = 0
        self._broker = broker
        self._receive: Callable[[Head, bytes], None] = lambda head, data: None
        self._on_revoked: OnRevoked = ignore_revoked
        self._on_return: OnReturn = ignore_return
        self._on_ended: OnEnded = ignore_ended
        self._on_kept: Hear = ignore_kept
        self._own_topic = envelope.server_topic(server)
        self._numbers = itertools.count(1)
        self._seen = Seen()
        self._untold_before = 0  # the broker was lost

    @property
    def away(self) -> str | None:
        """Return why other servers cannot be reached, in a sentence for the operator; None: they can be reached."""
        return self._broker.away

    @property
    def counts(self) -> Counts:
        """Return what has happened between this server and the broker."""
        return self._broker.counts

    async def start(
        self,
        receive: Callable[[Head, bytes], None],
        on_revoked: OnRevoked = ignore_revoked,
        on_return: OnReturn = ignore_return,
        on_ended: OnEnded = ignore_ended,
        on_kept: Hear = ignore_kept,
    ) -> None:
        """Connect to the broker.

        - receive: called with the head and the data of each envelope about clients
        - on_revoked: called with a root id and a token generation when another server has revoked that user's tokens below it
        - on_return: called when the broker is back; what other servers sent meanwhile is lost
        - on_ended: called with a root id and the id of a session of this user that another server has ended
        - on_kept: called with what `publish_kept` has published
        """
        self._receive, self._on_revoked, self._on_return, self._on_ended = (
            receive,
            on_revoked,
            on_return,
            on_ended,
        )
        self._on_kept = on_kept
        self._broker.subscribe((self._own_topic, envelope.REVOKED, envelope.ALL))
        await self._broker.start(self.deliver, self._returned)

    async def stop(self) -> None:
        """Disconnect from the broker."""
        await self._broker.stop()

    def when_subscribed(self) -> Future[None] | None:
        """Return a future that is done when all subscriptions are in force, None if they are."""
        return self._broker.when_subscribed()

    def when_published(self) -> Future[None] | None:
        """Return a future that is done when the broker has all that was published, None if it has. Fails with Unreached."""
        return self._broker.when_published()

    def publish(
        self,
        kind: str,
        targets: tuple[str, ...],
        topics: Iterable[str],
        data: bytes = b"",
        channel: str = "",
        overflow: Overflow = "close",
    ) -> bool:
        """Publish an envelope to each topic but this server's own, or once to all servers if that is less.

        Return whether there was any topic.
        Raises Unreached if the broker cannot be reached, Limited if the envelope is too large.
        """
        names = dict.fromkeys(topics)
        names.pop(self._own_topic, None)
        if not names:
            return False
        number, count = next(self._numbers), len(names)
        try:
            if count > 1 and (count > COPIES or count * len(data) > COPIED_BYTES):
                streams = [name for name in names if name.startswith(STREAMS)]
                heads = [
                    envelope.encode(Head(self.server, number, kind, some, channel, False, overflow))
                    for some in (targets, ())
                ]
                self._broker.publish_all(streams, envelope.ALL, heads[0], data, heads[1])
            else:
                head = Head(self.server, number, kind, targets, channel, count > 1, overflow)
                message = envelope.encode(head, data)
                for topic in names:
                    self._broker.publish(topic, message)
        except PublicError:
            self.untold += 1
            raise
        return True

    def publish_kept(self, kept: Iterable[Kept], message: bytes) -> None:
        """Publish an entry of durable streams. Never raises: who does not hear it reads it from the database."""
        for topic, mark in kept:
            if mark is not None:
                with suppress(PublicError):
                    self._broker.publish(envelope.kept_topic(topic), envelope.encode_kept(mark, message))

    def tell_revoked(self, root_id: str, token_generation: int) -> None:
        """Publish that this user's tokens below this generation are revoked. Never raises: a failure is logged. Other servers
        find it out by themselves."""
        try:
            self.publish("revoked", (root_id,), (envelope.REVOKED,), b"%d" % token_generation)
        except PublicError as error:
            self.log_failure("That a user's tokens were revoked", error)

    def tell_ended(self, root_id: str, session: str) -> None:
        """Publish that this session of a user has ended. Never raises; see `tell_revoked`."""
        try:
            self.publish("ended", (root_id,), (envelope.REVOKED,), session.encode())
        except PublicError as error:
            self.log_failure("That a session was ended", error)

    def deliver(self, topic: str, message: bytes) -> None:
        """Handle a message of the broker. Never raises."""
        try:
            if topic.startswith(envelope.KEPT):
                self._on_kept(topic[len(envelope.KEPT) :], *envelope.decode_kept(message))
                return
            head, data = envelope.decode(message)
        except ValueError as error:
            _log.warning("A message on %s was passed over: %s", topic, error)
            return
        if head.server == self.server or self._has_seen(head):
            return
        match head.kind:
            case "revoked" if data.isdigit():
                for root_id in head.targets:
                    self._on_revoked(root_id, int(data))
            case "ended":
                for root_id in head.targets:
                    self._on_ended(root_id, data.decode(errors="replace"))
            case _:
                self._receive(head, data)

    def log_failure(self, what: str, error: PublicError) -> None:
        """Log that something was not published. While the broker is away only the first failure is logged."""
        if not isinstance(error, Unreached):
            _log.error("%s was not sent: %s", what, error)
        elif self.untold - self._untold_before == 1:
            _log.error("%s reached only this server: %s", what, self.away)

    def _has_seen(self, head: Head) -> bool:
        """Return whether a copy of this envelope was received on another topic. The first copy serves all targets."""
        if not head.has_copies:
            return False
        return self._seen.add(head.server, head.number)

    def _returned(self) -> None:
        if self.untold > self._untold_before:
            _log.error(
                "%d notifications reached only this server meanwhile", self.untold - self._untold_before
            )
        self._untold_before = self.untold
        self._on_return()
