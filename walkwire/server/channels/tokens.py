"""Tokens: channel tokens, which a walker makes and a client shows to join a channel. Signed, and not stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

LONGEST = 20_000  # characters; a channel id of 1,024 characters needs up to 16,500


class ChannelTokens:
    """Make and verify channel tokens. Their key is derived from the signing secret, so they are no tokens of users, nor codes.

    `clock` returns Unix seconds.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(secret, b"a token for a channel", hashlib.sha256)
        self._clock = clock

    def make(self, channel_id: str, root_id: str, seconds: float) -> str:
        """Return a token that lets this user's clients join a channel for so many seconds. May be called in any thread."""
        claims = [channel_id, root_id, round(self._clock() + seconds, 3)]
        body = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{body}.{self._sign(body)}"

    def root_of(self, channel_id: str, token: str) -> str | None:
        """Return the user of a token for this channel; None for any other text, and for an expired token."""
        body, _, signature = token.partition(".")
        if (
            len(token) > LONGEST
            or not token.isascii()
            or not hmac.compare_digest(signature, self._sign(body))
        ):
            return None
        channel, root_id, expires = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(root_id) if channel == channel_id and expires > self._clock() else None

    def _sign(self, body: str) -> str:
        return _encode(hmac.digest(self._key, body.encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
