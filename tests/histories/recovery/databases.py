"""Databases: durable streams, on one server with SQLite and on three with PostgreSQL, which is stopped, frozen and broken.

Streams of clients are not durable: they are in memory, or in a history behind a simulated network. That network loses, too, what
servers tell each other of new entries, so that they have to find them in the database.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from asyncio import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from tests.histories.recovery import ground
from tests.histories.recovery.memory import Clock
from tests.histories.recovery.world import PATIENCE
from tests.postgres import PostgresServer, postgres_server
from tests.wire.conftest import House
from tests.wire.streams.network import Front, KeepingBroker, Network
from walkwire.broker import Broker
from walkwire.brokers.memory import MemoryBroker
from walkwire.errors import StartError
from walkwire.histories import durable
from walkwire.histories.durable import DurableHistory
from walkwire.histories.layered import LayeredHistory
from walkwire.histories.memory import MemoryHistory
from walkwire.history import History, Retention
from walkwire.server.streams.durable import DurableEntries, DurableWriter, kept_of
from walkwire.store import Asking, Changes, Reads, Store
from walkwire.stores import open_store
from walkwire.walk.run.threads import Mailbox
from walkwire.wire.message import envelope
from walkwire.wire.message.notification import Kind, Notification
from walkwire.wire.streams import following

SERVERS = 3
CONNECTIONS = 4  # of a server to PostgreSQL
HASTY: tuple[tuple[Any, str, float], ...] = (
    (durable, "TRIM_SECONDS", 0.3),
    (following, "DURABLE_SECONDS", 0.3),
    (following, "LOOK_SECONDS", 3.0),
)


def level_of(kind: Kind, name: str) -> Retention:
    """Return how much is kept of a stream: as elsewhere, but durable, unless it is a client's."""
    return ground.level_of(kind, name)._replace(is_durable=kind != "clients")


class Durable:
    """A server whose streams are in a database. `loses`: whether some of what it commits is lost."""

    def __init__(self, url: str, loses: bool) -> None:
        self.house: House
        self._store: Store = open_store(url, connections=CONNECTIONS, seconds=3)
        self._asking = Asking()
        self._entries = DurableEntries(level_of)
        self._is_dead = False
        self._tasks: set[asyncio.Task[None]] = set()
        if loses:
            _lose_some(self._store)

    async def start(self, broker: Broker, recent: History) -> Durable:
        kept = DurableHistory(self._store, self._asking, broker, envelope.kept_topic)
        self.house = await ground.serve(broker, LayeredHistory(recent, kept), Clock(), level_of)
        self._mailbox = Mailbox(asyncio.get_running_loop())
        self.house.hub.use_writer(
            DurableWriter(self._store, self._asking, self._mailbox, self._entries, self._notify)
        )
        return self

    def tell(self, notification: Notification, is_walk: bool, chance: random.Random) -> Future[None] | None:
        """Send as a client does, or as a walk does. One walk in ten is committed by a server that dies before it sends."""
        if notification.kind == "clients" or not is_walk:
            return self.house.hub.publish(notification)
        task = asyncio.ensure_future(self._walk(notification, chance.random() > 0.1))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _walk(self, notification: Notification, tells: bool) -> None:
        kind, targets, data = notification.kind, notification.targets, notification.data
        entries = self._entries.of(kind, targets, data)

        def then() -> None:
            if tells:
                told = Notification(kind, targets, data, kept=kept_of(entries))
                self._mailbox.post(self._notify, told)

        await self._asking.ask(self._store.commit, Reads(), Changes(entries=entries), then)

    def _notify(self, notification: Notification) -> None:
        if not self._is_dead:
            self.house.hub.notify(notification)

    async def die(self) -> None:
        self._is_dead = True
        await ground.die(self.house)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._asking.close()
        await asyncio.to_thread(self._store.close)


def _lose_some(store: Store) -> None:
    """Let some commits say that they have written an entry, and write nothing."""
    commit, counted = store.commit, [0]

    def commit_less(reads: Reads, changes: Changes, then: Any, *more: Any, **others: Any) -> Any:
        counted[0] += len(changes.entries)
        if changes.entries and counted[0] % 30 < len(changes.entries):
            changes.entries.pop()
        return commit(reads, changes, then, *more, **others)

    store.commit = commit_less  # type: ignore[method-assign]


