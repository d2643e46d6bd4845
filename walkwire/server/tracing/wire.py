"""Wire: spans of notifications, of walks, clients and services: notify → deliver, the last one on each server that gets it.

A notification's span goes to other servers in the first line of its envelope, behind the fields that these read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from time import time_ns
from typing import Any, cast

from opentelemetry.trace import SpanContext, SpanKind

from walkwire.broker import Broker, Deliver, Returned
from walkwire.history import Hear, History, Mark
from walkwire.server.notifier import Notifier
from walkwire.server.tracing.spans import Spans, below, named_in, parent_of_event, with_name
from walkwire.server.tracing.walks import WalkSpans
from walkwire.walk.audience import Addressees
from walkwire.walk.run.threads import Mailbox
from walkwire.wire.delivery.client import Client
from walkwire.wire.hub import Hub
from walkwire.wire.message.event import ChannelEvent, ClientEvent, Event, UserEvent
from walkwire.wire.message.notification import Notification
from walkwire.wire.tap import Looker

Send = Callable[[Notification], bool]

KINDS = ("users", "channels", "clients")


@dataclass(slots=True)
class _Heard:
    """A notification that is being delivered here. `connections`: to how many; None: to nobody so far."""

    notify: SpanContext
    at: int
    connections: int | None = None


_told: ContextVar[SpanContext | None] = ContextVar("_told", default=None)  # of the notification being sent
_heard: ContextVar[_Heard | None] = ContextVar("_heard", default=None)
_sender: ContextVar[dict[str, str] | None] = ContextVar("_sender", default=None)  # of the event under way


class WireSpans:
    """Makes the spans of notifications. All but the notifier is called on the event loop of the sockets."""

    def __init__(self, spans: Spans, walks: WalkSpans) -> None:
        self._spans = spans
        self._walks = walks

    def broker(self, broker: Broker) -> Broker:
        """Return the broker, which hands on the span of a notification."""
        return cast(Broker, _TracedBroker(broker, self))

    def history(self, history: History) -> History:
        """Return the history, whose entries are delivered below the spans that they name."""
        return cast(History, _TracedHistory(history, self))

    def notifier(self, mailbox: Mailbox, hub: Hub) -> Notifier:
        """Return a notifier with spans for what walks send."""
        return _TracedNotifier(mailbox, hub, self)

    def look_at(self, hub: Hub) -> None:
        """Make spans of what clients and services send by this hub."""
        hub.tap.add(Looker(event=_note_sender))
        hub.send = partial(self._around, hub.send)

    def delivered(self, kind: str, connections: int) -> None:
        """Note to how many connections of this server a notification was put."""
        if (heard := _heard.get()) is not None:
            heard.connections = connections + (heard.connections or 0)

    def told(self, addressees: Addressees, size: int) -> SpanContext:
        """Make the span of a notification of a walk. Called in the thread of the walk."""
        parent = self._walks.under_way(addressees.record)
        return self._notify(addressees.kind, len(addressees.targets), size, parent, {})

    @contextmanager
    def sending(self, notify: SpanContext) -> Iterator[None]:
        """Send a notification in the block: below this span, here and on other servers."""
        token = _told.set(notify)
        try:
            with self.hearing(notify):
                yield
        finally:
            _told.reset(token)

    @contextmanager
    def hearing(self, notify: SpanContext | None) -> Iterator[None]:
        """Deliver a notification in the block. There is a span of it if anybody here receives it. None: it comes without one."""
        if notify is None:
            yield
            return
        heard = _Heard(notify, time_ns())
        token = _heard.set(heard)
        try:
            yield
        finally:
            _heard.reset(token)
            if heard.connections is not None:
                attributes = {"walkwire.connections": heard.connections}
                self._spans.begin("deliver", SpanKind.CONSUMER, below(notify), attributes, heard.at).end()

    def _around(self, send: Send, notification: Notification) -> bool:
        if _told.get() is not None:
            return send(notification)
        kind, count, size = notification.kind, len(notification.targets), len(notification.data)
        with self.sending(self._notify(kind, count, size, parent_of_event(), _sender.get() or {})):
            return send(notification)

    def _notify(self, kind: str, targets: int, size: int, parent: Any, sender: dict[str, str]) -> SpanContext:
        attributes = {"walkwire.targets": targets, "messaging.message.body.size": size, **sender}
        span = self._spans.begin(f"notify {kind}", SpanKind.PRODUCER, parent, attributes)
        span.end()
        return span.get_span_context()


def _note_sender(client: Client, event: Event, size: int) -> None:
    """Note whose event is handled now."""
    is_sent = isinstance(event, UserEvent | ChannelEvent | ClientEvent)
    _sender.set({"walkwire.client": client.id, "walkwire.root": client.root_id} if is_sent else None)


class _TracedNotifier(Notifier):
    def __init__(self, mailbox: Mailbox, hub: Hub, spans: WireSpans) -> None:
        super().__init__(mailbox, hub)
        self._spans = spans

    def __call__(self, addressees: Addressees, data: bytes) -> None:
        """Send, in a span of the walk or of its commit."""
        if addressees.kind not in KINDS:
            super().__call__(addressees, data)
            return
        notify = self._spans.told(addressees, len(data))
        self._mailbox.post(self._send_traced, notify, addressees, data)

    def _send_traced(self, notify: SpanContext, addressees: Addressees, data: bytes) -> None:
        with self._spans.sending(notify):
            self._send(addressees, data)


class _TracedBroker:
    def __init__(self, broker: Broker, spans: WireSpans) -> None:
        self._broker = broker
        self._spans = spans

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        """Connect, as `Broker.start`. A notification that comes with a span is delivered in a span below it."""

        def deliver_traced(topic: str, message: bytes) -> None:
            with self._spans.hearing(named_in(message)):
                deliver(topic, message)

        await self._broker.start(deliver_traced, returned)

    def publish(self, topic: str, message: bytes) -> None:
        """Publish, with the span of the notification."""
        told = _told.get()
        self._broker.publish(topic, message if told is None else with_name(message, told))

    def publish_all(
        self, topics: Collection[str], all_topic: str, head: bytes, data: bytes, kept_head: bytes
    ) -> None:
        """Publish, with the span of the notification in both heads."""
        if (told := _told.get()) is not None:
            head, kept_head = with_name(head, told), with_name(kept_head, told)
        self._broker.publish_all(topics, all_topic, head, data, kept_head)


class _TracedHistory:
    def __init__(self, history: History, spans: WireSpans) -> None:
        self._history = history
        self._spans = spans

    def __getattr__(self, name: str) -> Any:
        return getattr(self._history, name)

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Begin, as `History.start`. An entry that comes with a span is delivered in a span below it."""

        def hear_traced(topic: str, mark: Mark, previous: int, message: bytes) -> None:
            with self._spans.hearing(named_in(message)):
                hear(topic, mark, previous, message)

        await self._history.start(hear_traced, lost)
