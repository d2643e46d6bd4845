"""Kinds: what each kind of history can do. A kind imports its driver only to make a history."""

from __future__ import annotations

from collections.abc import Callable

from walkwire.history import History


class MemoryHistoryKind:
    """In the process of a server that runs alone. See `history.HistoryKind`."""

    schemes = ("memory",)
    limits: str | None = None

    def make(self, url: str, clock: Callable[[], float]) -> History:
        """Make a history that ends with the process."""
        from walkwire.histories.memory import MemoryHistory

        return MemoryHistory(clock)

    async def lack(self, url: str) -> str | None:
        """Return None: there is no service."""
        return None


class RedisHistoryKind:
    """Redis Streams of one server. See `history.HistoryKind`."""

    schemes = ("redis", "rediss", "unix")
    limits: str | None = None

    def make(self, url: str, clock: Callable[[], float]) -> History:
        """Make a history. Raises StartError if the URL is not one of Redis."""
        from walkwire.histories.redis import open_redis_history

        return open_redis_history(url)

    async def lack(self, url: str) -> str | None:
        """Try the scripts."""
        from walkwire.brokers.redis import read_url
        from walkwire.histories.redis import lack_of

        return await lack_of(*read_url(url))


class RedisClusterHistoryKind:
    """Redis Streams of a cluster. See `history.HistoryKind`."""

    schemes = ("redis+cluster", "rediss+cluster")
    limits: str | None = None

    def make(self, url: str, clock: Callable[[], float]) -> History:
        """Make a history. Raises StartError if the URL is not one of a Redis cluster."""
        from walkwire.histories.redis_cluster import open_redis_cluster_history

        return open_redis_cluster_history(url)

    async def lack(self, url: str) -> str | None:
        """Return None: a node refuses keys whose slot is elsewhere, so nothing can be tried on the first."""
        return None


class NatsHistoryKind:
    """JetStream. See `history.HistoryKind`."""

    schemes = ("nats", "tls")
    limits: str | None = (
        "Over NATS, HISTORY has no effect on streams that are not durable: each keeps 300 notifications, for 5 minutes at least"
    )

    def make(self, url: str, clock: Callable[[], float]) -> History:
        """Make a history. Raises StartError if the URL is not one of NATS."""
        from walkwire.histories.nats import open_nats_history

        return open_nats_history(url)

    async def lack(self, url: str) -> str | None:
        """Ask whether there is JetStream."""
        from walkwire.histories.jetstream import lack_of

        return await lack_of(url)
