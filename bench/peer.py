"""Peer: the servers that are measured, how each is started, and what a client has to say to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

from bench.load.socket import Door
from bench.peers import words
from bench.process import ROOT, python

CHANNEL = "room"

_TEXT = "x" * (words.SIZE - len('{"text":""}'))
_DATA = {"text": _TEXT}


@dataclass(frozen=True)
class Peer:
    """A server. `needs` are modules of Python, or `npm:NAME`, without which it is left out.

    `broadcast` and `big` (half a megabyte) are said to all; `echo` is answered with something that holds `echoed`.
    """

    name: str
    command: Sequence[str]
    path: str = "/"
    says: Sequence[str] = ()
    greeted: int = 1
    pings: Sequence[str] = ("", "")
    broadcast: str = words.BROADCAST
    big: str = "b" + "x" * 500_000
    echo: str = words.ECHO
    echoed: str = "xxx"
    needs: Sequence[str] = ()

    def door(self, port: int) -> dict[str, Any]:
        """How the load client gets in."""
        return asdict(Door(port, self.path, self.says, self.greeted, self.pings))

    def missing(self) -> str | None:
        """What it needs and is not here; None where all is."""
        for name in self.needs:
            kind, _, package = name.rpartition(":")
            is_here = _has_npm(package) if kind == "npm" else find_spec(name) is not None
            if not is_here:
                return name
        return None


def walker_event(walker: str, *, node: str | None = None, **extra: Any) -> str:
    """A walker event; `context` and whatever else is in `extra`."""
    event = {"type": "walker", "walker": walker, **extra}
    return _compact(event if node is None else event | {"node": node})


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _channel_event(data: Any) -> str:
    return _compact({"type": "channel", "channel_ids": [CHANNEL], "data": data})


def _has_npm(package: str) -> bool:
    return which("node") is not None and (ROOT / "bench" / "node_modules" / package).is_dir()


TELL = walker_event("tell", context=_DATA)

WALKWIRE = Peer(
    "walkwire",
    (
        str(Path(sys.executable).parent / "walkwire"),
        "serve",
        str(ROOT / "bench" / "walkers.py"),
        "--port",
        "{port}",
        "--database",
        "sqlite:///{folder}/walkwire.db",
    ),
    path=f"/websocket?channel_id={CHANNEL}",
    broadcast=_channel_event(_DATA),
    big=_channel_event({"text": "x" * 500_000}),
    echo='{"type":"connection"}',
    echoed='"client_id"',
)
UWS = Peer("uWebSockets", python("bench.peers.uws", "{port}"), needs=("socketify",))
PICOWS = Peer("picows", python("bench.peers.raw_picows", "{port}"), needs=("picows",))
WS = Peer("npm ws", ("node", str(ROOT / "bench" / "peers" / "ws.mjs"), "{port}"), needs=("npm:ws",))
FASTAPI = Peer("FastAPI broadcast", python("bench.peers.fastapi_broadcast", "{port}"))
SOCKETIO = Peer(
    "python-socketio",
    python("bench.peers.socket_io", "{port}"),
    path="/socket.io/?EIO=4&transport=websocket",
    says=("40",),
    greeted=3,
    pings=("2", "3"),
    broadcast='42["b","' + "x" * (words.SIZE - 10) + '"]',
    big='42["b","' + "x" * 500_000 + '"]',
    echo='42["e","' + "x" * (words.SIZE - 10) + '"]',
    needs=("socketio",),
)
FASTAPI_POST = Peer("FastAPI", python("bench.peers.fastapi_post", "{port}", "{folder}"))

SOCKET_PEERS = (WALKWIRE, UWS, PICOWS, WS, FASTAPI, SOCKETIO)
