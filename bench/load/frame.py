"""Frame: reads what a server writes no further than one needs who counts messages."""

from __future__ import annotations

from walkwire.load.frame import CLOSE, PING, measure, pong
from walkwire.load.frame import text as _text

_CONTROL = 0x8


class Ended(Exception):
    """The server said goodbye in the middle of a measurement."""


def text(payload: str) -> bytes:
    """A masked text frame, ready to be sent as often as needed."""
    return _text(payload.encode())


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
        while (found := measure(data, place)) is not None:
            start, end = found
            opcode = data[place] & 0x0F
            if opcode < _CONTROL:
                count += data[place] >> 7  # the last fragment of a message
                self.size = end - place
            elif opcode == CLOSE:
                raise Ended(repr(data[place:end]))
            elif opcode == PING:
                self.answers += pong(data[start:end])
            place = end
        self._rest = data[place:]
        return count
