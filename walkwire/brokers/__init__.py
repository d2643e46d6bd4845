"""Brokers: the kinds of broker, chosen by URL, so that a driver is needed only by those who use it."""

from __future__ import annotations

from walkwire.broker import Broker
from walkwire.errors import StartError


def open_broker(url: str = "memory://") -> Broker:
    """The broker at `url`, not started yet. Raises StartError."""
    scheme = url.partition(":")[0]
    if scheme == "memory":
        from walkwire.brokers.memory import MemoryBroker

        return MemoryBroker()
    raise StartError(f"No broker of the kind {scheme!r}: give memory://")
