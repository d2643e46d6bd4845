"""The tap: what passes is seen while somebody looks."""

from __future__ import annotations

from walkwire.testing import serve
from walkwire.wire.tap import Looker


async def test_events_notifications_and_refusals_pass_the_tap_in_order() -> None:
    import tests.server.console.town as town

    seen: list[str] = []
    async with serve(town) as served, served.public().socket("den") as socket:
        await socket.receive()
        tap = served.app.door.hub.tap
        looker = Looker(
            lambda client, event, size: seen.append(f"{type(event).__name__} {size}"),
            lambda notification: seen.append(f"{notification.kind} {notification.targets}"),
            lambda client, event, error: seen.append(error.code),
        )
        tap.add(looker)
        await socket.send({"type": "channel", "channel_ids": ["den"], "data": {}})
        await socket.receive()
        await socket.send({"type": "x"})
        await socket.receive()
        tap.remove(looker)
        await socket.send({"type": "channel", "channel_ids": ["den"], "data": {}})
        await socket.receive()

    assert [one.split(" ")[0] for one in seen] == ["ChannelEvent", "channels", "Unreadable", "bad_event"]
