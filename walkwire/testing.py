"""Testing: serves a program in memory, without a port, for tests of walkers that take milliseconds.

    async with serve("main.jac") as app:
        ada = await app.user("ada@example.com")
        reply = await ada.post("post_message", channel_id="room", text="hello")
        assert reply.reports[0]["context"]["text"] == "hello"
        async with ada.socket("room") as socket:
            await socket.receive()  # the connection frame
            await socket.send({"type": "walker", "walker": "post_message", "context": {"channel_id": "room", "text": "hi"}})
            assert (await socket.receive())["data"]["text"] == "hi"

Requests go to the same application, and sockets to the same connection code, as in a server. Needs `httpx`:
`pip install walkwire[testing]`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
from pwdlib.hashers.argon2 import Argon2Hasher

from walkwire.account.password import Passwords
from walkwire.config import Config
from walkwire.ids import PUBLIC_ROOT
from walkwire.program import find, load
from walkwire.server.app import App, load_program, open_app
from walkwire.server.http.files.site import Site, open_site
from walkwire.server.socket.loopback import Closed, Loopback
from walkwire.walk.registry import Registry
from walkwire.walk.walker.ability import check_abilities

__all__ = ["Client", "Closed", "MovableClock", "Reply", "Served", "StreamSocket", "serve"]

_PASSWORD = "a password for tests"  # noqa: S105 - of users that live as long as a test


class CheapHasher:
    """Hashes with the least of Argon2, in the calling thread: a test's users are many, and their passwords no secret."""

    def __init__(self) -> None:
        self._hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)

    async def hash(self, password: str) -> str:
        """Return a hash that contains its salt and parameters."""
        return self._hasher.hash(password)

    async def verify(self, password: str, hash: str) -> bool:
        """Return whether `hash` is one of `password`."""
        return self._hasher.verify(password, hash)

    async def close(self) -> None:
        """Do nothing."""


class Reply:
    """An answer over REST: `status`, `headers`, `content` as bytes, and `body` as read from JSON (None: it is not JSON)."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = dict(response.headers)
        self.content = response.content
        is_json = response.headers.get("content-type", "").startswith("application/json")
        self.body: Any = response.json() if is_json and response.content else None

    @property
    def reports(self) -> list[Any]:
        """Return what the walker reported. Raises AssertionError, with the whole reply, if the answer has no reports."""
        if not isinstance(self.body, dict) or "reports" not in self.body:
            raise AssertionError(f"There are no reports in {self!r}")
        return self.body["reports"]  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.body if self.body is not None else self.content!r})"


class MovableClock:
    """The clock of a served program, by which histories, sessions, presence and tokens age. It runs on by itself, too."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._on_advance: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        """Return Unix seconds."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self._ahead += seconds
        self._on_advance()


