"""Statement: a signed list of words that holds until a moment, as text for clients. It is not stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any


class Statements:
    """Make and verify statements. Their key is derived from the signing secret, which all servers share.

    - purpose: statements for another purpose do not count
    - longest: characters of a text that is looked at
    - clock: returns Unix seconds
    """

    def __init__(
        self, secret: bytes, purpose: bytes, longest: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = hmac.digest(secret, purpose, hashlib.sha256)
        self._longest = longest
        self._clock = clock

    def make(self, words: tuple[str | int | None, ...], seconds: float) -> str:
        """Return the text of these words, which holds for so many seconds. May be called in any thread."""
        claims = [*words, round(self._clock() + seconds, 3)]
        body = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{body}.{self._sign(body)}"

    def read(self, text: str) -> list[Any] | None:
        """Return the words of a text; None for any other text, and for one that holds no longer."""
        body, _, signature = text.partition(".")
        is_long = len(text) > self._longest
        if is_long or not text.isascii() or not hmac.compare_digest(signature, self._sign(body)):
            return None
        *words, expires = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return words if expires > self._clock() else None

    def _sign(self, body: str) -> str:
        return _encode(hmac.digest(self._key, body.encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
