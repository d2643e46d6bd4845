"""uWebSockets (C++) by way of PyPI's `socketify`: its own topics, which is its fastest way to many.

libuv's own loop runs it. With `run` it is `App.run`, as socketify's documentation has it: a loop that asks asyncio and libuv in
turn without end while there is something to do, and is charged to the server.
"""

from __future__ import annotations

import sys
from typing import Any

from socketify import App, AppListenOptions, OpCode  # type: ignore[import-untyped]

from bench.peers.words import WELCOME


def greet(socket: Any) -> None:
    """A socket is open."""
    socket.subscribe("room")
    socket.send(WELCOME, OpCode.TEXT)


def hear(socket: Any, said: Any, _: OpCode) -> None:
    """A message."""
    if said[0] == "e":
        socket.send(said, OpCode.TEXT)
    else:
        socket.publish("room", said, OpCode.TEXT)


def serve(port: int, how: str = "") -> None:
    """Until killed."""
    app = App()
    behaviour = {"open": greet, "message": hear, "max_payload_length": 1024 * 1024, "idle_timeout": 120}
    behaviour["max_backpressure"] = 1024 * 1024  # walkwire's bound
    behaviour["close_on_backpressure_limit"] = True
    app.ws("/", behaviour)
    app.listen(AppListenOptions(port=port, host="127.0.0.1"), lambda _: None)
    if how == "run":
        app.run()
    else:
        app.loop.uv_loop.run()


if __name__ == "__main__":
    serve(int(sys.argv[1]), *sys.argv[2:])
