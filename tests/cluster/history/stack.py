"""Stack: server processes on a database and a broker of their own. All may be killed, frozen, cut off and started again."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal, get_args

from tests.brokers.service import Service, service
from tests.cluster.cluster import readiness
from tests.postgres import Line, PostgresServer, postgres_server
from tests.serving import Server

Kind = Literal["sqlite", "postgres+redis", "postgres+nats"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PROGRAM = Path(__file__).with_name("program.py")
_CALL = b"walkwire_commit\x00"  # the statement that commits a walk, and the column of its answer
_COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"  # CommandComplete (PostgreSQL's protocol, 55.7)


class Wire(Line):
    """A network between a server and PostgreSQL that can break around the end of a transaction.

    - `before_commit`: the chance that the connection breaks before a COMMIT is forwarded;
    - `after_commit`: the chance that it breaks instead of forwarding the answer to a COMMIT;
    - `anywhere`: the chance that it breaks at any other message;
    - `late`: seconds by which the answer to a COMMIT is delayed.
    """

    def __init__(self, port: int, chance: random.Random) -> None:
        super().__init__(port)
        self._chance = chance
        self.calm()
        self.before = self._maybe_break

    def calm(self) -> None:
        """Forward everything, at once."""
        self.before_commit = self.after_commit = self.anywhere = self.late = self.delay = 0.0
        self.free()

    def _maybe_break(self, data: bytes, is_answer: bool) -> bytes:
        chance = self.anywhere
        if is_answer and (_CALL in data or _COMMITTED in data):
            chance = max(chance, self.after_commit)
            time.sleep(self.late)
        elif not is_answer and (_CALL in data or b"COMMIT" in data):
            chance = max(chance, self.before_commit)
        if chance and self._chance.random() < chance:
            raise ConnectionResetError
        return data


class Place:
    """Where a server is, and the next one if it dies. `server` is None while there is none."""

    def __init__(self, name: str, wire: Wire | None) -> None:
        self.name = name
        self.wire = wire
        self.server: Server | None = None


class Stack:
    """All that runs. `database` and `broker` are None where the stack has none."""

    def __init__(
        self, folder: Path, places: list[Place], database: PostgresServer | None, broker: Service | None
    ) -> None:
        self.folder = folder
        self.places = places
        self.database = database
        self.broker = broker

    async def start(self, place: Place) -> None:
        """Start the server of a place, and wait until it is there."""
        place.server = await asyncio.to_thread(self._start, place)

    async def kill(self, place: Place) -> None:
        """`kill -9`."""
        if place.server is not None:
            server, place.server = place.server, None
            await asyncio.to_thread(server.kill)

    async def settle(self) -> None:
        """Wait until every server is ready. None may have ended that nobody killed."""
        for place in self.places:
            end = time.monotonic() + 60
            assert place.server is not None
            while await readiness(place.server) != 200:
                assert place.server.process.poll() is None, f"{place.name} ended: {self._log()}"
                assert time.monotonic() < end, f"{place.name} is not ready again"
                await asyncio.sleep(0.1)

    def lock(self) -> Callable[[], None]:
        """Hold SQLite's write lock, as another process may, until what is given back is called."""
        connection = sqlite3.connect(
            self.folder / "walkwire.db", isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("BEGIN IMMEDIATE")

        def release() -> None:
            connection.execute("ROLLBACK")
            connection.close()

        return release

    def _log(self) -> str:
        return (self.folder / "server.log").read_text()[-10_000:]

    def _start(self, place: Place) -> Server:
        settings = {"token_secret": "s" * 32}
        if self.database is not None and place.wire is not None:
            settings |= {"database": self.database.url_at(place.wire.port), "database_timeout": "3"}
        if self.broker is not None:
            settings["broker"] = self.broker.url
        for left in reversed(range(5)):
            try:
                return Server(PROGRAM, self.folder, **settings)
            except AssertionError:  # the database may be away at just this moment
                if not left:
                    raise
                time.sleep(0.5)
        raise AssertionError


@asynccontextmanager
async def stack(kind: Kind, folder: Path, servers: int, chance: random.Random) -> AsyncIterator[Stack]:
    """A stack inside the block. SQLite has one server, whatever `servers` says."""
    async with AsyncExitStack() as undo:
        if kind == "sqlite":
            made = Stack(folder, [Place("server 0", None)], None, None)
        else:
            database = undo.enter_context(postgres_server())
            broker = undo.enter_context(service("redis" if kind.endswith("redis") else "nats", folder))
            wires = [Wire(database.port, random.Random(chance.random())) for _ in range(servers)]
            for wire in wires:
                undo.enter_context(wire)
            places = [Place(f"server {number}", wire) for number, wire in enumerate(wires)]
            made = Stack(folder, places, database, broker)
        for place in made.places:
            await made.start(place)
        try:
            yield made
        finally:
            for place in made.places:
                if place.wire is not None:
                    place.wire.calm()
                await made.kill(place)
