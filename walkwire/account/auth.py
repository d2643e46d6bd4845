"""Auth: who is calling. A token is believed if it is ours, not over, and not ended by a new password since.

The last is the store's to say. Its word on a user is remembered for `STALENESS` seconds, so that a busy user costs it one
question in that time. A password changed through this process counts at once; through another, within `STALENESS`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from walkwire.account.token import Claims, Tokens
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import UserRecord, UserStore

STALENESS = 5.0  # seconds
REMEMBERED = 50_000  # users; those asked about longest ago are forgotten first

_ENDED = -1  # what the store's word amounts to when there is no such user, or the account is off

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the root whose graph is theirs, and the user, None for the public one; `tokens` as in UserRecord."""

    root_id: str
    user_id: str | None = None
    tokens: int = field(default=0, compare=False)


PUBLIC = Caller(PUBLIC_ROOT)


class Auth:
    """Tells callers by their tokens. Its methods are for the one event loop of the sockets."""

    def __init__(self, users: UserStore, tokens: Tokens, clock: Callable[[], float] = time.monotonic) -> None:
        self.on_tokens_ended: Callable[[str], None] = lambda root_id: None
        self._users = users
        self._tokens = tokens
        self._clock = clock
        self._pool = ThreadPoolExecutor(2, "auth")
        self._words: OrderedDict[str, tuple[int, float]] = (
            OrderedDict()
        )  # by user: the store's word, and its age
        self._questions: dict[str, asyncio.Task[int]] = {}
        self._endings = 0

    async def authenticate(self, token: str | None) -> Caller:
        """The caller, the public one for a token that is bad, ended or absent. Never raises: a socket learns it from its root."""
        if not token:
            return PUBLIC
        try:
            return await self.identify(token) or PUBLIC
        except Exception:
            _log.exception("A token could not be checked; its bearer is treated as the public user")
            return PUBLIC

    async def identify(self, token: str) -> Caller | None:
        """The user of a token, with or without `Bearer` before it; None for a bad or ended one. Raises what the store does."""
        claims = self._tokens.read(without_scheme(token))
        if claims is None or not await self._is_current(claims):
            return None
        return Caller(claims.root_id, claims.user_id, claims.tokens)

    def end_tokens(self, user: UserRecord) -> None:
        """Call right after the user's count went up in the store: the tokens made before are bad from now on."""
        self._endings += 1
        self._words.pop(user.id, None)
        self.on_tokens_ended(user.root_id)

    def doubt(self) -> None:
        """Somebody's tokens have ended in another process: nothing that the store said before is believed."""
        self._endings += 1
        self._words.clear()

    def close(self) -> None:
        """Wait for the store's last answers and let the threads go."""
        self._pool.shutdown(cancel_futures=True)

    async def _is_current(self, claims: Claims) -> bool:
        while True:
            word = self._words.get(claims.user_id)
            # A token with a higher count was made after the store was asked: we signed it.
            if word is not None and self._clock() - word[1] < STALENESS and not 0 <= word[0] < claims.tokens:
                return word[0] == claims.tokens
            endings = self._endings
            count = await self._ask(claims.user_id)
            if endings == self._endings:  # else the answer may be of before
                return count == claims.tokens

    async def _ask(self, user_id: str) -> int:
        """The store's word on a user, asked once however many wait for it."""
        question = self._questions.get(user_id)
        if question is None:
            question = self._questions[user_id] = asyncio.ensure_future(self._learn(user_id))
        return await asyncio.shield(question)  # who waits may give up, the others may not

    async def _learn(self, user_id: str) -> int:
        loop = asyncio.get_running_loop()
        try:
            while True:
                endings, asked = self._endings, self._clock()
                user = await loop.run_in_executor(self._pool, self._users.user_by_id, user_id)
                if endings == self._endings:
                    return self._remember(user_id, user, asked)
        finally:
            del self._questions[user_id]

    def _remember(self, user_id: str, user: UserRecord | None, asked: float) -> int:
        count = user.tokens if user is not None and user.is_activated else _ENDED
        self._words[user_id] = count, asked
        self._words.move_to_end(user_id)
        if len(self._words) > REMEMBERED:
            self._words.popitem(last=False)
        return count


def without_scheme(token: str) -> str:
    """A token without the `Bearer ` that may stand before it, in any case."""
    token = token.strip()
    return token[7:].lstrip() if token[:7].lower() == "bearer " else token
