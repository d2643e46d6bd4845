"""Codes: prove that somebody reads the mail of an account. They are signed and not stored, and sent in the background.

Callers cannot learn whether an address has an account: a call to send a code returns at once, and always in the same way.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jwt

from walkwire.store import UserRecord, UserStore

LONGEST = 4096  # characters; a code has about 200
PAUSE = 60  # seconds between two codes to one address
WAITING = 512  # codes that wait to be sent
COMPLAINT = 60  # seconds between two lines in the log about codes that were dropped
REMEMBERED = 10_000  # addresses remembered for PAUSE
NO_MAIL = ".invalid"  # RFC 2606: no mail reaches such an address

_ALGORITHM = "HS256"

_log = logging.getLogger(__name__)

Send = Callable[[str, str], object]
"""Sends a code to an address. It is called in a thread of its own: a program's mail may block."""


class CodeClaims(NamedTuple):
    """What a code claims: whose it is, and the user's token generation when it was made."""

    user_id: str
    token_generation: int


class Codes:
    """Make and verify codes. Their key is derived from the signing secret, so a code is not a token and a token not a code.

    - purpose: codes for another purpose do not count
    - lifetime: seconds
    - clock: returns Unix seconds
    """

    def __init__(
        self, secret: bytes, purpose: bytes, lifetime: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = hmac.digest(secret, purpose, hashlib.sha256)
        self._lifetime = lifetime
        self._clock = clock

    def make(self, user: UserRecord) -> str:
        """Return a code for this user."""
        expires = int(self._clock()) + self._lifetime
        claims = {"sub": user.id, "tokens": user.token_generation, "exp": expires}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def read(self, code: str) -> CodeClaims | None:
        """Return the claims of a signed code that has not expired, else None. It may have been used already."""
        if len(code) > LONGEST:
            return None
        try:
            options: jwt.types.Options = {"require": ["sub", "exp"], "verify_exp": False}
            found = jwt.decode(code, self._key, [_ALGORITHM], options=options)
            return CodeClaims(found["sub"], found["tokens"]) if found["exp"] > self._clock() else None
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
            return None


class CodeSender:
    """Sends codes, one after the other, in a thread.

    - code_for: returns the code for a user, or None if the user gets none
    - what: what the codes are for, in lines of the log
    - clock: returns seconds
    - waiting: how many codes may wait to be sent
    """

    def __init__(
        self,
        store: UserStore,
        code_for: Callable[[UserRecord], str | None],
        send: Send,
        what: str,
        clock: Callable[[], float] = time.time,
        waiting: int = WAITING,
    ) -> None:
        self._store = store
        self._code_for = code_for
        self._send = send
        self._what = what
        self._clock = clock
        self._bound = waiting
        self._dropped = 0  # codes since the last line in the log
        self._complained = float("-inf")
        self._sent: OrderedDict[str, float] = OrderedDict()
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, "codes")

    def order(self, email: str) -> None:
        """Send a code to an account's address in the background, unless it had one in the last minute.

        A code that finds `waiting` others is dropped: an error would tell which addresses have accounts, since their codes take
        longer.
        """
        if self._clock() - self._sent.get(email, 0) < PAUSE:
            return
        if self._waiting >= self._bound:
            self._drop()
            return
        self._sent[email] = self._clock()
        self._sent.move_to_end(email)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        self._waiting += 1
        sending = asyncio.get_running_loop().run_in_executor(self._pool, self._send_to, email)
        sending.add_done_callback(self._done)

    def close(self) -> None:
        """Wait for the code being sent, drop those that wait, and end the thread."""
        self._pool.shutdown(cancel_futures=True)

    def _send_to(self, email: str) -> None:
        try:
            user = self._store.user_by_email(email)
            if user is None or not user.is_activated or user.email.endswith(NO_MAIL):
                return
            if (code := self._code_for(user)) is not None:
                self._send(code, user.email)
        except Exception:
            _log.exception("A code for %s could not be sent", self._what)

    def _drop(self) -> None:
        self._dropped += 1
        if self._clock() - self._complained >= COMPLAINT:
            _log.warning(
                "Codes for %s dropped: %d, as %d wait to be sent", self._what, self._dropped, self._bound
            )
            self._complained, self._dropped = self._clock(), 0

    def _done(self, sending: asyncio.Future[None]) -> None:
        self._waiting -= 1
