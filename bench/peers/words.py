"""Words: what all peers say and hear. A text that begins with `b` goes to all, one that begins with `e` comes back."""

from __future__ import annotations

SIZE = 100  # bytes of every message that is delivered, walkwire's too

ECHO = "e" + "x" * (SIZE - 1)
WELCOME = "w" * 180  # as long as the frame with which walkwire greets
