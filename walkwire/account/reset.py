"""Reset: replaces a lost password, by a code that the program sends to the account's address.

A code is signed and not stored. It is valid for an hour and only until the password changes. Callers cannot learn whether an
address has an account: the answer is the same, and does not wait for the look-up.
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

from walkwire.account.attempts import Attempts
from walkwire.account.token import LONGEST
from walkwire.account.user import Users
from walkwire.store import UserRecord, UserStore

LIFETIME = 60 * 60  # seconds
PAUSE = 60  # seconds between two codes to one address
WAITING = 512  # codes that wait to be sent
COMPLAINT = 60  # seconds between two lines in the log about codes that were dropped
REMEMBERED = 10_000  # addresses remembered for PAUSE

_ALGORITHM = "HS256"

_log = logging.getLogger(__name__)

Send = Callable[[str, str], object]


class Resets:
    """Send codes, and replace passwords by them.

    - send: called with code and address, in a thread of its own: a program's mail may block
    - clock: returns Unix seconds
    - attempts: limits the codes that one client may ask for
    - waiting: how many codes may wait to be sent
    """

    def __init__(
        self,
        store: UserStore,
        users: Users,
        secret: bytes,
        send: Send,
        clock: Callable[[], float] = time.time,
        *,
        attempts: Attempts | None = None,
        waiting: int = WAITING,
    ) -> None:
        self._attempts = attempts or Attempts()
        self._bound = waiting
        self._dropped = 0  # codes since the last line in the log
        self._complained = float("-inf")
        self._store = store
        self._users = users
        self._codes = Codes(secret, clock)
        self._send = send
        self._clock = clock
        self._sent: OrderedDict[str, float] = OrderedDict()
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, "codes")

    def send_code(self, email: str, *, address: str = "") -> None:
        """Send a code to an account's address in the background, unless it had one in the last minute.

        A code that finds `waiting` others is dropped: an error would tell which addresses have accounts, since their codes take
        longer. Raises Limited if the client at `address` asked too often.
        """
        self._attempts.reset(address)
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

    async def replace(self, code: str, password: str, *, address: str = "") -> bool:
        """Set the password of the code's user, and revoke all tokens of the user. Returns False for a bad or expired code.

        Raises Busy, Limited.
        """
        claims = self._codes.read(code)
        return claims is not None and await self._users.reset(
            claims.user_id, claims.token_generation, password, address=address
        )

    def close(self) -> None:
        """Wait for the code being sent, drop those that wait, and end the thread."""
        self._pool.shutdown(cancel_futures=True)

    def _send_to(self, email: str) -> None:
        try:
            user = self._store.user_by_email(email)
            if user is not None and user.is_activated:
                self._send(self._codes.make(user), user.email)
        except Exception:
            _log.exception("A code for a new password could not be sent")

    def _drop(self) -> None:
        self._dropped += 1
        if self._clock() - self._complained >= COMPLAINT:
            _log.warning(
                "Codes for new passwords dropped: %d, as %d wait to be sent", self._dropped, self._bound
            )
            self._complained, self._dropped = self._clock(), 0

    def _done(self, sending: asyncio.Future[None]) -> None:
        self._waiting -= 1


class CodeClaims(NamedTuple):
    """What a code claims: whose it is, and the user's token generation when it was made."""

    user_id: str
    token_generation: int


class Codes:
    """Make and verify codes. Their key is derived from the signing secret, so a code is not a token and a token not a code."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(secret, b"a code for a new password", hashlib.sha256)
        self._clock = clock

    def make(self, user: UserRecord) -> str:
        """Return a code for this user."""
        claims = {"sub": user.id, "tokens": user.token_generation, "exp": int(self._clock()) + LIFETIME}
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
