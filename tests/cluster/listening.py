"""Clients of version 2 for the tests of servers: what they hear of one channel, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.serving import PATIENCE


class Listening:
    """A client in one channel. It keeps its position, and hears on from there after each `connect`.

    - heard: the numbers in the order of their arrival
    - places: the positions at which they came
    - recoveries: what each reply to `connect` said of the channel
    - resyncs: the frames by which the server said that something was lost
    """

    def __init__(self, channel_id: str = "room:1", **wishes: Any) -> None:
        self.heard: list[int] = []
        self.places: list[str] = []
        self.recoveries: list[Any] = []
        self.resyncs: list[Any] = []
        self._wish = {"channel_id": channel_id, **wishes}
        self._at: str | None = None
        self._session: str | None = None
        self._wire: ClientConnection
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def connect(self, socket_url: str) -> Any:
        """Connect to a server, after the connection before, if there was one, has ended. Return what is said of the channel."""
        await self.drop()
        wish = self._wish if self._at is None else {**self._wish, "at": self._at}
        event = {"type": "connect", "id": 1, "session": self._session, "channels": [wish]}
        async with asyncio.timeout(PATIENCE):
            while not (reply := await self._ask(socket_url, event))["ok"]:
                assert reply["error"]["code"] == "busy", reply  # a server that has just begun
                await self._wire.close()
        self._session = reply["data"]["session"]
        said = reply["data"]["streams"]["channels"][self._wish["channel_id"]]
        self._at = said["at"]
        self.recoveries.append(said)
        self._task = asyncio.create_task(self._listen(self._wire))
        return said

    async def _ask(self, socket_url: str, event: dict[str, Any]) -> Any:
        self._wire = await connect(
            socket_url,
            subprotocols=[Subprotocol("walkwire.v2")],
            compression=None,
            proxy=None,
            open_timeout=PATIENCE,
        )
        await self._wire.send(json.dumps(event))
        return json.loads(await self._wire.recv())

    async def drop(self) -> None:
        """End the connection, after what has arrived was read."""
        if self._task is not None:
            with suppress(ConnectionClosed):
                await self._wire.close()
            await self._task
            self._task = None

    async def until(self, is_so: Any, seconds: float = PATIENCE) -> None:
        """Wait until `is_so(heard)`."""
        async with asyncio.timeout(seconds):
            while not is_so(self.heard):
                self._news.clear()
                await self._news.wait()

    async def _listen(self, wire: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in wire:
                frame = json.loads(message)
                if frame["type"] == "channel":
                    self.heard.append(frame["data"]["number"])
                    self.places.append(frame["at"])
                    self._at = frame["at"]
                elif frame["type"] == "resync":
                    self.resyncs.append(frame)
                    self._at = frame["at"]
                self._news.set()
