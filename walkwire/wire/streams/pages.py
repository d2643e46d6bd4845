"""Pages: kept notifications of a channel, as clients read them."""

from __future__ import annotations

import logging

from walkwire.errors import PublicError
from walkwire.history import History, Mark
from walkwire.wire.message import envelope
from walkwire.wire.streams import position
from walkwire.wire.streams.recovery import MOST_BYTES

TOLD = ("users", "channels", "clients")

_log = logging.getLogger(__name__)


async def read_page(
    history: History, channel_id: str, limit: int, *, before: str | None = None, after: str | None = None
) -> tuple[list[tuple[Mark, bytes]], bool]:
    """Return kept notifications of a channel in their order, each with its place and data, and whether there are more.

    They are the last before a position, the first after one, or the newest. Raises PublicError for a position that is not
    known, or no longer, and Unreached.
    """
    topic = envelope.channel_topic(channel_id)
    mark = None if before is None and after is None else _read(before or after or "")
    if before is not None and mark is not None:
        if mark.offset <= 1:
            return [], False
        mark = mark._replace(offset=mark.offset - 1)
    if after is not None:
        page = await history.read(topic, limit, after=mark)
    else:
        page = await history.read(topic, limit, upto=mark)
    if page.has_gap:
        raise _unknown_position()
    messages = [
        (Mark(page.tail.epoch, entry.offset), data)
        for entry in page.entries
        for kind, _, data in (parts_of(topic, entry.message),)
        if kind in TOLD
    ]
    return _bounded(messages, page.has_more, is_forward=after is not None)


def parts_of(topic: str, message: bytes) -> tuple[str, str, bytes]:
    """Return the kind, the channel and the data of an entry; an empty kind if it is none of walkwire's."""
    try:
        return envelope.parts(message)
    except ValueError as error:
        _log.warning("An entry of %s was passed over: %s", topic, error)
        return "", "", b""


def _read(at: str) -> Mark:
    mark = position.read(at)
    if mark is None:
        raise _unknown_position()
    return mark


def _unknown_position() -> PublicError:
    return PublicError("bad_reference", "This position is no longer kept, or is none of this channel.", 400)


def _bounded(
    messages: list[tuple[Mark, bytes]], has_more: bool, is_forward: bool
) -> tuple[list[tuple[Mark, bytes]], bool]:
    """Return as many as have `MOST_BYTES` in all, but one at least, from the side where the page begins."""
    size = 0
    for number, (_, data) in enumerate(messages if is_forward else reversed(messages)):
        size += len(data)
        if size > MOST_BYTES and number:
            return (messages[:number] if is_forward else messages[-number:]), True
    return messages, has_more
