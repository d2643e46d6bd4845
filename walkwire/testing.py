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
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from walkwire.server.socket.loopback import Closed, Loopback
from walkwire.walk.registry import Registry

__all__ = ["Client", "Closed", "Reply", "Served", "serve"]

_PASSWORD = "a password for tests"  # noqa: S105 - of users that live as long as a test


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


class Client:
    """A caller: a user who is logged in, or the public user. `root_id`: 24 hex digits; `token`: None for the public user."""

    def __init__(self, app: App, http: httpx.AsyncClient, root_id: str, token: str | None) -> None:
        self._app = app
        self._http = http
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
        return Reply(await self._http.request(method, path, headers=headers, **options))

    def socket(self, channel_id: str | None = None, channel_token: str | None = None) -> Loopback:
        """Return a WebSocket of this caller: `async with client.socket("room") as socket: await socket.receive()`."""
        return Loopback(self._app.door, self.token, channel_id, channel_token)


class Served:
    """A program that is served."""

    def __init__(self, app: App, http: httpx.AsyncClient) -> None:
        self._app = app
        self._http = http

    async def user(self, email: str | None = None, password: str = _PASSWORD, **fields: Any) -> Client:
        """Return a user who is logged in, registered first if needed. `fields` are the program's own fields of users."""
        email = email or f"{secrets.token_hex(8)}@example.com"
        account = {"email": email, "password": password}
        registered = await self._http.post("/user/register", json=account | fields)
        response = await self._http.post("/user/login", json=account)
        if response.status_code != 200:
            told = registered if registered.status_code == 422 else response
            raise AssertionError(f"{email} cannot sign in: {told.text}")
        signed_in = response.json()
        return Client(self._app, self._http, signed_in["user"]["root_id"], signed_in["token"])

    def public(self) -> Client:
        """Return a caller who is not logged in."""
        return Client(self._app, self._http, PUBLIC_ROOT, None)


@asynccontextmanager
async def serve(program: str | Path | ModuleType, **settings: Any) -> AsyncIterator[Served]:
    """Serve a program: a module, a `.py` or `.jac` file, or a folder with a `main`. `settings` are those of `Config`.

    Its database is a temporary SQLite file, removed afterwards, unless `database` says otherwise. Raises StartError.
    """
    with tempfile.TemporaryDirectory(prefix="walkwire-") as folder:
        defaults = {"database": f"sqlite:///{folder}/test.db", "token_secret": secrets.token_urlsafe(32)}
        config = Config(**(defaults | settings))
        # Argon2 at its least: a test's users are many, and their passwords no secret.
        passwords = Passwords(Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1))
        loaded = await asyncio.to_thread(load_program, config, lambda: _registry(program))
        async with open_app(config, loaded, passwords=passwords) as app:
            transport = httpx.ASGITransport(app.api, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                yield Served(app, http)


def _registry(program: str | Path | ModuleType) -> Registry:
    if not isinstance(program, ModuleType):
        return load(find(program).file)
    registry = Registry()
    registry.add_all(vars(program).values())
    return registry
