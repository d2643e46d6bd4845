"""Frame: as much of RFC 6455 as a client needs who counts what it is sent."""

from __future__ import annotations

import struct

MASK = b"\x37\xfa\x21\x3d"

_CONTROL = 0x8
_PING = 0x9
_CLOSE = 0x8


class Ended(Exception):
    """The server said goodbye in the middle of a measurement."""


def text(payload: str) -> bytes:
    """A masked text frame, ready to be sent as often as needed."""
    return _masked(0x1, payload.encode())


def _masked(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, size)
    key = (MASK * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + MASK + mixed.to_bytes(size, "big")


class Reader:
    """Takes bytes as they come and counts the messages in them. `size` is how long the last one was, its head included.

    `answers` are the pongs to be written. Raises Ended at a close frame.
    """

    __slots__ = ("_rest", "answers", "size")

    def __init__(self) -> None:
        self.size = 0
        self.answers = b""
        self._rest = b""

    @property
    def is_between(self) -> bool:
        """Whether the last byte taken was the last one of a frame."""
        return not self._rest

    def take(self, data: bytes) -> int:
        """The number of messages that end in `data`."""
        data = self._rest + data if self._rest else data
        place = count = 0
        while (end := _end_of_frame(data, place)) is not None:
            opcode = data[place] & 0x0F
            if opcode < _CONTROL:
                count += data[place] >> 7  # the last fragment of a message
                self.size = end - place
            elif opcode == _CLOSE:
                raise Ended(repr(data[place:end]))
            elif opcode == _PING:
                self.answers += _masked(0xA, data[place + 2 : end])
            place = end
        self._rest = data[place:]
        return count


def _end_of_frame(data: bytes, start: int) -> int | None:
    """Where the frame ends that begins at `start`; None where not all of it is here."""
    body = start + 2
    if len(data) < body:
        return None
    size = data[start + 1] & 0x7F
    if size == 126:
        body += 2
        size = int.from_bytes(data[body - 2 : body], "big")
    elif size == 127:
        body += 8
        size = int.from_bytes(data[body - 8 : body], "big")
    end = body + size
    return end if end <= len(data) else None
