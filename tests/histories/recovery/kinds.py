"""Kinds: the histories over which the suite runs, and what may be broken to see it fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.histories.recovery import brokers, databases
from tests.histories.recovery.brokers import BrokerGround
from tests.histories.recovery.databases import PostgresGround, SqliteGround
from tests.histories.recovery.ground import Ground
from tests.histories.recovery.memory import MemoryGround
from walkwire.wire.streams.following import Following
from walkwire.wire.streams.stream import Heard, Stream


class Kind(NamedTuple):
    """How the services of a kind are made, and how many worlds are on them at once."""

    make: Callable[[], Ground]
    worlds: int


KINDS: dict[str, Kind] = {
    "memory": Kind(lambda: MemoryGround(is_shared=False), 4),
    "network": Kind(lambda: MemoryGround(is_shared=True), 4),
    "redis": Kind(lambda: BrokerGround("redis"), 24),
    "nats": Kind(lambda: BrokerGround("nats"), 8),
    "sqlite": Kind(SqliteGround, 12),
    "postgres": Kind(PostgresGround, 6),
}

Patch = tuple[Any, str, Any]
"""A module or a class, the name of an attribute, and its value in a run."""

HASTY: tuple[Patch, ...] = tuple({patch[:2]: patch for patch in (*brokers.HASTY, *databases.HASTY)}.values())
SABOTAGE = ("gap", "append")


def sabotage(ground: Ground, fault: str) -> list[Patch]:
    """Break the product in one way. Return what has to be patched for it.

    - gap: servers do not notice that an entry is missing between two that they hear
    - append: some notifications are acknowledged, and not in their streams
    """
    if fault == "append":
        ground.lose_appends()
        return []
    follow = Following._follow

    def careless(self: Following, stream: Stream, heard: Heard) -> bool:
        return follow(self, stream, heard._replace(previous=0))

    return [(Following, "_follow", careless)]
