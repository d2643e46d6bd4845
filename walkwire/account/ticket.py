"""Ticket: opens one WebSocket as the user who asked for it. A browser sends it in the URL, where a token must not be.

A ticket is signed, not encrypted, and valid for LIFETIME seconds. Its use is recorded in the store, so it counts once on all
servers. A changed password revokes it with the tokens of the user.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from walkwire.account.auth import PUBLIC, Auth, Caller
from walkwire.account.signing.statement import Statements
from walkwire.account.token import LONGEST
from walkwire.store import Asking, TicketStore

PREFIX = "wt_"
LIFETIME = 30  # seconds
KEPT = 600  # seconds after its end for which a use is recorded: clocks of servers may differ by so much
FORGET_SECONDS = 60  # between two deletions of old records

_log = logging.getLogger(__name__)


class Ticket(NamedTuple):
    """A new ticket: its text, and the Unix second at which it expires."""

    text: str
    expires: int


class _Claims(NamedTuple):
    """What a ticket claims. `caller` has all that the token of its user had, so whatever ends the token ends the ticket."""

    id: str
    expires: int
    caller: Caller


class Tickets:
    """Make tickets, and admit callers by them. `clock` returns Unix seconds."""

    def __init__(
        self,
        store: TicketStore,
        asking: Asking,
        auth: Auth,
        secret: bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._ask = asking.ask
        self._auth = auth
        # With another key than that of tokens: a ticket is no token, and a token no ticket.
        self._statements = Statements(secret, b"a ticket for a WebSocket", LONGEST, clock)
        self._clock = clock
        self._forgot = float("-inf")

    def make(self, caller: Caller) -> Ticket:
        """Return a new ticket of this caller."""
        expires = int(self._clock()) + LIFETIME
        words = (secrets.token_urlsafe(16), expires, *caller)
        return Ticket(f"{PREFIX}{self._statements.make(words, LIFETIME)}", expires)

    async def admit(self, text: str) -> Caller:
        """Return the caller of a ticket, and use it up; the public user if it is invalid, expired, used or revoked. Never raises.

        The result is true when it is returned: see `Revocation.is_current`.
        """
        claims = self._read(text)
        if claims is None:
            return PUBLIC
        try:
            if not await self._ask(self._store.use_ticket, claims.id, claims.expires + KEPT):
                return PUBLIC
            await self._forget()
            return claims.caller if await self._auth.is_valid(claims.caller) else PUBLIC
        except Exception:
            _log.exception("A ticket could not be checked; its bearer is treated as the public user")
            return PUBLIC

    def _read(self, text: str) -> _Claims | None:
        words = self._statements.read(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None
        if words is None:
            return None
        id, expires, *caller = words
        return _Claims(id, expires, Caller(*caller))

    async def _forget(self) -> None:
        now = self._clock()
        if now - self._forgot < FORGET_SECONDS:
            return
        self._forgot = now
        try:
            await self._ask(self._store.forget_tickets, now)
        except Exception:  # another server may delete the same records at this moment
            _log.warning(
                "Records of used tickets could not be deleted; it is tried again later", exc_info=True
            )
