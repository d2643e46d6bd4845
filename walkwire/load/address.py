"""Address: the address of a server, and its messages to sign in and to send to a channel. The defaults are walkwire's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from walkwire.errors import StartError
from walkwire.urls import server_at

_CHANNEL = "{channel}"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a WebSocket. `{channel}` in `path`, `before` and `says` stands for the id of a channel.

    - protocol: the subprotocol to ask for; None: none
    - source: address of this machine to connect from; None: the system chooses
    - says: messages that a client sends after the handshake
    - greeted: number of messages that the server sends before a client is connected
    - before, after: what a client sends around some data, so that the server sends the data to all members of the channel
    - heard: what a member receives in front of the data
    """

    host: str
    port: int
    path: str = "/websocket?channel_id={channel}"
    is_secure: bool = False
    token: str | None = None
    source: str | None = None
    says: Sequence[str] = ()
    greeted: int = 1
    before: str = '{"type":"channel","channel_ids":["{channel}"],"data":'
    after: str = "}"
    heard: str = ""
    protocol: str | None = None

    @classmethod
    def at(cls, url: str, token: str | None = None) -> Address:
        """Parse the URL of a walkwire server: `127.0.0.1:8000`, `wss://shop.example/live`. With `token`, clients sign in.

        Raises StartError for a URL that is not valid.
        """
        try:
            server = server_at(url)
        except ValueError:
            raise StartError(f"Not the address of a server: {url}") from None
        path = server.path if server.path not in ("", "/") else "/websocket"
        return cls(server.host, server.port, f"{path}?channel_id={_CHANNEL}", server.is_secure, token)

    def request(self, channel_id: str, key: str) -> bytes:
        """Return the request that opens a WebSocket in a channel (RFC 6455, 4.1)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"GET {self.path.replace(_CHANNEL, quote(channel_id, safe=''))} HTTP/1.1",
            f"Host: {host}:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if self.protocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {self.protocol}")
        if self.token is not None:
            lines.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join([*lines, "", ""]).encode()

    def first_words(self, channel_id: str) -> list[bytes]:
        """Return the messages that a client sends after the handshake."""
        return [said.replace(_CHANNEL, channel_id).encode() for said in self.says]

    def tell(self, channel_id: str, data: str) -> bytes:
        """Return the message that makes the server send `data`, a JSON text, to all members of a channel."""
        return f"{self.before.replace(_CHANNEL, channel_id)}{data}{self.after}".encode()
