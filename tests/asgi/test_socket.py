"""A WebSocket of an ASGI server that does not take what it is sent, and one that says nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.serving import PROGRAMS
from walkwire.asgi.socket import FULL, serve_socket
from walkwire.testing import Served, serve
from walkwire.wire.message.close import GOING as _GOING
from walkwire.wire.message.notification import Notification


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(PROGRAMS / "counting.py") as app:
        yield app


class Peer:
    """The ASGI server's side. `may_send`: whether it takes what it is given."""

    def __init__(self, app: Served, query: str = "channel_id=den") -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.incoming: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.news = asyncio.Event()
        self.incoming.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "headers": [(b"host", b"localhost")],
            "query_string": query.encode(),
            "client": ("127.0.0.1", 1),
        }
        parts = app.app.door, app.app.upgrades, scope
        self.running = asyncio.create_task(serve_socket(*parts, self.incoming.get, self._send))

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self.may_send.wait()
        self.sent.append(message)
        self.news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.sent) < count:
                self.news.clear()
                await self.news.wait()


async def test_one_that_does_not_take_what_it_is_sent_lags_and_catches_up(app: Served) -> None:
    peer = Peer(app)
    await peer.until(2)  # accepted, and greeted
    (client,) = app.app.door.hub.everybody()
    peer.may_send.clear()
    big = json.dumps({"text": "x" * FULL}).encode()
    for _ in range(2):
        app.app.door.hub.notify(Notification("channels", ("den",), big))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert client.transport.unsent() > FULL
    peer.may_send.set()
    await peer.until(4)
    assert [len(one["text"]) for one in peer.sent[2:]] == [len(big)] * 2
    assert client.transport.unsent() == 0
    peer.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await peer.running
    assert app.app.door.hub.everybody() == ()


async def test_what_the_server_closes_is_closed_after_what_was_sent(app: Served) -> None:
    peer = Peer(app)
    await peer.until(2)
    app.app.door.hub.notify(Notification("channels", ("den",), b'{"n":1}'))
    await app.app.door.connections.close_all(_GOING, 0)
    await peer.running
    assert peer.sent[-2] == {"type": "websocket.send", "text": '{"n":1}'}
    assert (peer.sent[-1]["type"], peer.sent[-1]["code"]) == ("websocket.close", _GOING.code)


async def test_bytes_are_a_message_too_and_what_is_left_unread_ends(app: Served) -> None:
    peer = Peer(app)
    await peer.until(2)
    peer.incoming.put_nowait(
        {"type": "websocket.receive", "bytes": b'{"type":"leave","channel_ids":["den"],"id":7}'}
    )
    await peer.until(3)
    assert json.loads(peer.sent[2]["text"])["id"] == 7
    peer.running.cancel()
    await asyncio.gather(peer.running, return_exceptions=True)
    assert app.app.door.hub.everybody() == ()
