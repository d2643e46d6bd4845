"""Brokers: the kinds of broker, chosen by URL, so that a driver is needed only by those who use it."""

from __future__ import annotations

from walkwire.broker import Broker
from walkwire.errors import StartError

MEMORY = "memory://"


def open_broker(url: str = MEMORY) -> Broker:
    """The broker at `url`, not started yet. Raises StartError."""
    scheme = url.partition(":")[0]
    try:
        match scheme:
            case "memory":
                from walkwire.brokers.memory import MemoryBroker

                return MemoryBroker()
            case "redis" | "rediss" | "unix":
                from walkwire.brokers.redis import open_redis

                return open_redis(url)
            case "redis+cluster" | "rediss+cluster":
                from walkwire.brokers.redis_cluster import open_redis_cluster

                return open_redis_cluster(url)
            case "nats" | "tls":
                from walkwire.brokers.nats import open_nats

                return open_nats(url)
    except ModuleNotFoundError as error:
        extra = str(error.name).partition(".")[0]
        raise StartError(
            f"The broker {scheme}:// needs the package {extra}: pip install 'walkwire[{extra}]'"
        ) from None
    raise StartError(f"No broker of the kind {scheme!r}: give memory://, redis://… or nats://…")
