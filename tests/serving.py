"""A real server process, started as an operator does, and the people who talk to it over REST and sockets."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests import warm
from tests.warm import COMMAND

REPOSITORY = Path(__file__).parent.parent
EXAMPLES = REPOSITORY / "examples"
CHAT = EXAMPLES / "chat"
PROGRAMS = REPOSITORY / "tests" / "journeys" / "programs"

PUBLIC_ROOT = "n::000000000000000000000001"
PASSWORD = "correct horse battery staple"
PATIENCE = 60.0  # seconds for what takes milliseconds: a test that has to wait longer has failed


@dataclass(frozen=True)
class Person:
    """A user who has signed in. `root_id` is the reference, as the connection frame gives it."""

    email: str
    token: str
    root_id: str


def client(**options: Any) -> httpx.AsyncClient:
    """An HTTP client, with the options of httpx. It knows no certificates: to load them takes 15 ms of the processor."""
    return httpx.AsyncClient(**{"timeout": PATIENCE, "verify": False} | options)


class Server:
    """`with Server(program, folder) as server:` a process of its own, its database and its log in `folder`.

    `arguments` are those of `walkwire serve`, `settings` go into its environment. `url` and `socket_url` are where it serves,
    `lines` what it has said, its banner first. `command` is what is run in place of `walkwire`, and None is a warm start
    (`tests.warm`), to which passwords cost nothing.
    """

    command: tuple[str | Path, ...] | None = None if warm.IS_POSSIBLE else warm.LIGHT

    def __init__(self, program: Path, folder: Path, *arguments: str, **settings: str) -> None:
        self.log = folder / "server.log"
        database = settings.pop("database", f"sqlite:///{folder / 'walkwire.db'}")
        given = {f"WALKWIRE_{key.upper()}": value for key, value in settings.items()}
        all_arguments = ["serve", program, "--port", "0", "--database", database, *arguments]
        self.process: warm.Process | subprocess.Popen[str]
        with self.log.open("a") as log:
            if self.command is None:
                self.process = warm.start(
                    all_arguments, folder=folder, environment=_environment(given), stderr=log
                )
            else:
                self.process = subprocess.Popen(
                    [*self.command, *all_arguments],
                    cwd=folder,
                    env=_environment(given),
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        self.lines: list[str] = []
        while "May join channels" not in (line := self.read_line()):
            if found := re.match(r"WebSocket: (ws://(.*:(\d+))/websocket)", line):
                self.socket_url, self.url, self.port = found[1], f"http://{found[2]}", int(found[3])
        self._people: dict[str, Person] = {}

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is not None:
            self._let_go()
        elif kind is None:
            self.stop()
        else:
            self.kill()

    def read_line(self) -> str:
        """The next line of its output; waits for it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code = self.wait()
            self._let_go()
            raise AssertionError(f"The server ended with {code}: {self.log.read_text()}")
        self.lines.append(line.rstrip("\n"))
        return line

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code; waits for the end."""
        return self.process.wait(PATIENCE)

    def stop(self) -> None:
        """Ask it to stop, and see that it does so in peace."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        self._let_go()
        assert code == 0, self.log.read_text()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.wait()
        self._let_go()

    async def request(
        self, method: str, path: str, token: str | None = None, **options: Any
    ) -> httpx.Response:
        """A request over REST, with the options of httpx."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        async with client(base_url=self.url) as http:
            return await http.request(method, path, headers=headers, **options)

    async def post(self, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        """A POST with a JSON body."""
        return await self.request("POST", path, token, json={} if body is None else body)

    async def walk(
        self, walker: str, token: str | None = None, node: str | None = None, **fields: Any
    ) -> Any:
        """Run a walker over REST, and give what it reported."""
        path = f"/walker/{walker}" if node is None else f"/walker/{walker}/{node}"
        response = await self.post(path, fields, token)
        assert response.is_success, response.text
        return response.json()["reports"]

    async def user(self, email: str | None = None, **fields: Any) -> Person:
        """Somebody new, who registers, with the fields that the program gives its users, and logs in."""
        account = {"email": email or f"{secrets.token_hex(6)}@example.com", "password": PASSWORD}
        registered = await self.post("/user/register", account | fields)
        assert registered.status_code == 201, registered.text
        answer = (await self.post("/user/login", account)).json()
        return Person(account["email"], answer["token"], f"n::{answer['user']['root_id']}")

    async def person(self, who: str, /, **fields: Any) -> Person:
        """Somebody whom this server has seen, or will: most tests need no stranger."""
        if who not in self._people:
            self._people[who] = await self.user(f"{who}@example.com", **fields)
        return self._people[who]

    def connect(self, token: str | None = None, channel_id: str | None = None) -> Socket:
        """A WebSocket: `async with server.connect() as socket:`."""
        query = "" if channel_id is None else f"?channel_id={quote(channel_id)}"
        return Socket(self.socket_url + query, token)

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


class EarnestServer(Server):
    """A server as an operator starts it: it imports what it needs itself, and passwords are as slow to hash."""

    command = (COMMAND,)


def signal_until_the_end(server: Server, number: signal.Signals) -> None:
    """Send a signal every millisecond, until the process has ended."""
    while server.process.poll() is None:
        server.signal(number)
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(0.001)


def run(
    *arguments: str | Path, folder: Path, is_cold: bool = False, **environment: str
) -> tuple[int, str, str]:
    """Run `walkwire` to its end: exit code, stdout, stderr. A cold start is that of an operator."""
    if is_cold or not warm.IS_POSSIBLE:
        done = subprocess.run(
            [COMMAND, *arguments],
            check=False,
            cwd=folder,
            env=_environment(environment),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout, done.stderr
    with TemporaryFile("w+") as out, TemporaryFile("w+") as errors:
        process = warm.start(
            arguments, folder=folder, environment=_environment(environment), stdout=out, stderr=errors
        )
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        out.seek(0)
        errors.seek(0)
        return code, out.read(), errors.read()


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, but for walkwire's settings, and what is given. Without a port: a free one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WALKWIRE_", "TOKEN_", "SSO_"))
    }
    return kept | {"WALKWIRE_PORT": "0"} | dict(given)
