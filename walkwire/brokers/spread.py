"""Spread: a message to so many topics that all servers get it once."""

from __future__ import annotations

COPIED_BYTES = 1024 * 1024  # of all copies of one entry, where each topic needs one


class Spread(bytes):
    """A message to all servers that is also an entry of many streams; see `Broker.publish_all`.

    - topics: of the streams
    - head, data: of the message
    - kept_head: of the entry, whose data is the same
    """

    topics: tuple[str, ...]
    head: bytes
    data: bytes
    kept_head: bytes

    @classmethod
    def of(cls, topics: tuple[str, ...], head: bytes, data: bytes, kept_head: bytes) -> Spread:
        """Return a message to all servers with the entry of these topics."""
        message = cls(head + data)
        message.topics, message.head, message.data, message.kept_head = topics, head, data, kept_head
        return message
