"""python-socketio on uvicorn: a room, and `emit` to it."""

from __future__ import annotations

import sys
from typing import Any

import socketio  # type: ignore[import-untyped]
import uvicorn

from bench.peers.words import WELCOME

server = socketio.AsyncServer(async_mode="asgi")


@server.event  # type: ignore[untyped-decorator]
async def connect(sid: str, _: dict[str, Any]) -> None:
    """A socket is open."""
    await server.enter_room(sid, "room")
    await server.emit("w", WELCOME, to=sid)


@server.on("b")  # type: ignore[untyped-decorator]
async def broadcast(_: str, said: str) -> None:
    """To all."""
    await server.emit("b", said, to="room")


@server.on("e")  # type: ignore[untyped-decorator]
async def echo(sid: str, said: str) -> None:
    """Back."""
    await server.emit("e", said, to=sid)


if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(server),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="critical",
        access_log=False,
    )
