"""Plan: what is asked for, and where."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from walkwire.errors import StartError

_SCHEMES = {"ws": 80, "http": 80, "wss": 443, "https": 443}


@dataclass(frozen=True, slots=True)
class Plan:
    """`connections` over `channels`, in turn; `rate` messages a second in all, for `seconds`, of `size` bytes or a little more.

    `token` signs each connection in. After the last message `patience` seconds may pass without a delivery. Raises StartError for
    what makes no sense.
    """

    url: str
    connections: int
    channels: int
    rate: float
    seconds: float
    size: int = 100
    token: str | None = None
    patience: float = 3.0

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= self.connections:
            raise StartError(
                f"Each channel needs a connection: {self.channels} channels, {self.connections} connections"
            )
        if self.rate <= 0 or self.seconds <= 0:
            raise StartError("The rate and the seconds have to be more than 0")
        self.address()

    @property
    def messages(self) -> int:
        """How many there will be."""
        return max(1, round(self.rate * self.seconds))

    def address(self) -> Address:
        """Where that is. Raises StartError."""
        parts = urlsplit(self.url if "//" in self.url else f"ws://{self.url}")
        try:
            port = parts.port or _SCHEMES[parts.scheme]
        except (ValueError, KeyError):
            raise StartError(f"Not the address of a server: {self.url}") from None
        if not parts.hostname:
            raise StartError(f"Not the address of a server: {self.url}")
        path = parts.path if parts.path not in ("", "/") else "/websocket"
        return Address(parts.hostname, port, path, parts.scheme in ("wss", "https"))


@dataclass(frozen=True, slots=True)
class Address:
    """A WebSocket's."""

    host: str
    port: int
    path: str
    is_secure: bool

    def request(self, channel_id: str, token: str | None, key: str) -> bytes:
        """What opens one, in a channel (RFC 6455, 4.1)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"GET {self.path}?channel_id={quote(channel_id, safe='')} HTTP/1.1",
            f"Host: {host}:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        return "\r\n".join([*lines, "", ""]).encode()
