"""Client: what the hub and delivery know of one connection, and the transport that carries its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.session import ClientSession


class Transport(Protocol):
    """Carries frames to one peer. No call waits, none raises.

    `write` takes whole RFC 6455 frames, one or several joined. It is read once, and may be the event loop's own function. A
    transport that has taken more than it can send calls `Connection.lag`, and `catch_up` when most of it is sent.
    """

    @property
    def write(self) -> Callable[[bytes], object]:
        """Return the function that writes frames."""

    def unsent(self) -> int:
        """Return the number of bytes that were taken and not sent yet."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what was written, and close."""

    def abort(self) -> None:
        """Disconnect at once. What was not sent is lost."""

    def pause(self) -> None:
        """Stop reading until `resume`, so that the peer has to wait."""

    def resume(self) -> None:
        """Read again."""


class Term(NamedTuple):
    """What a token gives a client.

    - session: id of the session that the token belongs to; the client is signed out when it ends
    - expires: the Unix second at which the token expires
    - notice: how many seconds before that the client is told; 0: it is not told
    """

    session: str
    expires: int
    notice: int = 0


class Receiver:
    """The attribute that is read for each of many receivers. It is in a base class, so that it lies beside the object's head in
    memory: one cache line is read."""

    __slots__ = ("write",)
    write: Callable[[bytes], object]


class Client(Receiver):
    """One connection. The hub changes the user and the channels; `Turn` changes the frames and the transport.

    - id: never changes once the client has entered the hub
    - channel_id: the one in the connection frame; never changes. Empty: a client of version 2
    - address: what it is counted by, beside its user (`walkwire/addresses.py`)
    - has_own_channel: whether `channel_id` was made for this client
    - root_id: its user
    - term: until when; None: the public user, or not known
    - channels: the channels that it has joined
    - refused: those of them that a policy, a rule or the rights on a node keep it out of
    - given: the channels that a walker or a channel token put it into, where that counts later, each with the user for whom, or
      None for any user; None: there are none
    - channel_token: shown in the URL for `channel_id`; None: there is none
    - session: what it has as a client of version 2; None: it is one of version 1
    - frames: what is written at the end of this turn of the event loop; None: nothing
    - write: the transport's own function, or that of `wire/delivery/lag` while the client lags
    """

    __slots__ = (
        "address",
        "channel_id",
        "channel_token",
        "channels",
        "frames",
        "given",
        "has_own_channel",
        "id",
        "refused",
        "root_id",
        "session",
        "term",
        "transport",
    )

    def __init__(
        self,
        client_id: str,
        root_id: str,
        channel_id: str,
        has_own_channel: bool,
        transport: Transport,
        address: str = "",
        channel_token: str | None = None,
    ) -> None:
        self.id = client_id
        self.address = address
        self.root_id = root_id
        self.term: Term | None = None
        self.channel_id = channel_id
        self.has_own_channel = has_own_channel
        self.channels: set[str] = {channel_id}
        self.refused: frozenset[str] = frozenset()
        self.given: dict[str, str | None] | None = None
        self.channel_token = channel_token
        self.session: ClientSession | None = None
        self.frames: list[bytes] | None = None
        self.use_transport(transport)

    def use_transport(self, transport: Transport) -> None:
        """Write to this transport from now on."""
        self.transport: Transport = transport
        self.write = transport.write

    @property
    def is_authenticated(self) -> bool:
        """Return whether the user is not the public one."""
        return self.root_id != PUBLIC_ROOT


class Hold:
    """A transport that buffers, until the client's subscriptions are in force and the frame that comes first is written.

    - behind: the transport that is written to afterwards
    - kept: what was written meanwhile
    """

    __slots__ = ("_size", "behind", "kept")

    def __init__(self, behind: Transport) -> None:
        self.behind = behind
        self.kept: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Buffer frames."""
        self.kept.append(data)
        self._size += len(data)

    def unsent(self) -> int:
        """Return the size of the buffer in bytes."""
        return self._size

    def close(self, code: int, reason: str) -> None:
        """Close the transport behind."""
        self.behind.close(code, reason)

    def abort(self) -> None:
        """Abort the transport behind."""
        self.behind.abort()

    def pause(self) -> None:
        """Pause the transport behind."""
        self.behind.pause()

    def resume(self) -> None:
        """Resume the transport behind."""
        self.behind.resume()


class Gone:
    """The transport of a client that has gone. Discards everything."""

    __slots__ = ()

    def write(self, data: bytes) -> None:
        """Discard frames."""

    def unsent(self) -> int:
        """Return 0."""
        return 0

    def close(self, code: int, reason: str) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""


GONE = Gone()