class Stored:
    """The servers of one world on one database. `is_shared`: whether there are several."""

    has_walks = True

    def __init__(self, url: str, chance: random.Random, is_shared: bool, loses: bool) -> None:
        self._url, self._chance, self._loses = url, chance, loses
        self._servers: list[Durable] = []
        self._network = Network(chance, Clock()) if is_shared else None

    @property
    def houses(self) -> list[House]:
        return [server.house for server in self._servers]

    async def start(self) -> Stored:
        for _ in range(SERVERS if self._network is not None else 1):
            await self._add()
        return self

    async def _add(self) -> None:
        server = await self._open()
        if self._network is None:
            self._servers.append(await server.start(MemoryBroker(), MemoryHistory()))
            return
        front = Front(self._network)
        broker = LossyBroker(self._network, front)
        self._network.fronts.append(front)
        self._servers.append(await server.start(broker, front))

    async def _open(self) -> Durable:
        """Open the database. Tries again while it is being restarted."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await asyncio.to_thread(Durable, self._url, self._loses)
                except StartError:
                    await asyncio.sleep(0.1)

    async def tell(self, house: House, notification: Notification, is_walk: bool) -> Future[None] | None:
        (server,) = (server for server in self._servers if server.house is house)
        return server.tell(notification, is_walk, self._chance)

    async def settle(self, house: House | None) -> None:
        await asyncio.sleep(0.001)

    async def wait(self, chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0, 1.2 * ground.SHORT))

    async def strike(self, chance: random.Random) -> None:
        number = chance.randrange(len(self._servers))
        match chance.choice(("cut", "mend", "mend", "lossy", "whole", "kill")):
            case "kill" if chance.random() < 0.4:
                if self._network is not None:
                    self._network.fronts.pop(number).cut()
                await self._servers.pop(number).die()
                await self._add()
            case "cut" if self._network is not None:
                self._network.fronts[number].cut()
            case "mend" if self._network is not None:
                self._network.fronts[number].mend()
            case "lossy" if self._network is not None:
                self._network.losses = 0.3
            case "whole" if self._network is not None:
                self._network.losses = 0.0

    async def calm(self) -> None:
        if self._network is not None:
            self._network.losses = 0.0
            for front in self._network.fronts:
                front.mend()

    async def close(self) -> None:
        for server in self._servers:
            await server.die()


class LossyBroker(KeepingBroker):
    """A broker that loses what it is told of entries of durable streams, as often as the network loses anything."""

    def publish(self, topic: str, message: bytes) -> None:
        if topic.startswith(envelope.KEPT) and self._network.chance.random() < self._network.losses:
            return
        super().publish(topic, message)


class SqliteGround:
    """A file for each world."""

    def __init__(self) -> None:
        self._loses = False
        self._stack = ExitStack()

    async def __aenter__(self) -> SqliteGround:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._stack.close)

    def close(self) -> None:
        """End."""

    async def place(self, number: int, chance: random.Random) -> Stored:
        return await Stored(f"sqlite:///{self._folder}/{number}.db", chance, False, self._loses).start()

    async def storm(self, chance: random.Random) -> None:
        pass

    async def calm(self) -> None:
        pass

    def lose_appends(self) -> None:
        self._loses = True


class PostgresGround(SqliteGround):
    """A server of its own, with a database for each world."""

    async def __aenter__(self) -> PostgresGround:
        await super().__aenter__()
        self._server: PostgresServer = await asyncio.to_thread(self._stack.enter_context, postgres_server())
        return self

    async def place(self, number: int, chance: random.Random) -> Stored:
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE world_{number}")
        url = f"{self._server.url.rpartition('/')[0]}/world_{number}"
        return await Stored(url, chance, True, self._loses).start()

    async def storm(self, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.uniform(2, 5))
            await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(self._strike, chance)))

    def _strike(self, chance: random.Random) -> None:
        match chance.choice(("freeze", "break", "break", "crash")):
            case "freeze":
                with self._server.frozen():
                    time.sleep(chance.choice((0.1, 0.5, 2.5)))
            case "break":
                with psycopg.connect(self._server.url, autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname LIKE 'world_%' AND random() < 0.5"
                    )
            case "crash":
                self._server.stop("immediate")
                self._server.start()
