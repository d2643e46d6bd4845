"""Frame: as much of RFC 6455 as a client needs that counts what it is told."""

from __future__ import annotations

from websockets.frames import Frame, Opcode

TEXT, CLOSE, PING = int(Opcode.TEXT), int(Opcode.CLOSE), int(Opcode.PING)


def text(payload: bytes) -> bytes:
    """A text frame of a client, which may be sent as often as one likes."""
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return Frame(Opcode.PONG, payload).serialize(mask=True)


def measure(data: bytes, place: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `place` begins and ends; None where not all of it is here."""
    start = place + 2
    if len(data) < start:
        return None
    size = data[place + 1] & 0x7F
    if size > 125:
        width = 2 if size == 126 else 8
        start += width
        size = int.from_bytes(data[start - width : start], "big")
    end = start + size
    return (start, end) if end <= len(data) and start <= len(data) else None