class StreamSocket:
    """A WebSocket of version 2, which remembers what a client has to remember: `async with client.stream("den") as socket`.

    - who: the data of the last reply to `connect`
    - recovered: whether it got all that it missed: by channel id, and of `user` and `client`; None: it had heard nothing before
    - closed: why the connection ended; None: it has not, or was dropped
    """

    def __init__(self, served: Served, token: str | None, channels: Iterable[str], rewind: int) -> None:
        self.who: dict[str, Any] = {}
        self.recovered: dict[str, bool | None] = {}
        self._served = served
        self._token = token
        self._rewind = rewind
        self._positions: dict[tuple[str, str], str] = {("channel", name): "" for name in channels}
        self._frames: deque[dict[str, Any]] = deque()
        self._socket: Loopback | None = None

    async def __aenter__(self) -> StreamSocket:
        await self.resume()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.drop()

    @property
    def closed(self) -> Closed | None:
        """Return the close code and reason of the server."""
        return None if self._socket is None else self._socket.closed

    def drop(self) -> None:
        """Lose the connection, as a phone in a tunnel does. What has arrived can still be received."""
        socket, self._socket = self._socket, None
        if socket is not None:
            for payload in socket.take():
                self._keep(json.loads(payload))
            socket.leave()

    async def resume(self) -> dict[str, bool | None]:
        """Connect again, with the session and the positions of before. Return `recovered`.

        Raises AssertionError with the server's sentence if it is refused.
        """
        self.drop()
        self._socket = Loopback(self._served.app.door, version=2)
        await self._socket.__aenter__()
        event = {
            "token": self._token,
            "session": self.who.get("session"),
            "at": {kind: at for (kind, _), at in self._positions.items() if kind != "channel"},
            "channels": [
                {"channel_id": name} | ({"at": at} if at else {"rewind": self._rewind})
                for (kind, name), at in self._positions.items()
                if kind == "channel"
            ],
        }
        self.who = await self.ask("connect", **event)
        self._begin(self.who["streams"])
        return self.recovered

    async def ask(self, kind: str, **fields: Any) -> Any:
        """Send an event with an id, and return the data of its reply. What arrives before it can be received afterwards.

        Raises AssertionError with the server's sentence for an error, and Closed.
        """
        socket = self._open_socket()
        await socket.send({"type": kind, "id": "ask"} | fields)
        while (frame := await socket.receive())["type"] != "reply":
            self._keep(frame)
        if not frame["ok"]:
            raise AssertionError(f"{kind} is refused: {frame['error']}")
        if kind == "join":
            self._begin(frame["data"])
        return frame["data"]

    async def send(self, event: Any) -> None:
        """Send an event as it is."""
        await self._open_socket().send(event)

    async def receive(self, seconds: float = 5.0) -> dict[str, Any]:
        """Return the next frame. Raises Closed if there will be none, TimeoutError after `seconds`."""
        if not self._frames:
            self._keep(await self._open_socket().receive(seconds))
        return self._frames.popleft()

    async def quiet(self) -> list[dict[str, Any]]:
        """Wait until nothing is under way in this process. Return all frames that have arrived."""
        for frame in await self._open_socket().quiet():
            self._keep(frame)
        frames, self._frames = list(self._frames), deque()
        return frames

    def stall(self, is_stalled: bool = True) -> None:
        """Stop reading, or read again."""
        self._open_socket().is_stalled = is_stalled

    def _open_socket(self) -> Loopback:
        if self._socket is None:
            raise AssertionError("The connection was dropped: resume it first")
        return self._socket

    def _keep(self, frame: dict[str, Any]) -> None:
        kind = frame.get("stream", frame["type"])
        name = frame.get("channel_id", "")
        if kind == "left" and "reason" not in frame:
            self._positions.pop(("channel", name), None)
        elif "at" in frame:
            self._positions["channel" if kind == "joined" else kind, name] = frame["at"]
        self._frames.append(frame)

    def _begin(self, streams: dict[str, Any]) -> None:
        begins = {("channel", name): begin for name, begin in streams["channels"].items()}
        begins |= {(kind, ""): streams[kind] for kind in ("user", "client") if kind in streams}
        for (kind, name), begin in begins.items():
            self.recovered[name or kind] = begin["recovered"]
            self._positions[kind, name] = begin.get("at", "")


