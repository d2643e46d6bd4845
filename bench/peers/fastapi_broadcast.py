"""FastAPI on uvicorn: the broadcast loop of FastAPI's page on WebSockets, a list of sockets and an `await` for each."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from bench.peers.words import WELCOME

api = FastAPI()
present: list[WebSocket] = []


@api.websocket("/")
async def talk(socket: WebSocket) -> None:
    """Greet, then hear."""
    await socket.accept()
    present.append(socket)
    await socket.send_text(WELCOME)
    try:
        while True:
            said = await socket.receive_text()
            if said[0] == "e":
                await socket.send_text(said)
            else:
                await broadcast(said)
    except WebSocketDisconnect:
        present.remove(socket)


async def broadcast(said: str) -> None:
    """To all, one after the other."""
    for socket in present:
        await socket.send_text(said)


if __name__ == "__main__":
    uvicorn.run(
        api,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="critical",
        access_log=False,
    )
