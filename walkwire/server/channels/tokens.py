"""Tokens: channel tokens, which a walker makes and a client shows to join a channel. Signed, and not stored."""

from __future__ import annotations

import time
from collections.abc import Callable

from walkwire.account.signing.statement import Statements

LONGEST = 20_000  # characters; a channel id of 1,024 characters needs up to 16,500


class ChannelTokens:
    """Make and verify channel tokens: statements of a purpose of their own, so they are no tokens of users, nor codes.

    `clock` returns Unix seconds.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._statements = Statements(secret, b"a token for a channel", LONGEST, clock)

    def make(self, channel_id: str, root_id: str, seconds: float) -> str:
        """Return a token that lets this user's clients join a channel for so many seconds. May be called in any thread."""
        return self._statements.make((channel_id, root_id), seconds)

    def root_of(self, channel_id: str, token: str) -> str | None:
        """Return the user of a token for this channel; None for any other text, and for an expired token."""
        words = self._statements.read(token)
        return str(words[1]) if words is not None and words[0] == channel_id else None
