"""Deflate: permessage-deflate (RFC 7692) on the way out. What many are told is compressed once, whoever of them can take it so.

That needs a stream of its own for each message: no context is carried from one to the next, in neither direction, so that an idle
connection keeps none.
"""

from __future__ import annotations

from functools import lru_cache

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

SMALLEST = 128  # bytes of a payload that is worth it
REMEMBERED = 8  # writes, of which each may go to many

_TEXT = 0x81


def offers() -> list[ServerPerMessageDeflateFactory]:
    """What to negotiate with."""
    return [ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)]


def window_bits(extensions: list[Extension]) -> int | None:
    """The window that the peer gave us; None where nothing was negotiated."""
    found = [each for each in extensions if isinstance(each, PerMessageDeflate)]
    return found[0].local_max_window_bits if found else None


@lru_cache(REMEMBERED)
def deflated(frames: bytes, bits: int) -> bytes:
    """Whole frames of the server, the text frames among them compressed where they are long enough."""
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
    """How long the head of a frame of ours is, and where the frame ends."""
    size = frames[place + 1]
    if size < 126:
        return 2, place + 2 + size
    head = 4 if size == 126 else 10
    return head, place + head + int.from_bytes(frames[place + 2 : place + head], "big")
