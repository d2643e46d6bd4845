"""Close: the close codes of `docs/protocol.md`. 40xx: do not reconnect, 41xx: reconnect later, 42xx: reconnect now."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

REASON_BYTES = 123  # RFC 6455, 5.5: a control frame holds 125 bytes, two of them the code


class Close(NamedTuple):
    """Why a connection is closed.

    - reconnect_in: milliseconds that the client should wait before it reconnects; None: its own choice
    """

    code: int
    reason: str
    reconnect_in: int | None = None

    def text(self) -> str:
        """Return the reason as it is sent, JSON of at most 123 bytes: `{"reconnect_in":<ms or null>,"reason":"…"}`."""
        reason = self.reason[:REASON_BYTES]
        while len(text := _encode(self.reconnect_in, reason)) > REASON_BYTES:
            reason = reason[:-1]
        return text.decode()


GOING = Close(1001, "the server is going", 1000)
BROKEN = Close(1002, "protocol broken")
UNSUPPORTED = Close(1003, "unsupported data")
NOT_TEXT = Close(1007, "a text frame that is not UTF-8")
TOO_BIG = Close(1009, "frame over the limit")
REVOKED = Close(4001, "token revoked or expired")
REFUSED = Close(4003, "refused by origin or policy")
NOT_CONNECTED = REFUSED._replace(reason="no connect event came in time")
TAKEN = Close(4009, "taken over by another connection of the session")
SILENT = Close(4100, "no pong", 1000)
UNREACHED = SILENT._replace(reason="the history cannot be reached")
SLOW = Close(4108, "too slow", 1000)
FLOODING = Close(4129, "too many events or connections", 5000)
TOO_MUCH = FLOODING._replace(reason="all connections together hold too much")
UNFINISHED = FLOODING._replace(reason="a message did not arrive in time")
NOTHING_SENT = FLOODING._replace(reason="nothing was sent, and nobody has signed in")
DRAIN = Close(4200, "this server is being replaced", 0)


def _encode(reconnect_in: int | None, reason: str) -> bytes:
    return msgspec.json.encode({"reconnect_in": reconnect_in, "reason": reason})
