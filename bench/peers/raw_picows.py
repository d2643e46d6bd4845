"""picows: WebSocket frames in Cython on uvloop, and one write for each recipient."""

from __future__ import annotations

import asyncio
import sys

import picows
import uvloop

from bench.peers.words import WELCOME

present: set[picows.WSTransport] = set()


class Talk(picows.WSListener):
    """One socket."""

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        present.add(transport)
        transport.send(picows.WSMsgType.TEXT, WELCOME.encode())

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        present.discard(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        said = frame.get_payload_as_bytes()
        if said[:1] == b"e":
            transport.send(picows.WSMsgType.TEXT, said)
        elif said[:1] == b"b":
            for one in present:
                one.send(picows.WSMsgType.TEXT, said)


async def serve(port: int) -> None:
    """Until killed."""
    server = await picows.ws_create_server(lambda _: Talk(), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    loop.run_until_complete(serve(int(sys.argv[1])))
