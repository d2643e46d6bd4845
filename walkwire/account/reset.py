"""Reset: replaces a lost password, by a code that is sent to the account's address.

A code is valid for an hour and only until the password changes. Callers cannot learn whether an address has an account: the
answer is the same, and does not wait for the look-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from walkwire.account.attempts import Attempts
from walkwire.account.signing.codes import WAITING, Codes, CodeSender, Send
from walkwire.account.user import Users
from walkwire.store import UserStore

LIFETIME = 60 * 60  # seconds

_PURPOSE = b"a code for a new password"


class Resets:
    """Send codes, and replace passwords by them.

    - send: called with code and address
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
        self._users = users
        self._codes = Codes(secret, _PURPOSE, LIFETIME, clock)
        self._sender = CodeSender(store, self._codes.make, send, "new passwords", clock, waiting)

    def send_code(self, email: str, *, address: str = "") -> None:
        """Send a code to an account's address in the background; see `CodeSender.order`.

        Raises Limited if the client at `address` asked too often.
        """
        self._attempts.reset(address)
        self._sender.order(email)

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
        self._sender.close()
