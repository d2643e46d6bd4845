"""Sessions: session tokens, by which a client of version 2 continues after its connection broke. Signed, and not stored."""

from __future__ import annotations

import time
from collections.abc import Callable

from walkwire.account.signing.statement import Statements
from walkwire.ids import is_session
from walkwire.wire.door import Claims

LONGEST = 400  # characters


class SignedSessions:
    """Make and verify session tokens; see `wire.door.SessionTokens`.

    They are statements of a purpose of their own, so they are no tokens of users. `clock` returns Unix seconds.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._statements = Statements(secret, b"a session of a client", LONGEST, clock)

    def make(self, claims: Claims, seconds: float) -> str:
        """Return a token that is valid for so many seconds."""
        return self._statements.make(claims, seconds)

    def read(self, token: str) -> Claims | None:
        """Return what a token proves; None for any other text, and for one that is over."""
        words = self._statements.read(token)
        if words is None or len(words) != len(Claims._fields) or not is_session(str(words[0])):
            return None
        return Claims(*map(str, words))
