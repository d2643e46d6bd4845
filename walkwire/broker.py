"""Broker: carries messages between servers. Kinds live in `brokers/`, chosen by the scheme of a URL.

A topic stands for a user, a channel or a server. Its name has letters, digits and `.:_-` only (`wire/message/envelope`).

Guarantees:

- A message is delivered at most once to each server.
- Messages of one publisher on one topic are delivered in the order in which they were published.
- A message reaches every server whose subscription was in force (`when_subscribed`) before it was published, and no other server.
  The publisher's own server may receive it too; the hub drops that echo.
- Nothing is stored for those who subscribe. A server that subscribes later, or that is disconnected for a while, never gets the
  message.
- What is published to a topic that a `history` has open is an entry of that history too, in the order in which it was published.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

Deliver = Callable[[str, bytes], None]
Returned = Callable[[], None]


STREAMS = ("u.", "c.", "h.", "k.")
"""How the names of topics begin that a history may have open (`wire/message/envelope`)."""


@dataclass(slots=True)
class Counts:
    """Counters since the broker was made.

    - `published`: messages accepted by `publish`.
    - `received`: messages passed to `deliver`.
    - `lost`: messages refused by `publish`, or in flight when the connection broke.
    - `returns`: how often the connection was restored.
    - `faults`: unexpected exceptions in receivers and deliveries.
    """

    published: int = 0
    received: int = 0
    lost: int = 0
    returns: int = 0
    faults: int = 0


class Broker(Protocol):
    """Publish and subscribe between servers. All calls come from the event loop of the sockets; none waits for the network."""

    counts: Counts

    @property
    def away(self) -> str | None:
        """Return why other servers cannot be reached, as a sentence for the operator; None if they can be reached.

        A failure is noticed within 5 seconds, even if the broker service hangs or stays silent.
        """

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        """Connect, and call `deliver(topic, message)` on the loop for each message that arrives.

        Returns without an error if the broker service is unreachable. The broker then retries. Once connected, it subscribes all
        topics again and calls `returned`.
        """

    async def stop(self) -> None:
        """Send what is queued and disconnect. `deliver` is not called afterwards."""

    def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe to these topics. Calls take effect in their order; a topic that is subscribed already stays so."""

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Unsubscribe from these topics. Topics that are not subscribed are ignored."""

    def when_subscribed(self) -> Future[None] | None:
        """Return a future that resolves once all subscriptions so far are in force.

        Returns None if they are in force already, or if the broker service is unreachable. None is the usual result: a connection
        that brings no new topic does not cost a task.
        """

    def publish(self, topic: str, message: bytes) -> None:
        """Send `message` to every server that subscribes to `topic`.

        Raises Unreached if the broker service is unreachable or too slow, Limited if the message is too large for it.
        """

    def publish_all(
        self, topics: Collection[str], all_topic: str, head: bytes, data: bytes, kept_head: bytes
    ) -> None:
        """Send one message to so many topics that all servers get it once instead.

        - topics: where the entry `kept_head + data` is appended if a history has them open
        - all_topic: where `head + data` is published, for the subscribers of all of them

        Raises as `publish`.
        """

    def when_published(self) -> Future[None] | None:
        """Return a future that resolves once the broker service has all messages published so far; None if it has them already.

        The future fails with Unreached if the connection breaks first.
        """


class BrokerKind(Protocol):
    """A kind of broker. No answer here needs the kind's driver, except `make`."""

    @property
    def schemes(self) -> tuple[str, ...]:
        """Return the URL schemes that choose this kind."""

    @property
    def example(self) -> str:
        """Return a URL of this kind, for error sentences."""

    @property
    def is_multi_server(self) -> bool:
        """Return whether it carries messages between servers and worker processes."""

    def make(self, url: str) -> Broker:
        """Return a broker for `url`, not started yet. Raises StartError, or ModuleNotFoundError without the driver."""

    async def version(self, url: str) -> str:
        """Connect once, and return the name and version of the broker service. Raises StartError, with a reason and no secret."""

    def shown(self, url: str) -> str:
        """Return the URL without its passwords, for logs and the terminal."""
