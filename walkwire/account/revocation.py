"""Revocation: decides which tokens of a user are still valid.

Each user has a token generation in the store. A new password raises it, which revokes all tokens of older generations on every
server. A log-out ends one session, which revokes the tokens of this session. A server caches a user's generation and ended
sessions for a bounded time (`docs/users.md` states the bounds):

- A server that raises a generation or ends a session publishes it to all others, through the broker.
- When a token is shown, what was cached more than `SHOWN_SECONDS` ago is read again.
- While a socket of the user is open, what was cached more than `OPEN_SECONDS` ago is read again.
- While the broker is away, both are `AWAY_SECONDS`. When it is back, everything is read again at once.

All sockets of a user on one server have the generation cached here. When it changes, they are signed out. When a session ends,
its sockets are signed out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from walkwire.store import BATCH, Asking, Rereading, SessionStore, TokenState

SHOWN_SECONDS = 5.0
OPEN_SECONDS = 10.0
AWAY_SECONDS = 2.0

_NOBODY = -1  # the generation of a user who is absent or deactivated
_ABSENT = TokenState(_NOBODY)


class Sockets(Protocol):
    """The open sockets of this server, and the connection to other servers. `wire/hub` implements it."""

    @property
    def away(self) -> str | None:
        """Return why other servers cannot be reached; None: they can."""

    def is_here(self, root_id: str) -> bool:
        """Return whether a socket of this user is open on this server."""

    def sign_out(self, root_id: str, session: str | None = None) -> None:
        """Make this user's sockets on this server those of the public user. `session`: only the sockets of this session."""

    def tell_revoked(self, root_id: str, token_generation: int) -> None:
        """Publish to all other servers, where `Revocation.hear` is called with the same arguments. Must not raise."""

    def tell_ended(self, root_id: str, session: str) -> None:
        """Publish to all other servers, where `Revocation.hear_ended` is called with the same arguments. Must not raise."""


class _Trust(NamedTuple):
    """What is cached of a user. `number` orders reads and messages, `asked` is when it was read, in seconds of the clock.

    `ended` has the sessions whose tokens are not valid, although they are of this generation.
    """

    token_generation: int
    number: int
    asked: float
    ended: frozenset[str] = frozenset()


class Revocation:
    """Caches the token generations and ended sessions of users who called recently or have a socket open here.

    Call its methods on the event loop of the sockets. It runs one task, only while something is cached.
    """

    def __init__(
        self,
        store: SessionStore,
        asking: Asking,
        sockets: Sockets,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._asking = asking
        self._sockets = sockets
        self._clock = clock
        self._trust: dict[str, _Trust] = {}  # by root id, the oldest first
        self._rereading = Rereading(
            self._read,
            self._due,
            lambda: bool(self._trust),
            lambda: sockets.away,
            clock,
            "Whether tokens were revoked",
        )
        # Sessions that ended since the read under way began, by root id; None: no read is under way.
        self._ended_meanwhile: dict[str, set[str]] | None = None

    def __len__(self) -> int:
        """Return how many users are cached."""
        return len(self._trust)

    async def is_current(self, root_id: str, token_generation: int, session: str = "") -> bool:
        """Return whether tokens of this generation are valid, unless `session` has ended. Raises the store's errors.

        The result is true when it is returned: act on it before the next `await`.
        """
        is_asked = False
        while True:
            trust = self._trust.get(root_id)
            # A token of a later generation proves that the cached one is stale: this system signed it.
            if trust is not None and (
                is_asked or (self._is_fresh(trust) and not 0 <= trust.token_generation < token_generation)
            ):
                return _NOBODY != trust.token_generation == token_generation and session not in trust.ended
            await self._rereading.ask((root_id,))
            is_asked = True

    def revoke(self, root_id: str, token_generation: int) -> None:
        """Revoke all tokens of this user below this generation, on every server. Call it right after the store has raised it."""
        self.hear(root_id, token_generation)
        self._sockets.tell_revoked(root_id, token_generation)

    def hear(self, root_id: str, token_generation: int) -> None:
        """Revoke all tokens of this user below this generation, on this server. Called for the messages of other servers."""
        known = self._trust.get(root_id)
        if known is None or known.token_generation < token_generation:
            ended = frozenset() if known is None else known.ended
            self._learn(root_id, _Trust(token_generation, self._rereading.next(), self._clock(), ended))
            self._rereading.wake()

    def end(self, root_id: str, session: str) -> None:
        """Revoke the tokens of a session, on every server. Call it right after the store has ended the session."""
        self.hear_ended(root_id, session)
        self._sockets.tell_ended(root_id, session)

    def hear_ended(self, root_id: str, session: str) -> None:
        """Revoke the tokens of a session, on this server. Called for the messages of other servers."""
        if self._ended_meanwhile is not None:
            self._ended_meanwhile.setdefault(root_id, set()).add(session)
        known = self._trust.get(root_id)
        if known is not None:
            self._trust[root_id] = known._replace(ended=known.ended | {session})
        self._sockets.sign_out(root_id, session)

    def recheck(self) -> None:
        """Read all generations and sessions again. Call it when the broker is back: messages may have been missed."""
        self._rereading.recheck()

    async def stop(self) -> None:
        """Stop reading. A read that is under way ends by itself."""
        await self._rereading.stop()

    def _is_fresh(self, trust: _Trust) -> bool:
        bound = AWAY_SECONDS if self._rereading.is_alert else SHOWN_SECONDS
        return trust.number > self._rereading.before_gap and self._clock() - trust.asked < bound

    def _due(self) -> list[str]:
        """Return users with open sockets whose generation is to be read again. Removes users without sockets from the cache."""
        before = self._clock() - (AWAY_SECONDS if self._rereading.is_alert else OPEN_SECONDS)
        old: list[str] = []
        for root_id, trust in self._trust.items():
            if len(old) == BATCH or (trust.asked > before and trust.number > self._rereading.before_gap):
                break
            old.append(root_id)
        due: list[str] = []
        for root_id in old:
            if self._sockets.is_here(root_id):
                due.append(root_id)
            else:
                del self._trust[root_id]
        return due

    async def _read(self, root_ids: list[str], number: int, asked: float) -> None:
        """Read what is valid of these users."""
        ended = self._ended_meanwhile = {}
        try:
            found = await self._asking.ask(self._store.token_states, root_ids)
            for root_id in root_ids:
                state = found.get(root_id, _ABSENT)
                meanwhile = ended.get(root_id, ())
                self._learn(
                    root_id, _Trust(state.token_generation, number, asked, state.ended.union(meanwhile))
                )
        finally:
            self._ended_meanwhile = None

    def _learn(self, root_id: str, trust: _Trust) -> None:
        known = self._trust.get(root_id)
        if known is not None:
            if known.number > trust.number and known.token_generation >= trust.token_generation:
                # A message came after this read began, so the read is older; but a session never comes back.
                self._trust[root_id] = known._replace(ended=known.ended | trust.ended)
                return
            del self._trust[root_id]
        self._trust[root_id] = trust
        if known is None or known.token_generation != trust.token_generation:
            self._sockets.sign_out(root_id)
            return
        for session in trust.ended - known.ended:
            self._sockets.sign_out(root_id, session)
