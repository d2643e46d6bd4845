"""Revocation: which tokens of a user still count. Each user has a token generation in the store. A new password raises it, and
revokes all tokens of older generations, on every server.

A server trusts what it knows of a generation for a bounded time (`docs/users.md` states the bounds):

- A server that raises a generation tells all others, through the broker.
- Trust that is older than `SHOWN_SECONDS` is asked again when a token is shown.
- Trust that is older than `OPEN_SECONDS` is asked again while a socket of that user is open.
- While other servers cannot be heard, both are `AWAY_SECONDS`. Once they can, everything is asked again at once.

All sockets of a user on one server have one generation: the one trusted here. When it changes, they are signed out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio import Future, Task
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from walkwire.store import Asking, UserStore

SHOWN_SECONDS = 5.0
OPEN_SECONDS = 10.0
AWAY_SECONDS = 2.0
RETURN_SECONDS = (
    5.0  # after a return of the broker: other servers may find it later, and hold back what they tell
)
TICK = 0.5  # seconds between two looks at what is too old
BATCH = 500  # users in one question to the store

_NOBODY = -1  # the generation of a user who is not in the store, or whose account is off

_log = logging.getLogger(__name__)


class Sockets(Protocol):
    """The open sockets of this server, and the way to other servers. `wire/hub` is one."""

    @property
    def away(self) -> str | None:
        """Why other servers cannot be heard; None: they can."""

    def is_here(self, root_id: str) -> bool:
        """Return whether a socket of this user is open on this server."""

    def sign_out(self, root_id: str) -> None:
        """Make this user's sockets on this server public."""

    def tell_revoked(self, root_id: str, token_generation: int) -> None:
        """Tell all other servers, whose `Revocation.hear` is called with the same. Must not raise."""


class _Trust(NamedTuple):
    """What is known of a user. `number` orders questions and messages, `asked` tells the age in seconds of the clock."""

    token_generation: int
    number: int
    asked: float


class Revocation:
    """The token generations of the users who called a moment ago, or have a socket open here.

    All methods are for the event loop of the sockets. There is one task, and only while there is anything to ask.
    """

    def __init__(
        self,
        users: UserStore,
        asking: Asking,
        sockets: Sockets,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = users
        self._asking = asking
        self._sockets = sockets
        self._clock = clock
        self._trust: dict[str, _Trust] = {}  # by root, the oldest first
        self._questions: dict[str, Future[None]] = {}  # not asked yet
        self._number = 0  # of the last question or message
        self._before_gap = 0  # what is known by this number and below is too old, whatever its age
        self._alert_until = float("-inf")
        self._shown_seconds, self._open_seconds = SHOWN_SECONDS, OPEN_SECONDS
        self._news = asyncio.Event()
        self._task: Task[None] | None = None
        self._is_failing = False

    async def is_current(self, root_id: str, token_generation: int) -> bool:
        """Return whether tokens of this generation count. Raises what the store does.

        It is so at the moment of the return: a caller that awaits nothing else before it acts leaves no gap.
        """
        is_asked = False
        while True:
            trust = self._trust.get(root_id)
            # A token of a later generation than the trusted one was made since: this system signed it.
            if trust is not None and (
                is_asked or (self._is_fresh(trust) and not 0 <= trust.token_generation < token_generation)
            ):
                return trust.token_generation == token_generation
            await self._ask(root_id)
            is_asked = True

    def revoke(self, root_id: str, token_generation: int) -> None:
        """Revoke all tokens of this user below this generation, on every server. Call right after the store has raised it."""
        self.hear(root_id, token_generation)
        self._sockets.tell_revoked(root_id, token_generation)

    def hear(self, root_id: str, token_generation: int) -> None:
        """Revoke all tokens of this user below this generation, on this server: another one has told it."""
        known = self._trust.get(root_id)
        if known is None or known.token_generation < token_generation:
            self._number += 1
            self._learn(root_id, _Trust(token_generation, self._number, self._clock()))
            self._wake()

    def recheck(self) -> None:
        """Ask the store about everybody again: other servers could not be heard for a while, and can be now."""
        self._before_gap = self._number
        self._alert_until = self._clock() + RETURN_SECONDS
        self._wake()

    async def stop(self) -> None:
        """Ask no more. A call of the store that is under way ends by itself."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        for question in self._questions.values():
            question.cancel()

    def _is_fresh(self, trust: _Trust) -> bool:
        return trust.number > self._before_gap and self._clock() - trust.asked < self._shown_seconds

    async def _ask(self, root_id: str) -> None:
        """Wait for an answer to a question that is asked from now on, one for all who wait for it."""
        question = self._questions.get(root_id)
        if question is None:
            question = self._questions[root_id] = asyncio.get_running_loop().create_future()
            self._wake()
        await asyncio.shield(question)  # a caller that gives up does not take the answer from others

    def _wake(self) -> None:
        self._news.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="walkwire revocation")

    async def _run(self) -> None:
        try:
            while self._questions or self._trust:
                self._news.clear()
                self._look_around()
                shown = {root_id: self._questions.pop(root_id) for root_id in list(self._questions)[:BATCH]}
                due = self._due()
                if (shown or due) and await self._settle(shown, due):
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK):
                        await self._news.wait()
        finally:
            self._task = None

    def _look_around(self) -> None:
        now = self._clock()
        if self._sockets.away is not None:
            self._alert_until = now + RETURN_SECONDS
        is_alert = now < self._alert_until
        self._shown_seconds = AWAY_SECONDS if is_alert else SHOWN_SECONDS
        self._open_seconds = AWAY_SECONDS if is_alert else OPEN_SECONDS

    def _due(self) -> list[str]:
        """Return users with open sockets of whom it is time to ask again. Forgets users without."""
        before = self._clock() - self._open_seconds
        old: list[str] = []
        for root_id, trust in self._trust.items():
            if len(old) == BATCH or (trust.asked > before and trust.number > self._before_gap):
                break
            old.append(root_id)
        due: list[str] = []
        for root_id in old:
            if self._sockets.is_here(root_id):
                due.append(root_id)
            else:
                del self._trust[root_id]
        return due

    async def _settle(self, shown: dict[str, Future[None]], due: list[str]) -> bool:
        """Ask about these, and answer questions. Returns whether the store could say."""
        self._number += 1
        number, asked = self._number, self._clock()
        root_ids = list(dict.fromkeys((*shown, *due)))
        try:
            found = await self._asking.ask(self._users.token_generations, root_ids)
            for root_id in root_ids:
                self._learn(root_id, _Trust(found.get(root_id, _NOBODY), number, asked))
        except asyncio.CancelledError:
            self._questions |= shown  # `stop` cancels them
            raise
        except Exception as error:
            for question in shown.values():
                _fail(question, error)
            if due and not self._is_failing:
                _log.exception("Whether tokens were revoked cannot be asked at the moment")
                self._is_failing = True
            return False
        for question in shown.values():
            question.set_result(None)
        self._is_failing = False
        return True

    def _learn(self, root_id: str, trust: _Trust) -> None:
        known = self._trust.get(root_id)
        if known is not None:
            if known.number > trust.number and known.token_generation >= trust.token_generation:
                return  # a message came after the question: the answer is from before
            del self._trust[root_id]
        self._trust[root_id] = trust
        if known is None or known.token_generation != trust.token_generation:
            self._sockets.sign_out(root_id)


def _fail(question: Future[None], error: Exception) -> None:
    question.set_exception(error)
    question.exception()  # nobody may be waiting any more: that is no fault
