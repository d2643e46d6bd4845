"""Notifier: brings the notifications of walks to the hub, in the order of the commits."""

from __future__ import annotations

from walkwire.server.streams.durable import kept_of
from walkwire.walk.audience import Addressees
from walkwire.walk.run.threads import Mailbox
from walkwire.wire.hub import Hub
from walkwire.wire.message.notification import Notification


class Notifier:
    """Sends notifications, and lets clients join and leave channels. May be called in any thread.

    The mailbox keeps the order of the calls, and so the order of the commits.
    """

    def __init__(self, mailbox: Mailbox, hub: Hub) -> None:
        self._mailbox = mailbox
        self._hub = hub

    def __call__(self, addressees: Addressees, data: bytes) -> None:
        """Send `data`, which is JSON, to the addressees."""
        self._mailbox.post(self._send, addressees, data)

    def _send(self, addressees: Addressees, data: bytes) -> None:
        match addressees.kind:
            case "users" | "channels" | "clients":
                kept = kept_of(addressees.entries) if addressees.entries else ()
                self._hub.notify(
                    Notification(addressees.kind, addressees.targets, data, addressees.keep, kept)
                )
            case "join":
                self._hub.join(*addressees.targets, stays=data == b"true")
            case "leave":
                self._hub.leave(*addressees.targets)
            case "rights":
                self._hub.change_rights(data)
