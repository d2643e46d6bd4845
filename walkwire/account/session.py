"""Session: begins with a log-in, is renewed by refresh tokens, and ends with a log-out.

Each token names its session. A plain log-in gives one token and stores nothing; ending its session stores the session's id until
the token has expired. A client that asks for it gets a short access token and a refresh token. A refresh token is valid once:
it is replaced by the next. One that is shown again was stolen, or its successor was, so the whole session ends.

A refresh token is `wr_`, 192 random bits that stay the same for the session, and 256 that are new each time. The store keeps its
SHA-256. The session's id is the digest of the first part, so that an older token is recognised without a list of them all, and
nobody who knows the id can make up a token that ends the session.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import re
import secrets
import time
from asyncio import Task
from collections.abc import Callable
from typing import NamedTuple

from walkwire.account.revocation import Revocation
from walkwire.account.token import LIFETIME, Tokens
from walkwire.ending import end_tasks
from walkwire.errors import CommitInDoubt, Limited
from walkwire.ids import new_id
from walkwire.store import Asking, SessionRecord, SessionStore, TooManySessions, UserRecord

PREFIX = "wr_"
LONGEST_REFRESH = 128  # characters; a refresh token has 78
GRACE = 30.0  # seconds in which a refresh token is answered again with its successor
ENDED = 1000  # ended sessions of one user whose tokens have not expired
TRIM = 10 * 60.0  # seconds between two searches for expired records
TRIMMED = 1000  # records deleted in one transaction
SKEW = 60  # seconds by which the clocks of two servers may differ, before a record is deleted too early
ATTEMPTS = 5

_TEXT = re.compile(rf"{PREFIX}([A-Za-z0-9_-]{{32}})([A-Za-z0-9_-]{{43}})\Z", re.ASCII)

_log = logging.getLogger(__name__)


class Lifetimes(NamedTuple):
    """How long tokens are valid, in seconds, and how many sessions with refresh tokens a user may have.

    - token: of a log-in without a refresh token
    - access: beside a refresh token
    - refresh: since the last refresh
    - sessions: beyond this, the one that was not refreshed for the longest time ends
    """

    token: int = LIFETIME
    access: int = 15 * 60
    refresh: int = 30 * 24 * 60 * 60
    sessions: int = 100


class Session(NamedTuple):
    """What a log-in or a refresh gives.

    - token, expires: the token, and the Unix second at which it expires
    - refresh_token, refresh_expires: the same of the refresh token; None: the client did not ask for one
    """

    user: UserRecord
    token: str
    expires: int
    refresh_token: str | None = None
    refresh_expires: int | None = None


class Sessions:
    """Begin, renew and end sessions. No call blocks the event loop. `clock` returns Unix seconds."""

    def __init__(
        self,
        store: SessionStore,
        asking: Asking,
        tokens: Tokens,
        revocation: Revocation,
        lifetimes: Lifetimes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._ask = asking.ask
        self._tokens = tokens
        self._revocation = revocation
        self._lifetimes = lifetimes or Lifetimes()
        self._clock = clock
        self._trimming: Task[None] | None = None

    def start(self) -> None:
        """Begin to remove expired records in the background."""
        self._trimming = asyncio.get_running_loop().create_task(self._trim(), name="walkwire sessions")

    async def stop(self) -> None:
        """Stop removing them."""
        await end_tasks(self._trimming)

    async def begin(self, user: UserRecord, *, has_refresh: bool = False) -> Session | None:
        """Begin a session of a user, with a refresh token if the client asked for it.

        Return None if the user's password changed meanwhile. Raises Limited if the user begins sessions faster than others can
        be ended for them.
        """
        now = self._clock()
        if not has_refresh:
            return Session(user, *self._tokens.make(user, new_id(), int(now) + self._lifetimes.token))
        text = PREFIX + secrets.token_urlsafe(24) + secrets.token_urlsafe(32)
        generation = user.token_generation
        empty = SessionRecord(_id_of(text), user.root_id, generation, None, None, None, 0.0, 0, 0)
        session = self._renewed(empty, text, None, now)
        # Go on if the client disconnects: the sessions that were ended for this one must not stay trusted here.
        if not await asyncio.shield(self._add(session)):
            return None
        return self._shown(user, session, text)

    async def refresh(self, text: str) -> Session | None:
        """Replace a refresh token. Return None if it is not valid: then the user has to log in again.

        A client whose answer was lost may show the token again for `GRACE` seconds, and gets the same successor, as long as that
        was not used. Any other token that was replaced before ends the session.
        """
        if _TEXT.match(text) is None:
            return None
        for _ in range(ATTEMPTS):
            found = await self._ask(self._store.session, _id_of(text))
            now = self._clock()
            if found is None or not _is_valid(*found, now):
                return None
            session, user = found
            if session.digest == _digest(text):
                successor = _successor(text)
                if (renewed := await self._replace(session, text, successor, now)) is not None:
                    return self._shown(user, renewed, successor)
                continue  # another request was faster: look at what it left
            if session.previous == _digest(text) and now - session.renewed <= GRACE:
                return self._shown(user, session, _unsealed(text, session))
            _log.warning("A refresh token of user %s was used again: its session was ended", user.id)
            await self.end(session.root_id, session.id, session.token_expires)
            return None
        return None

    async def end(self, root_id: str, session_id: str, token_expires: int) -> None:
        """End the session of a token: all its tokens, and its refresh token. The arguments are what the token claims."""
        # Go on if the caller disconnects: tokens that the store has revoked must not stay trusted here.
        await asyncio.shield(self._end(root_id, session_id, token_expires))

    async def end_by_refresh_token(self, text: str) -> None:
        """End the session of a refresh token, also of one that was replaced. Do nothing if there is no such session."""
        found = await self._ask(self._store.session, _id_of(text)) if _TEXT.match(text) else None
        if found is not None:
            await self.end(found[0].root_id, found[0].id, found[0].token_expires)

    async def end_all(self, root_id: str, token_generation: int) -> None:
        """Revoke all tokens and refresh tokens of a user whose valid tokens are of this generation."""
        await asyncio.shield(self._revoke(root_id, token_generation))

    async def remove_expired(self) -> None:
        """Delete records that have expired."""
        before = self._clock() - SKEW
        while await self._ask(self._store.remove_expired_sessions, before, TRIMMED) == TRIMMED:
            pass

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(TRIM)
            try:
                await self.remove_expired()
            except Exception:
                _log.exception("Expired sessions could not be removed; it is tried again in %d s", TRIM)

    async def _add(self, session: SessionRecord) -> bool:
        try:
            ended = await self._ask(self._store.add_session, session, self._lifetimes.sessions, ENDED)
        except TooManySessions:
            raise Limited("Too many log-ins. Please try again later!") from None
        for session_id in ended or ():
            self._revocation.end(session.root_id, session_id)
        return ended is not None

    async def _replace(
        self, session: SessionRecord, text: str, successor: str, now: float
    ) -> SessionRecord | None:
        """Return the new record; None if the refresh token was replaced meanwhile, or the session ended."""
        renewed = self._renewed(session, successor, text, now)
        return renewed if await self._ask(self._store.renew_session, renewed) else None

    async def _end(self, root_id: str, session_id: str, token_expires: int) -> None:
        try:
            token_generation = await self._ask(
                self._store.end_session, root_id, session_id, token_expires, self._clock(), ENDED
            )
        except CommitInDoubt:
            self._revocation.end(root_id, session_id)  # whether it was done, the store answers later
            raise
        self._revocation.end(root_id, session_id)
        if token_generation is not None:
            self._revocation.revoke(root_id, token_generation)

    async def _revoke(self, root_id: str, token_generation: int) -> None:
        try:
            is_raised = await self._ask(self._store.revoke_tokens, root_id, token_generation)
        except CommitInDoubt:
            self._revocation.revoke(root_id, token_generation + 1)
            raise
        if is_raised:  # else another request has revoked them
            self._revocation.revoke(root_id, token_generation + 1)

    def _renewed(self, session: SessionRecord, text: str, before: str | None, now: float) -> SessionRecord:
        """Return the record in which `text` is the refresh token that counts. `before`: the one that it replaces."""
        times = self._lifetimes
        return session._replace(
            digest=_digest(text),
            previous=None if before is None else _digest(before),
            sealed=None if before is None else _sealed(text, before),
            renewed=now,
            token_expires=int(now) + times.access,
            expires=int(now) + max(times.refresh, times.access),
        )

    def _shown(self, user: UserRecord, session: SessionRecord, text: str) -> Session:
        token, expires = self._tokens.make(user, session.id, session.token_expires)
        return Session(user, token, expires, text, session.expires)


def _is_valid(session: SessionRecord, user: UserRecord, now: float) -> bool:
    return (
        session.digest is not None
        and session.expires > now
        and user.is_activated
        and user.token_generation == session.token_generation
    )


def _id_of(text: str) -> str:
    return hashlib.sha256(text[: len(PREFIX) + 32].encode()).hexdigest()[:24]


def _digest(text: str) -> str:
    # A salt or a slow hash is not needed: 256 random bits cannot be guessed.
    return hashlib.sha256(text.encode()).hexdigest()


def _successor(text: str) -> str:
    return text[: len(PREFIX) + 32] + secrets.token_urlsafe(32)


def _secret_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text[len(PREFIX) + 32 :] + "=")


def _pad(text: str) -> bytes:
    return hmac.digest(_secret_of(text), b"the successor of a refresh token", hashlib.sha256)


def _sealed(text: str, before: str) -> str:
    """Return the secret of a refresh token, so that it can be read only by those who have the token before it.

    The pad is used once, as a token has one successor.
    """
    return bytes(a ^ b for a, b in zip(_secret_of(text), _pad(before), strict=True)).hex()


def _unsealed(before: str, session: SessionRecord) -> str:
    secret = bytes(a ^ b for a, b in zip(bytes.fromhex(session.sealed or ""), _pad(before), strict=True))
    return before[: len(PREFIX) + 32] + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
