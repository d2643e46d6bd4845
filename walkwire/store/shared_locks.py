"""Shared locks: locks that the walks of all servers on one database see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Protocol


def lock_keys(
    records: Iterable[str], neighbourhoods: Iterable[str], kinds: Iterable[str] = ()
) -> frozenset[str]:
    """Return the names of the locks of records, of nodes' neighbourhoods and of kinds, for which retried walks queue."""
    return frozenset(
        chain(
            (f"{id}r" for id in records), (f"{id}n" for id in neighbourhoods), (f"{kind}k" for kind in kinds)
        )
    )


def are_of_kinds(keys: Iterable[str]) -> frozenset[str]:
    """Return those of some locks' names (`lock_keys`) that are of kinds."""
    return frozenset(key for key in keys if key[-1] == "k")


class Crowd(Protocol):
    """Locks that the walks of all servers on one database see. Who comes first depends on them, and nothing else does.

    At most `width` walks of a server may hold such locks, read in a snapshot or wait for one of both: each costs a connection.
    """

    @property
    def width(self) -> int: ...

    def take(self, keys: Collection[str], patience: float, hold: float) -> Callable[[], None]:
        """Wait in line for all of these, and hold them until what is given back is called, from any thread, once. After `hold`
        seconds they may be free again by themselves. Raises TimeoutError after `patience` seconds."""
