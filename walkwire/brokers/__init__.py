"""Brokers: the kinds of broker. The scheme of a URL chooses one; its driver is imported when the broker is made."""

from __future__ import annotations

from walkwire.broker import Broker, BrokerKind
from walkwire.brokers.kinds import MemoryKind, NatsKind, RedisClusterKind, RedisKind
from walkwire.errors import StartError

MEMORY = "memory://"
KINDS: tuple[BrokerKind, ...] = (MemoryKind(), RedisKind(), RedisClusterKind(), NatsKind())


def kind_of(url: str) -> BrokerKind:
    """Return the kind of the broker at `url`. Raises StartError, which names the kinds, if the scheme is unknown."""
    scheme = url.partition(":")[0]
    for kind in KINDS:
        if scheme in kind.schemes:
            return kind
    *examples, last = (kind.example for kind in KINDS)
    raise StartError(f"No broker of the kind {scheme!r}: give {', '.join(examples)} or {last}")


def open_broker(url: str = MEMORY) -> Broker:
    """Return a broker for `url`, not started yet. Raises StartError, also if the driver is not installed."""
    try:
        return kind_of(url).make(url)
    except ModuleNotFoundError as error:
        extra = str(error.name).partition(".")[0]
        scheme = url.partition(":")[0]
        raise StartError(
            f"The broker {scheme}:// needs the package {extra}: pip install 'walkwire[{extra}]'"
        ) from None
