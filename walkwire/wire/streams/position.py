"""Position: a place in a stream, as clients are given it: opaque text of at most 64 characters."""

from __future__ import annotations

from walkwire.history import Mark

LENGTH = 64
_EPOCH = 32  # characters


def text_of(mark: Mark) -> str:
    """Return the text for clients. Its epoch is that of one stream, so it cannot be taken for a place in another."""
    return f"{mark.epoch}.{mark.offset:x}"


def read(text: str) -> Mark | None:
    """Return the place that a client gave back; None for any other text."""
    epoch, _, digits = text.rpartition(".")
    if not epoch or not digits or len(text) > LENGTH or len(epoch) > _EPOCH or not epoch.isascii():
        return None
    if not all(digit in "0123456789abcdef" for digit in digits) or len(digits) > 15:
        return None
    return Mark(epoch, int(digits, 16))
