"""Ground: what a kind of history needs, and the servers on it: how they are made, and how they die."""

from __future__ import annotations

import asyncio
import random
from asyncio import Future
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

from tests.histories.recovery.world import Place
from tests.wire.conftest import House
from walkwire.broker import Broker
from walkwire.brokers.link import Link
from walkwire.ending import end_tasks
from walkwire.history import RECENT, History, Retention
from walkwire.wire.limits import Limits
from walkwire.wire.message.notification import Kind, Notification
from walkwire.wire.streams.streams import LevelOf
from walkwire.wire.wire import Wire

SHORT = 1.5  # seconds that the channel `attic` is kept
FEW = 30  # notifications that are kept of the channel `hall`
UNSENT = 32 * 1024  # bytes that may wait for a client that does not read


class Ground(Protocol):
    """The services of one run, used as an asynchronous context manager. Several worlds are on it at once."""

    async def place(self, number: int, chance: random.Random) -> Place:
        """Return the servers of one world."""

    async def storm(self, chance: random.Random) -> None:
        """Break services again and again, until it is cancelled."""

    async def calm(self) -> None:
        """Mend everything."""

    def lose_appends(self) -> None:
        """Break the product: of the worlds from now on, some appends are lost, and nobody is told."""

    async def __aenter__(self) -> Ground:
        """Start the services."""

    async def __aexit__(self, *_: object) -> None:
        """Stop them."""

    def close(self) -> None:
        """Leave nothing behind."""


def level_of(kind: Kind, name: str) -> Retention:
    """Return how much is kept of a stream: little of `hall`, `attic` for a short time."""
    return {"hall": Retention(FEW, 300.0), "attic": Retention(300, SHORT)}.get(name, RECENT)


async def serve(
    broker: Broker, history: History, clock: Callable[[], float], levels: LevelOf = level_of
) -> House:
    """Return a started server."""
    wire = Wire(broker, limits=Limits(unsent=UNSENT), clock=clock, history=history, level_of=levels)
    await wire.start()
    return House(wire, AsyncExitStack())


async def die(house: House, *links: Link) -> None:
    """End as a server that is killed: what it had not written is lost, and its clients lose their connections.

    `links`: its connections to brokers.
    """
    for link in links:
        task, link._task = link._task, None
        await end_tasks(task)
        link._forget("it was killed")
    for client in house.hub.everybody():
        client.transport.abort()
    await asyncio.sleep(0)
    await house.wire.stop()


async def tell(house: House, notification: Notification) -> Future[None] | None:
    """Send what a client or a service sends."""
    return house.hub.publish(notification)


async def settle(house: House | None) -> None:
    """Wait until nothing is under way in memory, but for what waits for a history that is cut off."""
    if house is not None:
        while under_way := house.wire.connections.under_way | house.hub.membership.settling:
            await asyncio.wait(under_way)
    for _ in range(5):
        await asyncio.sleep(0)
