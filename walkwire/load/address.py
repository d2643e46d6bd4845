"""Address: where a server is, how one gets in, and how it is asked to tell others: walkwire's way, unless it is another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from walkwire.errors import StartError

_SCHEMES = {"ws": 80, "http": 80, "wss": 443, "https": 443}
_CHANNEL = "{channel}"


@dataclass(frozen=True, slots=True)
class Address:
    """A WebSocket's. `{channel}` in `path`, `before` and `says` stands for the id of a channel.

    After the handshake each of `says` is said; one is in when the server has said `greeted` messages. Who writes `before`, some
    data and `after` has the server tell all in the channel, and they hear `heard` and the data.
    """

    host: str
    port: int
    path: str = "/websocket?channel_id={channel}"
    is_secure: bool = False
    token: str | None = None
    says: Sequence[str] = ()
    greeted: int = 1
    before: str = '{"type":"channel","channel_ids":["{channel}"],"data":'
    after: str = "}"
    heard: str = ""

    @classmethod
    def at(cls, url: str, token: str | None = None) -> Address:
        """That of a walkwire: `127.0.0.1:8000`, `wss://shop.example/live`. `token` signs in. Raises StartError."""
        parts = urlsplit(url if "//" in url else f"ws://{url}")
        try:
            port = parts.port or _SCHEMES[parts.scheme]
        except (ValueError, KeyError):
            raise StartError(f"Not the address of a server: {url}") from None
        if not parts.hostname:
            raise StartError(f"Not the address of a server: {url}")
        path = parts.path if parts.path not in ("", "/") else "/websocket"
        is_secure = parts.scheme in ("wss", "https")
        return cls(parts.hostname, port, f"{path}?channel_id={_CHANNEL}", is_secure, token)

    def request(self, channel_id: str, key: str) -> bytes:
        """What opens one, in a channel (RFC 6455, 4.1)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"GET {self.path.replace(_CHANNEL, quote(channel_id, safe=''))} HTTP/1.1",
            f"Host: {host}:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if self.token is not None:
            lines.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join([*lines, "", ""]).encode()

    def first_words(self, channel_id: str) -> list[bytes]:
        """What is said after the handshake."""
        return [said.replace(_CHANNEL, channel_id).encode() for said in self.says]

    def tell(self, channel_id: str, data: str) -> bytes:
        """What is said so that all in the channel hear `data`, which is JSON."""
        return f"{self.before.replace(_CHANNEL, channel_id)}{data}{self.after}".encode()