class Client:
    """A caller: a user who is logged in, or the public user. `root_id`: 24 hex digits; `token`: None for the public user."""

    def __init__(self, served: Served, root_id: str, token: str | None) -> None:
        self._served = served
        self.root_id = root_id
        self.token = token

    async def post(self, walker: str, /, node: str | None = None, **fields: Any) -> Reply:
        """Run a walker over REST, from the own root or from a node (a reference)."""
        path = f"/walker/{walker}" if node is None else f"/walker/{walker}/{node}"
        return await self.request("POST", path, json=fields)

    async def request(self, method: str, path: str, **options: Any) -> Reply:
        """Send any request as this caller, with httpx's options (`json`, `params`, `files`, `headers`)."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers.update(options.pop("headers", {}))
        return Reply(await self._served.http.request(method, path, headers=headers, **options))

    def socket(
        self, channel_id: str | None = None, channel_token: str | None = None, *, version: int = 1
    ) -> Loopback:
        """Return a WebSocket of this caller: `async with client.socket("room") as socket: await socket.receive()`.

        In version 2 of the wire the client speaks first, by `connect`; its token is shown at the upgrade.
        """
        return Loopback(
            self._served.app.door, self.token, channel_id, channel_token, version=version, waits=True
        )

    def stream(self, *channels: str, rewind: int = 0) -> StreamSocket:
        """Return a WebSocket of version 2 that is connected to channels, and resumes as a client should.

        `rewind`: with how many of the last notifications it begins.
        """
        return StreamSocket(self._served, self.token, channels, rewind)


class Served:
    """A program that is served.

    - app: its parts; another after `kill`
    - http: a client of its REST routes
    - clock: can be moved on
    """

    def __init__(self, config: Config, program: str | Path | ModuleType) -> None:
        self.clock = MovableClock()
        self._config = config
        self._program = program
        self._stack = AsyncExitStack()
        self.app: App
        transport = httpx.ASGITransport(self._answer, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def start(self) -> None:
        """Serve. Raises StartError."""
        passwords = Passwords(CheapHasher())
        loaded = await asyncio.to_thread(load_program, self._config, lambda: _registry(self._program))
        site = _site(self._program, self._config.spa)
        opened = open_app(self._config, loaded, site=site, passwords=passwords, clock=self.clock)
        self.app = await self._stack.enter_async_context(opened)
        self.clock._on_advance = self._tick

    async def stop(self) -> None:
        """Serve no longer."""
        await self._stack.aclose()

    async def kill(self) -> None:
        """Kill the server, and start another with the same database.

        All connections break without a close frame. What it had in memory is lost, such as the `recent` history of streams.
        """
        for client in self.app.door.hub.everybody():
            client.transport.abort()
        await asyncio.sleep(0)
        await self.stop()
        await self.start()

    async def user(self, email: str | None = None, password: str = _PASSWORD, **fields: Any) -> Client:
        """Return a user who is logged in, registered first if needed. `fields` are the program's own fields of users."""
        email = email or f"{secrets.token_hex(8)}@example.com"
        account = {"email": email, "password": password}
        registered = await self.http.post("/user/register", json=account | fields)
        response = await self.http.post("/user/login", json=account)
        if response.status_code != 200:
            told = registered if registered.status_code == 422 else response
            raise AssertionError(f"{email} cannot sign in: {told.text}")
        signed_in = response.json()
        return Client(self, signed_in["user"]["root_id"], signed_in["token"])

    def public(self) -> Client:
        """Return a caller who is not logged in."""
        return Client(self, PUBLIC_ROOT, None)

    def _tick(self) -> None:
        hub = self.app.door.hub
        hub.terms.tick()
        hub.presence.tick()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app.api(scope, receive, send)


@asynccontextmanager
async def serve(program: str | Path | ModuleType, **settings: Any) -> AsyncIterator[Served]:
    """Serve a program: a module, a `.py` or `.jac` file, or a folder with a `main`. `settings` are those of `Config`.

    Its database is a temporary SQLite file, removed afterwards, unless `database` says otherwise. Raises StartError.
    """
    with tempfile.TemporaryDirectory(prefix="walkwire-") as folder:
        defaults = {"database": f"sqlite:///{folder}/test.db", "token_secret": secrets.token_urlsafe(32)}
        config = Config(**(defaults | settings))
        served = Served(config, program)
        await served.start()
        try:
            async with served.http:
                yield served
        finally:
            await served.stop()


def _site(program: str | Path | ModuleType, is_app: bool) -> Site | None:
    if isinstance(program, ModuleType):
        return open_site(None, is_public=False, is_app=is_app)
    source = find(program)
    return open_site(source.files, is_public=source.is_public, is_app=is_app)


def _registry(program: str | Path | ModuleType) -> Registry:
    if not isinstance(program, ModuleType):
        return load(find(program).file)
    registry = Registry()
    registry.add_all(vars(program).values())
    check_abilities(registry)
    return registry
