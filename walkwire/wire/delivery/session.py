"""ClientSession: what a client of version 2 has beside its connection."""

from __future__ import annotations

import os

from walkwire.history import Mark


class ClientSession:
    """The session of one client.

    - is_welcome: whether the reply to `connect` was sent
    - is_arriving: whether what it joins is kept back until it was told where its streams begin
    - given: what it wants to tell others who look who is there, JSON; empty: nothing
    - info: what they are told: the same, or what the program has made of it
    - left: the places up to which it has heard streams that it left, by topic, where this server was behind them; or None
    """

    __slots__ = ("_has_taken", "_nonce", "given", "info", "is_arriving", "is_welcome", "left")

    def __init__(self) -> None:
        self.is_welcome = self.is_arriving = False
        self.given = self.info = b""
        self.left: dict[str, Mark] | None = None
        self._nonce = b""
        self._has_taken = True

    def begin(self, is_resumed: bool) -> None:
        """Note whether the connection continues a session. If so, what was announced before its own cannot take it over."""
        self._has_taken = not is_resumed

    def announce(self) -> bytes:
        """Return what tells other connections of the session that this one takes over."""
        self._nonce = os.urandom(9).hex().encode()
        self._has_taken = False
        return self._nonce

    def is_taken(self, nonce: bytes) -> bool:
        """Return whether another connection has taken over. Called with what each of them announced, in the order of the stream.

        What comes before the connection's own is of an earlier one.
        """
        if nonce == self._nonce:
            self._has_taken = True
            return False
        return self._has_taken
