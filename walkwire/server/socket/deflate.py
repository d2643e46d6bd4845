"""Deflate: permessage-deflate (RFC 7692) for outgoing messages. A message for many receivers is compressed once.

Each message is a deflate stream of its own: no context is carried over in either direction. So an idle connection keeps none.
"""

from __future__ import annotations

from functools import lru_cache

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

SMALLEST = 128  # bytes of a payload that is worth compressing
REMEMBERED = 8  # writes, each of which may go to many receivers

_TEXT = 0x81


def offers() -> list[ServerPerMessageDeflateFactory]:
    """Return the extensions to negotiate."""
    return [ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)]


def window_bits(extensions: list[Extension]) -> int | None:
    """Return the negotiated size of the window, None if compression was not negotiated."""
    found = [each for each in extensions if isinstance(each, PerMessageDeflate)]
    return found[0].local_max_window_bits if found else None


@lru_cache(REMEMBERED)
def deflated(frames: bytes, bits: int) -> bytes:
    """Return whole frames of the server with the text frames compressed that are long enough."""
    pieces = []
    place = 0
    while place < len(frames):
        head, end = _measure(frames, place)
        is_worth_it = frames[place] == _TEXT and end - place - head >= SMALLEST
        whole = frames[place:end]
        pieces.append(_compressed(whole[head:], bits) if is_worth_it else whole)
        place = end
    return b"".join(pieces)


def _compressed(payload: bytes, bits: int) -> bytes:
    extension = PerMessageDeflate(True, True, 15, bits)
    return Frame(Opcode.TEXT, payload).serialize(mask=False, extensions=[extension])


def _measure(frames: bytes, place: int) -> tuple[int, int]:
    """Return the length of a frame's head and the end of the frame. It is not masked."""
    size = frames[place + 1]
    if size < 126:
        return 2, place + 2 + size
    head = 4 if size == 126 else 10
    return head, place + head + int.from_bytes(frames[place + 2 : place + head], "big")
