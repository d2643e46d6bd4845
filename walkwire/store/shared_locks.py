"""Shared locks: locks that the walks of all servers on one database see.

Guarantee: correctness does not depend on them, only the order in which contending walks commit. `GraphStore.commit` checks all
reads whether or not locks are held.
"""

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
    """Return those lock names (`lock_keys`) that are locks of kinds."""
    return frozenset(key for key in keys if key[-1] == "k")


class SharedLocks(Protocol):
    """Locks that all servers on one database share, taken by walks that are retried under contention."""

    @property
    def width(self) -> int:
        """Return how many walks of a server may hold such locks, wait for them or read in a snapshot: each needs a connection."""

    def take(self, keys: Collection[str], patience: float, hold: float) -> Callable[[], None]:
        """Wait until all of these locks are acquired. Returns a function that releases them; call it once, from any thread.

        - `patience`: seconds to wait. Raises TimeoutError afterwards.
        - `hold`: seconds after which the database may release the locks by itself.
        """
