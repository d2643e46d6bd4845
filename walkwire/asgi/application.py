"""Application: a program as an ASGI application, with what the application around it needs: tokens, callers, notifications."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from walkwire import config
from walkwire.account.email import normalised
from walkwire.asgi.socket import Receive, Send, serve_socket
from walkwire.errors import Refused
from walkwire.ids import parse_root, root_reference
from walkwire.program import find, load
from walkwire.server.app import App, load_program, open_app
from walkwire.walk.walker.report import encode
from walkwire.wire.message.notification import Kind, Notification

Scope = MutableMapping[str, Any]


class Walkwire:
    """A program of walkers, to be mounted in another ASGI application.

    - program: a `.py` or `.jac` file, or a folder with a `main`
    - settings: those of `docs/configuration.md` in lower case; others come from the environment and `walkwire.toml`

    It serves all that `walkwire serve` does, below the path where it is mounted, while `lifespan` is entered.
    """

    def __init__(self, program: str | Path, **settings: Any) -> None:
        self._program = program
        self._settings = settings
        self._app: App | None = None

    @asynccontextmanager
    async def lifespan(self, application: object = None) -> AsyncIterator[None]:
        """Serve the program inside the block. It is the `lifespan` of an application, or entered by that. Raises StartError."""
        settings = config.load(**self._settings)
        source = find(self._program)
        loaded = await asyncio.to_thread(load_program, settings, lambda: load(source.file))
        async with open_app(settings, loaded, title=Path(self._program).stem) as app:
            self._app = app
            try:
                yield
            finally:
                self._app = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        app = self._running()
        if scope["type"] == "lifespan":
            raise RuntimeError(
                "Walkwire is mounted in an application, whose lifespan has to enter `lifespan`."
            )
        own = _below(scope)
        if scope["type"] == "websocket":
            if own["path"] == app.door.path:
                await serve_socket(app.door, app.upgrades, own, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close"})
            return
        await app.api(own, receive, send)  # type: ignore[arg-type]

    async def token_for(self, email: str) -> str:
        """Return a token for a user of the application around, who has proved to be one there. A new user gets a root.

        Give it to the user's browser only. Raises ValueError if that is no e-mail address, Refused, Limited and Busy.
        """
        session = await self._running().accounts.users.vouch(normalised(email))
        if session is None:
            raise Refused("This user is deactivated.")
        return session.token

    async def root_of(self, token: str | None) -> str | None:
        """Return the root (`n::…`) of the user of a token, with or without `Bearer`. None: it is not valid, or absent."""
        caller = await self._running().accounts.auth.identify(token) if token else None
        return None if caller is None else root_reference(caller.root_id)

    async def notify_users(self, roots: Iterable[str], data: Any) -> None:
        """Notify all connections of users, by the references of their roots.

        `data` is any value that JSON can express. Returns when other servers have it, or when it is written if the stream is
        durable. Raises BadReference, NotPrintable, Limited, Unreached, Busy.
        """
        await self._notify("users", map(parse_root, roots), data)

    async def notify_channels(self, channel_ids: Iterable[str], data: Any) -> None:
        """Notify all connections in these channels, as `notify_users` does."""
        await self._notify("channels", channel_ids, data)

    async def _notify(self, kind: Kind, targets: Iterable[str], data: Any) -> None:
        hub = self._running().door.hub
        waiting = hub.publish(Notification(kind, tuple(dict.fromkeys(targets)), encode(data)))
        if waiting is not None:
            await waiting

    def _running(self) -> App:
        if self._app is None:
            raise RuntimeError("Walkwire does not run: let the application's lifespan enter `lifespan`.")
        return self._app


def _below(scope: Scope) -> Scope:
    """Return the scope as if the path where it is mounted were the root."""
    root = scope.get("root_path", "")
    path: str = scope["path"]
    if not root or not path.startswith(root):
        return scope
    own = dict(scope) | {"root_path": "", "path": path[len(root) :] or "/"}
    raw: bytes | None = scope.get("raw_path")
    if raw is not None and raw.startswith(root.encode()):
        own["raw_path"] = raw[len(root) :] or b"/"
    return own
