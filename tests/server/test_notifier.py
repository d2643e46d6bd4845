"""The notifier: notifications of walks reach the hub on its event loop, in the order in which they were sent."""

from __future__ import annotations

import asyncio
from typing import Any

from walkwire.server.notifier import Notifier
from walkwire.walk.audience import Addressees
from walkwire.walk.run.threads import Mailbox
from walkwire.wire.message.notification import Notification


class RecordingHub:
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def notify(self, notification: Notification) -> None:
        self.calls.append(notification)

    def join(self, client_id: str, channel_id: str, *, stays: bool) -> None:
        self.calls.append(("join", client_id, channel_id, stays))

    def change_rights(self, data: bytes) -> None:
        self.calls.append(("rights", data))

    def leave(self, client_id: str, *channel_ids: str) -> None:
        self.calls.append(("leave", client_id, channel_ids))


async def test_what_a_thread_sends_reaches_the_hub_in_order() -> None:
    hub: Any = RecordingHub()
    notify = Notifier(Mailbox(asyncio.get_running_loop()), hub)

    def walk() -> None:
        notify(Addressees("rights", ()), b"[]")
        notify(Addressees("join", ("c", "a")), b"null")
        notify(Addressees("join", ("c", "b")), b"true")
        notify(Addressees("channels", ("a",), "latest"), b"1")
        notify(Addressees("leave", ("c", "a")), b"null")

    await asyncio.to_thread(walk)

    assert hub.calls == [
        ("rights", b"[]"),
        ("join", "c", "a", False),
        ("join", "c", "b", True),
        Notification("channels", ("a",), b"1", "latest"),
        ("leave", "c", ("a",)),
    ]
