"""Client: one live connection as the hub sees it, and the transport that carries its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from walkwire.ids import PUBLIC_ROOT


class Transport(Protocol):
    """What carries frames to one peer. No call waits, none raises.

    `write` takes whole RFC 6455 frames, several may be joined. It is asked for once, and may be the event loop's own. A transport
    that takes more than it can send says so: `Connection.lag`, and `catch_up` when most of it is sent.
    """

    @property
    def write(self) -> Callable[[bytes], object]: ...

    def unsent(self) -> int:
        """The number of bytes taken and not yet sent."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye after what was written, and end."""

    def abort(self) -> None:
        """End at once; what was not sent is lost."""

    def pause(self) -> None:
        """Hear nothing more until `resume`, so that the peer's sending waits."""

    def resume(self) -> None:
        """Hear again."""


class Hearer:
    """What is looked at for each of a crowd. A base comes first in memory, beside the object's head: one look is enough."""

    __slots__ = ("write",)
    write: Callable[[bytes], object]


class Client(Hearer):
    """Who is at the other end. Only the hub changes what it holds.

    `id` and `channel_id` are for life: the channel is the one that the connection frame names, `has_own_channel` tells that it
    is a random one. `channels` are those the client is to be in, `refused` those of them that the join policy keeps it out
    of. `frames` is what waits for the end of this turn of the loop. `write` is the transport's own, which saves a step for each
    of a crowd, or that of `wire/delivery/lag`.
    """

    __slots__ = (
        "channel_id",
        "channels",
        "frames",
        "has_own_channel",
        "id",
        "refused",
        "root_id",
        "transport",
    )

    def __init__(
        self, client_id: str, root_id: str, channel_id: str, has_own_channel: bool, transport: Transport
    ) -> None:
        self.id = client_id
        self.root_id = root_id
        self.channel_id = channel_id
        self.has_own_channel = has_own_channel
        self.channels: set[str] = {channel_id}
        self.refused: frozenset[str] = frozenset()
        self.frames: list[bytes] | None = None
        self.ride(transport)

    def ride(self, transport: Transport) -> None:
        """Be carried by this transport from now on."""
        self.transport: Transport = transport
        self.write = transport.write

    @property
    def is_authenticated(self) -> bool:
        return self.root_id != PUBLIC_ROOT


class Hold:
    """A transport that keeps what it is given: while a client's subscriptions come into force, for a frame that goes before."""

    __slots__ = ("_size", "behind", "kept")

    def __init__(self, behind: Transport) -> None:
        self.behind = behind
        self.kept: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        self.kept.append(data)
        self._size += len(data)

    def unsent(self) -> int:
        return self._size

    def close(self, code: int, reason: str) -> None:
        self.behind.close(code, reason)

    def abort(self) -> None:
        self.behind.abort()

    def pause(self) -> None:
        self.behind.pause()

    def resume(self) -> None:
        self.behind.resume()


class Gone:
    """The transport of a client that has gone: frames still on their way to it end here."""

    __slots__ = ()

    def write(self, data: bytes) -> None:
        pass

    def unsent(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        pass

    def abort(self) -> None:
        pass

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass


GONE = Gone()
