"""What tests of the loop's hold share: a probed server in production, its users, and a table of what was measured."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.frames import Frame, Opcode

from tests.security.probed import ProbedServer, exchange
from tests.serving import PUBLIC_ROOT
from walkwire.account.service import create_key
from walkwire.account.token import Tokens
from walkwire.ids import new_id
from walkwire.store import UserRecord
from walkwire.stores import open_store

BOUND = 20.0  # ms of one turn
TRIES = 3
MEBIBYTE = 1024 * 1024
LIMIT = MEBIBYTE  # bytes of a frame, and of a JSON body, in production
USERS = 300  # who take turns, so that limits of a user hide little
SECONDS = 5.0  # for an input at most; what the server does with it later is not measured
SHOWN = 40  # lines of the table
SECRET = "s" * 32
PROGRAM = Path(__file__).parent / "programs" / "every_way.py"
ENDING = b'"id":"the end"'
# The reply is so short that it is never compressed.
SAID_AT_THE_END = b'{"type":"leave","channel_ids":["nowhere"],"id":"the end"}'


class Measured(NamedTuple):
    """The longest turn for an input in ms, and the end of what was heard."""

    name: str
    longest: float
    heard: str


class Held:
    """A server, the people who are signed in, and what was measured."""

    def __init__(
        self, server: ProbedServer, tokens: list[str], service_key: str, description: dict[str, Any]
    ) -> None:
        self.server = server
        self.keys = [f"X-API-Key: {service_key}"]
        self.description = description
        self.hook_key = ""
        self.measured: list[Measured] = []
        self._tokens = itertools.cycle(tokens)
        self._addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))

    def head(self, method: str, path: str, *headers: str, is_signed_in: bool = True) -> bytes:
        """Return the head of a request, but for the line that ends it."""
        bearer = [f"Authorization: Bearer {next(self._tokens)}"] if is_signed_in else []
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"X-Forwarded-For: {next(self._addresses)}"]
        return "\r\n".join([*lines, *bearer, *headers, ""]).encode("latin-1")

    def request(self, method: str, path: str, body: bytes, kind: str = "application/json") -> bytes:
        """Return a request with a body, after which the server closes."""
        size = f"Content-Length: {len(body)}"
        return (
            self.head(method, path, f"Content-Type: {kind}", size, *self.keys, "Connection: close")
            + b"\r\n"
            + body
        )

    def upgrade(self, is_signed_in: bool, *headers: str, url: str = "/websocket") -> bytes:
        """Return the request that opens a WebSocket."""
        key = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
        lines = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key, *headers)
        return self.head("GET", url, *lines, is_signed_in=is_signed_in) + b"\r\n"

    def check(
        self, name: str, inputs: Mapping[str, Callable[[], bytes]], ending: bytes | None = None
    ) -> None:
        """Assert that none of these inputs holds the loop for longer than the bound."""
        assert inputs
        found = [self._measure(f"{name}, {what}", make, ending) for what, make in inputs.items()]
        self.measured += found
        late = [
            f"{one.name}: {one.longest:.1f} ms; heard {one.heard}" for one in found if one.longest > BOUND
        ]
        assert not late, "\n".join(late)

    def _measure(self, name: str, make: Callable[[], bytes], ending: bytes | None) -> Measured:
        turns = []
        for _ in range(TRIES):
            data = make()
            self.server.begin()
            heard = exchange(self.server.port, data, ending, SECONDS)
            turns.append(self.server.longest())
            if turns[-1] <= BOUND:
                break
        return Measured(name, min(turns), _shown(heard))

    def talk(self, name: str, is_signed_in: bool, said: Callable[[], bytes], *headers: str) -> None:
        """Check frames on a WebSocket, which are followed by a question whose answer ends the measurement."""
        who = "a user" if is_signed_in else "a stranger"
        whole = {who: lambda: self.upgrade(is_signed_in, *headers) + said() + text(SAID_AT_THE_END)}
        self.check(name, whole, ENDING)


def serve_held(folder: Path, config: pytest.Config, **more: str) -> Iterator[Held]:
    """Serve `every_way.py` with the settings of production and `more`. Prints the table at the end."""
    tokens, service_key = _users(f"sqlite:///{folder / 'walkwire.db'}")
    settings = {"production": "true", "token_secret": SECRET, "trusted_proxies": "127.0.0.1", "docs": "true"}
    with ProbedServer(PROGRAM, folder, **settings, **more) as server:
        answer = exchange(
            server.port, b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        held = Held(server, tokens, service_key, json.loads(answer.partition(b"\r\n\r\n")[2]))
        greeting = exchange(server.port, held.upgrade(True) + text(SAID_AT_THE_END), ENDING)
        assert b"root_id" in greeting
        assert PUBLIC_ROOT.encode() not in greeting, "the tokens are those of users"
        made = exchange(server.port, held.request("POST", "/webhook/generate-key", b'{"name":"hook"}'))
        held.hook_key = json.loads(made.partition(b"\r\n\r\n")[2])["key"]
        held.keys.append(f"X-Hook-Key: {held.hook_key}")
        yield held
    capturing: Any = config.pluginmanager.getplugin("capturemanager")
    with capturing.global_and_fixture_disabled():
        print("\n\nThe longest turns of the event loop, in ms of the processor:")
        for one in sorted(held.measured, key=lambda one: -one.longest)[:SHOWN]:
            print(f"{one.longest:9.1f}  {one.name:90}  {one.heard[:60]}")


def _users(database: str) -> tuple[list[str], str]:
    """Return tokens of users that are new in a database, and a service's key. To register so many users takes a minute."""
    store, tokens = open_store(database), Tokens(SECRET.encode())
    users = [UserRecord(new_id(), f"{n}@example.com", "", new_id(), state={"name": ""}) for n in range(USERS)]
    for user in users:
        store.add_user(user)
    service_key = create_key(store, "hold").text
    store.close()
    return [tokens.make(user)[0] for user in users], service_key


def text(payload: bytes, opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    """Return a frame of a client."""
    return Frame(opcode, payload, fin).serialize(mask=True)


def _shown(heard: bytes) -> str:
    """Return how an answer begins, or what a WebSocket told last: a close code, or a message."""
    first, _, rest = heard.partition(b"\r\n")
    if not first.startswith(b"HTTP/1.1 101"):
        return first.decode("latin-1") or "nothing"
    if goodbye := re.search(rb"\x88[\x02-\x7d](..)[^\x88]*\Z", rest, re.DOTALL):
        return f"closed with {int.from_bytes(goodbye[1], 'big')}"
    return repr(rest[-100:].decode("latin-1"))
