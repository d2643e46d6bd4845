"""Peer: the servers that are measured, how each is started, and what a client has to say to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

from bench.load.socket import CHANNEL
from bench.peers import words
from bench.process import ROOT, python
from walkwire.load.address import Address


@dataclass(frozen=True)
class Peer:
    """A server. `needs` are modules of Python, or `npm:NAME`, without which it is left out.

    `ways` is how it is spoken to (`walkwire.load.address`), where that is not as walkwire is; `echo` is answered with something
    that holds `echoed`; `pings` as for `bench.load.arrive`. `root` is the checkout whose modules it imports.
    """

    name: str
    command: Sequence[str]
    ways: Mapping[str, Any] = field(default_factory=dict)
    echo: str = words.ECHO
    echoed: str = "exxx"
    needs: Sequence[str] = ()
    pings: Sequence[str] = ("", "")
    root: Path = ROOT

    def on(self, database: str) -> Peer:
        """The same server on this database: `{database}` in its command."""
        return replace(self, command=[part.replace("{database}", database) for part in self.command])

    def address(self, port: int) -> dict[str, Any]:
        """How the load client gets in."""
        return asdict(self._address(port))

    def broadcast(self, channel: str = CHANNEL) -> str:
        """What is said so that all in the channel hear a message of `words.SIZE` bytes."""
        address = self._address(0)
        around = len(address.before + address.after) if address.heard else 0
        return address.tell(channel, json.dumps(_data(words.SIZE - around), separators=(",", ":"))).decode()

    def missing(self) -> str | None:
        """What it needs and is not here; None where all is."""
        for name in self.needs:
            kind, _, package = name.rpartition(":")
            is_here = _has_npm(package) if kind == "npm" else find_spec(name) is not None
            if not is_here:
                return name
        return None

    def _address(self, port: int) -> Address:
        return Address("127.0.0.1", port, **self.ways)


def walker_event(walker: str, *, node: str | None = None, **extra: Any) -> str:
    """A walker event; `context` and whatever else is in `extra`."""
    event = {"type": "walker", "walker": walker, **extra}
    return json.dumps(event if node is None else event | {"node": node}, separators=(",", ":"))


def _data(size: int) -> dict[str, str]:
    return {"text": "x" * (size - len('{"text":""}'))}


def _has_npm(package: str) -> bool:
    return which("node") is not None and (ROOT / "bench" / "node_modules" / package).is_dir()


TELL = walker_event("tell", context=_data(words.SIZE))

_TO_ALL = {"path": "/", "before": "b", "after": "", "heard": "b"}  # `bench/peers/words.py`

_SERVE = (
    str(Path(sys.executable).parent / "walkwire"),
    "serve",
    str(ROOT / "bench" / "walkers.py"),
    "--port",
    "{port}",
    "--database",
)

WALKWIRE = Peer(
    "walkwire",
    (*_SERVE, "sqlite:///{folder}/walkwire.db"),
    echo='{"type":"connection"}',
    echoed='"client_id"',
)
WALKWIRE_2 = replace(
    WALKWIRE,
    name="walkwire, version 2",
    ways={
        "path": "/websocket",
        "protocol": "walkwire.v2",
        "says": ('{"type":"connect","id":0,"channels":[{"channel_id":"{channel}"}]}',),
    },
)
WALKWIRE_POSTGRES = replace(WALKWIRE, command=(*_SERVE, "{database}"), needs=("psycopg",))
UWS = Peer("uWebSockets", python("bench.peers.uws", "{port}"), _TO_ALL, needs=("socketify",))
UWS_RUN = Peer(
    "uWebSockets, `App.run`", python("bench.peers.uws", "{port}", "run"), _TO_ALL, needs=("socketify",)
)
PICOWS = Peer("picows", python("bench.peers.raw_picows", "{port}"), _TO_ALL, needs=("picows",))
WS = Peer("npm ws", ("node", str(ROOT / "bench" / "peers" / "ws.mjs"), "{port}"), _TO_ALL, needs=("npm:ws",))
FASTAPI = Peer("FastAPI broadcast", python("bench.peers.fastapi_broadcast", "{port}"), _TO_ALL)
SOCKETIO = Peer(
    "python-socketio",
    python("bench.peers.socket_io", "{port}"),
    {
        "path": "/socket.io/?EIO=4&transport=websocket",
        "says": ("40",),
        "greeted": 3,
        "before": '42["b",',
        "after": "]",
        "heard": '42["b",',
    },
    pings=("2", "3"),
    echo='42["e","' + "x" * (words.SIZE - 10) + '"]',
    echoed='"e","xxx',
    needs=("socketio",),
)
SOCKETIO_RECOVERY = Peer(
    "Socket.IO, recovery",
    ("node", str(ROOT / "bench" / "peers" / "socket_io.mjs"), "{port}"),
    dict(SOCKETIO.ways) | {"greeted": 2},
    pings=("2", "3"),
    needs=("npm:socket.io",),
)
FASTAPI_POST = Peer("FastAPI", python("bench.peers.fastapi_post", "{port}", "{folder}"))
FASTAPI_POSTGRES = Peer(
    "FastAPI, psycopg", python("bench.peers.fastapi_postgres", "{port}", "{database}"), needs=("psycopg",)
)

SOCKET_PEERS = (WALKWIRE, UWS, UWS_RUN, PICOWS, WS, FASTAPI, SOCKETIO)
