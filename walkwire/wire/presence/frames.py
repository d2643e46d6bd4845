"""Frames: what clients are told about presence (`docs/protocol-v2.md`). Each is encoded once, however many receive it.

Users are entries, JSON (`people.entry_of`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MOST = 1000  # users of a list; above it only counts are sent
MOST_BYTES = 256 * 1024  # of a list

_encode = msgspec.json.encode


def state(users: Sequence[bytes] | None, count: int) -> bytes:
    """Return who is there, for a reply. Without `users`: only how many."""
    if users is None:
        return b'{"count":%d}' % count
    return b'{"users":[%b],"count":%d}' % (b",".join(users), count)


def page(channel_id: str, users: Sequence[bytes], count: int, has_more: bool) -> bytes:
    """Return a page of a list, for a reply."""
    more = b"true" if has_more else b"false"
    listed = b",".join(users)
    return b'{"channel_id":%b,"users":[%b],"count":%d,"has_more":%b}' % (
        _encode(channel_id),
        listed,
        count,
        more,
    )


def change(channel_id: str, joined: Sequence[bytes], left: Sequence[bytes], count: int) -> bytes:
    """Return the frame for users who have come and gone."""
    return b'%b,"joined":[%b],"left":[%b],"count":%d}' % (
        _head(channel_id),
        b",".join(joined),
        b",".join(left),
        count,
    )


def whole(channel_id: str, users: Sequence[bytes], count: int) -> bytes:
    """Return the frame with a whole list, which takes the place of what the client knows."""
    return b'%b,"users":[%b],"count":%d}' % (_head(channel_id), b",".join(users), count)


def number(channel_id: str, count: int) -> bytes:
    """Return the frame that says only how many there are."""
    return b'%b,"count":%d}' % (_head(channel_id), count)


def _head(channel_id: str) -> bytes:
    return b'{"type":"presence","channel_id":%b' % _encode(channel_id)
