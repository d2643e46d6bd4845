"""Broker: how servers hear each other. Kinds live in `brokers/`, chosen by URL.

A topic is a user, a channel, or a server (`wire/letter` names them: letters, digits and `.:_-` only). Guarantees: at most once;
in order per publisher and topic; a message reaches every server that had subscribed its topic before it was published, the
publisher's own included or not (the hub drops its own echo). Nothing is kept for those who come later.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterable
from typing import Protocol

Deliver = Callable[[str, bytes], None]


class Broker(Protocol):
    """All calls come from the event loop of the sockets. No call waits for the network."""

    async def start(self, deliver: Deliver) -> None:
        """Connect, and from now on call `deliver(topic, message)` on the loop for what arrives. Returns at once when the other
        side is away: the broker keeps trying, and subscribes all topics again when it is back."""

    async def stop(self) -> None:
        """Send what is queued and let go. `deliver` is not called afterwards."""

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for these topics from now on; takes effect in the order of the calls."""

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Give these topics back."""

    def settled(self) -> Future[None] | None:
        """None where all subscriptions asked for so far are in force, or the other side is away; else what is done then.

        A connection that brings no new topic must not cost a task, so there is nothing to await in the usual case."""

    def publish(self, topic: str, message: bytes) -> None:
        """Send `message` to every server that subscribes `topic`."""
