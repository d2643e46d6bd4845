"""Broker: how servers hear each other. Kinds live in `brokers/`, chosen by URL.

A topic is a user, a channel, or a server (`wire/message/envelope` names them: letters, digits and `.:_-` only).

Guarantees: at most once; in order per publisher and topic; a message reaches every server whose subscription of its topic had
settled before it was published, the publisher's own included or not (the hub drops its own echo), and no other server. Nothing
is kept for those who come later, nor for those whom the broker cannot reach for a while.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

Deliver = Callable[[str, bytes], None]
Returned = Callable[[], None]


@dataclass(slots=True)
class Counts:
    """What has happened so far. `lost`: messages refused or on their way when the broker went; `faults`: listeners and
    deliveries that raised what they should not; `returns`: how often the broker came back."""

    published: int = 0
    received: int = 0
    lost: int = 0
    returns: int = 0
    faults: int = 0


class Broker(Protocol):
    """All calls come from the event loop of the sockets. No call waits for the network."""

    counts: Counts

    @property
    def away(self) -> str | None:
        """Why other servers cannot be reached, in a sentence for the operator; None: they can. True to within 5 seconds, also
        where the other side hangs or says nothing."""

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        """Connect, and from now on call `deliver(topic, message)` on the loop for what arrives. Returns at once when the other
        side is away: the broker keeps trying, subscribes all topics again when it is back, and then calls `returned`."""

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
        """Send `message` to every server that subscribes `topic`. Raises Unreached where the other side is away or does not
        keep up, Limited where the message is larger than it takes."""

    def taken(self) -> Future[None] | None:
        """None where the broker has all that was published so far; else what is done then, or fails with Unreached."""
