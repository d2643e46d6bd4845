"""Kinds: what each kind of broker can do. A kind imports its driver only to make a broker."""

from __future__ import annotations

from walkwire.broker import Broker
from walkwire.urls import masked_url


class _Network:
    """A kind of broker that connects servers over a network."""

    is_multi_server = True

    def shown(self, url: str) -> str:
        """Return the URL with asterisks in place of each password."""
        return masked_url(url)


class MemoryKind:
    """No network: the broker of a server that runs alone. See `broker.BrokerKind`."""

    schemes = ("memory",)
    example = "memory://"
    is_multi_server = False

    def make(self, url: str) -> Broker:
        """Make a broker with a bus of its own."""
        from walkwire.brokers.memory import MemoryBroker

        return MemoryBroker()

    async def version(self, url: str) -> str:
        """Return what it is: there is no service."""
        return "none"

    def shown(self, url: str) -> str:
        """Return the URL as it is: it holds no password."""
        return url


class RedisKind(_Network):
    """One Redis server over TCP, TLS or a Unix socket. See `broker.BrokerKind`."""

    schemes = ("redis", "rediss", "unix")
    example = "redis://…"

    def make(self, url: str) -> Broker:
        """Make a broker. Raises StartError if the URL is not one of Redis."""
        from walkwire.brokers.redis import open_redis

        return open_redis(url)

    async def version(self, url: str) -> str:
        """Ask the server. Raises StartError."""
        from walkwire.brokers.redis import version_of

        return await version_of(url)


class RedisClusterKind(_Network):
    """A Redis cluster. See `broker.BrokerKind`."""

    schemes = ("redis+cluster", "rediss+cluster")
    example = "redis+cluster://…"

    def make(self, url: str) -> Broker:
        """Make a broker. Raises StartError if the URL is not one of a Redis cluster."""
        from walkwire.brokers.redis_cluster import open_redis_cluster

        return open_redis_cluster(url)

    async def version(self, url: str) -> str:
        """Ask the first node that the URL names. Raises StartError."""
        from walkwire.brokers.redis import version_of
        from walkwire.brokers.redis_cluster import first_node

        return await version_of(first_node(url))


class NatsKind(_Network):
    """One or several NATS servers. See `broker.BrokerKind`."""

    schemes = ("nats", "tls")
    example = "nats://…"

    def make(self, url: str) -> Broker:
        """Make a broker. Raises StartError if the URL is not one of NATS."""
        from walkwire.brokers.nats import open_nats

        return open_nats(url)

    def shown(self, url: str) -> str:
        """Return the URL with asterisks in place of each password, and of a user that is a token."""
        return masked_url(url, is_user_secret=True)

    async def version(self, url: str) -> str:
        """Ask the server. Raises StartError."""
        from walkwire.brokers.nats import version_of

        return await version_of(url)
