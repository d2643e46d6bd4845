"""Verification: finds out whether users own their e-mail addresses, by a code that is sent there.

A code is valid for a day and for one use. It changes nothing but that the address counts as proved: an account that the operator
deactivated stays so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from walkwire.account.attempts import Attempts
from walkwire.account.signing.codes import WAITING, Codes, CodeSender, Send
from walkwire.store import Asking, UserRecord, UserStore

LIFETIME = 24 * 60 * 60  # seconds

_PURPOSE = b"a code for an e-mail address"


class Verification:
    """Send codes, and note which addresses are proved by them.

    - send: called with code and address
    - is_required: whether users have to prove their addresses before they log in
    - clock: returns Unix seconds
    - attempts: limits the codes that one client may ask for, and try
    - waiting: how many codes may wait to be sent
    """

    def __init__(
        self,
        store: UserStore,
        asking: Asking,
        secret: bytes,
        send: Send,
        *,
        is_required: bool = False,
        clock: Callable[[], float] = time.time,
        attempts: Attempts | None = None,
        waiting: int = WAITING,
    ) -> None:
        self.is_required = is_required
        self._store = store
        self._ask = asking.ask
        self._attempts = attempts or Attempts()
        self._codes = Codes(secret, _PURPOSE, LIFETIME, clock)
        self._sender = CodeSender(store, self._code_for, send, "addresses", clock, waiting)

    def order_code(self, email: str) -> None:
        """Send a code to an account's address in the background; see `CodeSender.order`. The caller has counted the client."""
        self._sender.order(email)

    async def send_code(self, user_id: str, *, address: str = "") -> bool:
        """Send a code to a user. Returns False if the address is proved already. Raises Limited."""
        user = await self._ask(self._store.user_by_id, user_id)
        if user is None or user.email_proof == "proved":
            return False
        self._attempts.reset(address)
        self._sender.order(user.email)
        return True

    async def verify(self, code: str, *, address: str = "") -> bool:
        """Note that the code's user owns the address. Returns False for a bad, expired or used code. Raises Limited."""
        with self._attempts.guess("", address) as attempt:
            claims = self._codes.read(code)
            if claims is None or not await self._ask(self._store.prove_email, claims.user_id):
                return False
            attempt.succeed()
            return True

    def close(self) -> None:
        """Wait for the code being sent, drop those that wait, and end the thread."""
        self._sender.close()

    def _code_for(self, user: UserRecord) -> str | None:
        return None if user.email_proof == "proved" else self._codes.make(user)
