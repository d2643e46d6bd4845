"""A real server process, as an operator starts it, and the people who talk to it over REST and sockets."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection, connect

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
REPOSITORY = HERE.parent.parent
CHAT = REPOSITORY / "examples" / "chat"
COMMAND = Path(sys.executable).with_name("walkwire")

PUBLIC_ROOT = "n::000000000000000000000001"
PASSWORD = "correct horse battery staple"
PATIENCE = 20.0  # seconds for what takes milliseconds: a test that has to wait longer has failed


@dataclass(frozen=True)
class Person:
    """A user who has signed in. `root_id` is the reference, as the connection frame gives it."""

    email: str
    token: str
    root_id: str


class Server:
    """`with Server(program, folder) as server:` a process of its own, its database and its log in `folder`."""

    def __init__(self, program: Path, folder: Path, **settings: str) -> None:
        self.log = folder / "server.log"
        database = settings.pop("database", f"sqlite:///{folder / 'walkwire.db'}")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WALKWIRE_")}
        environment |= {f"WALKWIRE_{key.upper()}": value for key, value in settings.items()}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [COMMAND, "serve", program, "--port", "0", "--database", database],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.port = self._announced()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_url = f"ws://127.0.0.1:{self.port}/websocket"
        self._people: dict[str, Person] = {}

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self) -> None:
        """Ask it to stop, and see that it does so in peace."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self._let_go()
        assert code == 0, self.log.read_text()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._let_go()

    async def post(self, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        """A request over REST."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE) as http:
            return await http.post(path, json={} if body is None else body, headers=headers)

    async def walk(
        self, walker: str, token: str | None = None, node: str | None = None, **fields: Any
    ) -> Any:
        """Run a walker over REST, and give what it reported."""
        path = f"/walker/{walker}" if node is None else f"/walker/{walker}/{node}"
        response = await self.post(path, fields, token)
        assert response.status_code == 200, response.text
        return response.json()["reports"]

    async def user(self, email: str | None = None) -> Person:
        """Somebody new, who registers and logs in."""
        account = {"email": email or f"{secrets.token_hex(6)}@example.com", "password": PASSWORD}
        registered = await self.post("/user/register", account)
        assert registered.status_code == 201, registered.text
        answer = (await self.post("/user/login", account)).json()
        return Person(account["email"], answer["token"], f"n::{answer['user']['root_id']}")

    async def person(self, name: str) -> Person:
        """Somebody whom this server has seen, or will: a password is slow to hash, and most tests need no stranger."""
        if name not in self._people:
            self._people[name] = await self.user(f"{name}@example.com")
        return self._people[name]

    def connect(self, token: str | None = None, channel_id: str | None = None) -> Socket:
        """A WebSocket: `async with server.connect() as socket:`."""
        query = "" if channel_id is None else f"?channel_id={quote(channel_id)}"
        return Socket(self.socket_url + query, token)

    def _announced(self) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if match := re.match(r"WebSocket: ws://127\.0\.0\.1:(\d+)/websocket", line):
                return int(match.group(1))
        self.process.wait(PATIENCE)
        self._let_go()
        raise AssertionError(f"The server did not start: {self.log.read_text()}")

    def _let_go(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()


class Socket:
    """A connected client. `data` is that of its first frame: client_id, root_id, channel_id."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connecting = connect(
            url,
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=PATIENCE,
        )
        self.wire: ClientConnection
        self.data: dict[str, str]

    async def __aenter__(self) -> Socket:
        self.wire = await self._connecting
        first = await self.hear()
        assert first["type"] == "connection", first
        self.data = first["data"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.wire.close()

    @property
    def client_id(self) -> str:
        return self.data["client_id"]

    @property
    def root_id(self) -> str:
        return self.data["root_id"]

    @property
    def channel_id(self) -> str:
        return self.data["channel_id"]

    async def say(self, event: Any) -> None:
        """Send an event: a string or bytes as they are, anything else as JSON."""
        await self.wire.send(event if isinstance(event, str | bytes) else json.dumps(event))

    async def hear(self) -> Any:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.wire.recv())

    async def ask(self, event: dict[str, Any]) -> Any:
        """Send an event, and give the next message."""
        await self.say(event)
        return await self.hear()

    async def settle(self) -> list[Any]:
        """All that was heard before the answer to a question asked now: what was told to this client is here by then."""
        await self.say({"type": "connection", "id": "settle"})
        heard = [await self.hear()]
        while heard[-1].get("id") != "settle":
            heard.append(await self.hear())
        return heard[:-1]
