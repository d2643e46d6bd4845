"""`python -m bench.memory`: what an idle connection keeps, object by object, and what the whole process grows by."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvloop

from walkwire.brokers import open_broker
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.socket.gateway import gateway
from walkwire.server.socket.stream import SocketStream
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.wire import Wire

COUNT = 5000
EARLY = 500  # connections before the measurement: tables that grow in steps have grown
SETTLING = 1.0

_CLIENTS = """
import socket, sys
port, count = map(int, sys.argv[1:])
head = (b"GET /websocket?channel_id=room HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
    b"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n")
kept = []
for _ in range(count):
    each = socket.create_connection(("127.0.0.1", port))
    each.sendall(head)
    heard = b""
    while b'"connection"' not in heard:
        heard += each.recv(1000)
    kept.append(each)
print("ready", flush=True)
sys.stdin.read()
"""


async def main() -> None:
    """Connect, measure, print a table."""
    wire = Wire(open_broker())
    await wire.start()
    state = SimpleNamespace(connections=set())
    made = gateway(wire.door(_dispatch, _authenticate, lambda origin, host: True))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: made(server_state=state), "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    early = await _clients(port, EARLY)
    before = _memory()
    late = await _clients(port, COUNT)
    grown = (_memory() - before) / COUNT
    stream = next(each for each in state.connections if isinstance(each, SocketStream))
    print(f"{grown:,.0f} bytes a connection in all, of {COUNT:,}\n")
    known = 0
    for name, size in _kept(stream, wire):
        known += size
        print(f"| {name} | {size:,} |")
    print(
        f"| the rest: libuv's handle, what the allocator rounds up, the tables' spare room | {grown - known:,.0f} |"
    )
    for process in (early, late):
        process.kill()
        process.wait()


def _kept(stream: SocketStream, wire: Wire) -> Iterator[tuple[str, int]]:
    connection: Any = stream._connection
    hub = wire.hub
    client = connection.client
    user: Any = hub._users.find(PUBLIC_ROOT)
    size = sys.getsizeof
    yield "uvloop's transport", size(stream._transport)
    yield "`server/socket/stream`: SocketStream", size(stream)
    yield "`wire/connection`: Connection", size(connection)
    yield "`wire/delivery/client`: Client", size(client)
    yield "its id", size(client.id)
    yield "the name of its channel", size(client.channel_id)
    yield "the set of its channels", size(client.channels)
    yield "`wire/delivery/channel`: its own Channel", size(hub._channels.find(client.channel_id))
    yield "its way to write: a bound method", size(client.write)
    yield "its place in the hub's table of clients", size(hub.clients) // len(hub.clients)
    yield (
        "its places in the sets of its user and of its channel",
        2 * size(user.members) // len(hub.clients),
    )
    streams = len(wire.heartbeat)
    wheel = sum(size(slot) for slot in wire.heartbeat._wheel) // streams
    yield "its place on the heartbeat's wheel", wheel
    yield "its place among the server's connections", size(stream._streams) // streams


async def _clients(port: int, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: ASYNC220  # nothing else goes on here
        [sys.executable, "-c", _CLIENTS, str(port), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    await asyncio.sleep(SETTLING)
    return process


def _memory() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) * 1024


async def _dispatch(call: Call) -> bytes:
    return b"{}"


async def _authenticate(token: str | None) -> SignIn:
    return NOBODY


if __name__ == "__main__":
    uvloop.run(main())
