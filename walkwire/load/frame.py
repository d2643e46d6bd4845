"""Frame: the part of RFC 6455 that a client needs to send text and to count messages."""

from __future__ import annotations

from websockets.frames import Frame, Opcode

TEXT, CLOSE, PING = int(Opcode.TEXT), int(Opcode.CLOSE), int(Opcode.PING)


def text(payload: bytes) -> bytes:
    """Return a masked text frame. It may be sent any number of times."""
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


def pong(payload: bytes) -> bytes:
    """Return the frame that answers a ping."""
    return Frame(Opcode.PONG, payload).serialize(mask=True)


def measure(data: bytes, place: int) -> tuple[int, int] | None:
    """Return the start and the end of the payload of the frame at `place`; None if the frame is incomplete."""
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
