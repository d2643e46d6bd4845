"""Keyed: lets calls with the same key of the same root walk once. The first of them walks, the others wait for its answer.

A failed walk stores nothing, so the next call in the queue walks itself. Everything here runs on one event loop. A call without a
key never comes here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from walkwire.errors import Busy, Conflict, KeyReused
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import KeyedCall, KeyedCallStore, KeyHeld, KeyTaken

PATIENCE_SECONDS = 30.0  # for a walk on another server; a shorter time limit of the call itself comes first
FREE_SECONDS = (
    0.05  # after the end of a walk: keys are freed together, and nobody who finds an answer waits for that
)
TRIM_SECONDS = 3600.0
TRIMMED = 1000  # records in one deletion
# What is kept of one user: records, and characters of their answers. All who have not signed in share one user.
MOST, MOST_SIZE = 10_000, 32 * 1024 * 1024
PUBLIC_MOST, PUBLIC_MOST_SIZE = 100_000, 256 * 1024 * 1024
LOOKED = 500  # walks of one user on this server between two looks at what is kept of it
_ATTEMPTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25  # between looks at a key that another server has

_log = logging.getLogger("walkwire.walk")


class Shareable(Protocol):
    """An answer. One with a `response`, a whole response that the program made, can be sent once only."""

    @property
    def response(self) -> Any:
        """Return the response, or None."""


Answer = TypeVar("Answer", bound=Shareable)
Ask = Callable[..., Awaitable[Any]]
"""Calls a function of the store in a thread, and returns its result."""


class _UnderWay(Generic[Answer]):
    """The walk of a key, and the calls that wait for it: each gets the answer, or None if it is to walk itself."""

    __slots__ = ("digest", "waiting")

    def __init__(self, digest: str) -> None:
        self.digest = digest
        self.waiting: deque[asyncio.Future[Answer | None]] = deque()


class KeyedWalks(Generic[Answer]):
    """The calls with a key that are under way on this server.

    - store: keeps the records
    - again: makes the answer of a record. Raises KeySpent if the answer was not kept
    - ask: calls the store
    - clock: returns Unix seconds
    """

    def __init__(
        self,
        store: KeyedCallStore,
        again: Callable[[KeyedCall], Answer],
        ask: Ask,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._again = again
        self._ask = ask
        self._clock = clock
        self._under_way: dict[tuple[str, str], _UnderWay[Answer]] = {}
        self._walked: Counter[str] = Counter()  # by root, since the last look
        self._to_free: list[tuple[str, str]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._trimming: asyncio.TimerHandle | None = None
        self._freeing: asyncio.TimerHandle | None = None

    async def run(
        self, call: KeyedCall, walk: Callable[[], Awaitable[Answer]], check_time: Callable[[], None]
    ) -> Answer:
        """Return the answer of the call's key: the stored one, that of a walk under way, or that of `walk`.

        - walk: walks, and stores `call` in its commits. Raises KeyTaken if another call with the key was committed meanwhile
        - check_time: raises TimedOut after the time limit of this call

        Raises KeyReused if the key was used for another request, KeySpent if its answer was not kept, Busy if another server
        has not ended its walk in PATIENCE_SECONDS, and what `walk` raises.
        """
        place = call.root_id, call.key
        under_way = self._under_way.get(place)
        if under_way is None:
            under_way = self._under_way[place] = _UnderWay(call.digest)
        elif under_way.digest != call.digest:
            raise KeyReused
        elif (answer := await self._wait(place, under_way)) is not None:
            return answer
        try:
            answer = await self._lead(call, walk, check_time)
        except BaseException:
            self._pass_on(place, under_way)
            raise
        if answer.response is not None:
            self._pass_on(place, under_way)
        else:
            del self._under_way[place]
            for waiting in under_way.waiting:
                if not waiting.done():
                    waiting.set_result(answer)
        return answer

    def start(self) -> None:
        """Begin to delete expired records, each TRIM_SECONDS. Servers that start together do so at different times."""
        later = random.uniform(0.5, 1.0) * TRIM_SECONDS
        self._trimming = asyncio.get_running_loop().call_later(later, self._begin_trim)

    def stop(self) -> None:
        """Delete and free nothing more: the store frees all keys when it is closed."""
        for timer in (self._trimming, self._freeing):
            if timer is not None:
                timer.cancel()

    async def trim(self) -> None:
        """Delete expired records."""
        while await self._ask(self._store.forget_calls, self._clock(), TRIMMED) == TRIMMED:
            pass

    async def _wait(self, place: tuple[str, str], under_way: _UnderWay[Answer]) -> Answer | None:
        turn: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        under_way.waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result() is None:
                self._pass_on(place, under_way)
            raise

    def _pass_on(self, place: tuple[str, str], under_way: _UnderWay[Answer]) -> None:
        """Let the next call in the queue look, and walk itself if there is no answer."""
        while under_way.waiting:
            waiting = under_way.waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        del self._under_way[place]

    async def _lead(
        self, call: KeyedCall, walk: Callable[[], Awaitable[Answer]], check_time: Callable[[], None]
    ) -> Answer:
        for _ in range(_ATTEMPTS):
            found = await self._find(call, check_time)
            if found is not None:
                if found.digest != call.digest:
                    raise KeyReused
                return self._again(found)
            with suppress(KeyTaken):
                try:
                    return await walk()
                finally:
                    self._free(call.root_id, call.key)
                    self._count(call.root_id)
        raise Conflict

    async def _find(self, call: KeyedCall, check_time: Callable[[], None]) -> KeyedCall | None:
        """Return the record of the call's key; None: the key is taken for this call. Waits while another server has it."""
        clock = asyncio.get_running_loop().time
        ends, pause = clock() + PATIENCE_SECONDS, _FIRST_PAUSE
        while True:
            check_time()
            with suppress(KeyHeld):
                return await self._take(call)
            if clock() > ends:
                raise Busy("A call with the same key has not ended on another server. Please try again!")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _take(self, call: KeyedCall) -> KeyedCall | None:
        """Look once. A key that is taken for a caller who has gone meanwhile is freed: other servers would wait for ever."""
        taking: asyncio.Future[KeyedCall | None] = asyncio.ensure_future(
            self._ask(self._store.take_key, call.root_id, call.key, call.made)
        )
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(partial(self._free_if_taken, call.root_id, call.key))
            raise

    def _free_if_taken(self, root_id: str, key: str, taking: asyncio.Future[KeyedCall | None]) -> None:
        if not taking.cancelled() and taking.exception() is None and taking.result() is None:
            self._free(root_id, key)

    def _free(self, root_id: str, key: str) -> None:
        if not self._to_free:
            later = asyncio.get_running_loop().call_later
            self._freeing = later(FREE_SECONDS, self._begin, self._free_all)
        self._to_free.append((root_id, key))

    async def _free_all(self) -> None:
        keys, self._to_free = self._to_free, []
        await self._ask(self._store.free_keys, keys)

    def _count(self, root_id: str) -> None:
        """Note that a call of a root has walked. Now and then remove its oldest records."""
        self._walked[root_id] += 1
        if self._walked[root_id] >= LOOKED:
            del self._walked[root_id]
            most, size = (PUBLIC_MOST, PUBLIC_MOST_SIZE) if root_id == PUBLIC_ROOT else (MOST, MOST_SIZE)
            self._begin(lambda: self._ask(self._store.trim_calls, root_id, most, size))

    def _begin_trim(self) -> None:
        self._walked.clear()
        self._trimming = asyncio.get_running_loop().call_later(TRIM_SECONDS, self._begin_trim)
        self._begin(self.trim)

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._do(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Busy:
            _log.debug("The database is busy: the records of keyed calls are left as they are")
        except Exception:
            _log.exception("The records of keyed calls are left as they are")
