"""Link: what every broker across a network shares: it asks in the order of the calls, one write per turn of the loop, watches
over the other side, comes back, and asks for all topics again. How bytes look is the kind's own `Line`.

After each write a fence is sent, a question that the other side answers when it has handled what came before. So one answer
confirms any number of asks, and no answer for a while means that nobody is there, whatever the sockets say.

When the other side is back, others may not have found it yet. So what is published then waits until they must have.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from asyncio import Future, Task, TimerHandle
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple, Protocol

from walkwire.broker import Counts, Deliver, Returned
from walkwire.errors import Limited, Unreached

TICK = 1.0  # seconds between two looks at whether answers come
PATIENCE = 3  # ticks until a fence must be answered: with the tick before it, the end is noticed within 4 s
OPENING_SECONDS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0  # seconds between two attempts to connect
HOLD_SECONDS = 2.0  # after a return: another's longest pause, and to connect, and to subscribe 100,000 topics
ASKS_AT_ONCE, BYTES_AT_ONCE = 2000, 1024 * 1024  # of one write
SILENT = "it does not answer"
BOUND = 64 * 1024 * 1024  # bytes published and not confirmed; beyond: Unreached

_log = logging.getLogger(__name__)

Ask = tuple[str, bytes | bool]
"""A topic, and what about it: True subscribe, False unsubscribe, bytes publish them."""


class LineError(Exception):
    """Why a line cannot be opened, or has broken: half a sentence without secrets, for the log and for `away`."""


def reason(error: BaseException) -> str:
    """Half a sentence about why a driver gave up, without the address that drivers like to tell."""
    cause: BaseException | None = None if isinstance(error, LineError) else error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "its host name is not known"
        if isinstance(cause, OSError):
            return os.strerror(cause.errno).lower() if cause.errno else "no connection can be made"
        cause = cause.__cause__ or cause.__context__
    return str(error).rstrip(".") or type(error).__name__


class Line(Protocol):
    """One connection to the other side."""

    limit: int  # bytes of a message

    async def open(self) -> None:
        """Connect and introduce oneself. Raises LineError, OSError."""

    async def send(self, asks: list[Ask]) -> None:
        """Write these and a fence, in one piece; wait while the socket takes no more. Raises as `open`."""

    async def listen(self, deliver: Deliver, passed: Callable[[], None]) -> None:
        """Call `deliver` for each message and `passed` for each answered fence, until the line breaks. Raises as `open`."""

    async def close(self) -> None:
        """Let go at once. Never raises."""


class _Sent(NamedTuple):
    """What a fence confirms: all asks up to the one of this number, so many bytes and messages of them not confirmed before."""

    number: int
    size: int
    messages: int


class Link:
    """A broker behind the lines that `make_line` makes, one after the other. `name` says what it is; `place`, where, is for the
    log only."""

    def __init__(
        self, make_line: Callable[[], Line], name: str, place: str, counts: Counts | None = None
    ) -> None:
        self.counts = counts or Counts()
        self.topics: set[str] = set()
        self._make_line = make_line
        self._name = name
        self._place = place
        self._deliver: Deliver = _drop
        self._returned: Returned = lambda: None
        self._task: Task[None] | None = None
        self._attempts = 0
        self._line: Line | None = None
        self._why: str | None = "no connection was tried yet"
        self._asks: deque[Ask] = deque()
        self._news = asyncio.Event()
        self._wants_sign = False
        self._sent: deque[_Sent] = deque()
        self._passed = 0  # fences, so far
        self._size = 0  # of messages that are not confirmed
        # Asks are counted: how many were made, and which of them is the last of its sort, and the last confirmed.
        self._asked = self._confirmed = self._last_subscription = self._last_message = self._restored = 0
        self._settling: deque[tuple[int, Future[None]]] = deque()
        self._taking: deque[tuple[int, Future[None]]] = deque()
        self._was_gone = False  # for all, not only for us
        self._hold: TimerHandle | None = None
        self._held: list[Ask] = []
        self._held_taking: list[Future[None]] = []

    @property
    def away(self) -> str | None:
        return None if self._why is None else f"{self._name}: {self._why}"

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        self._deliver, self._returned = deliver, returned
        is_first_over = asyncio.get_running_loop().create_future()
        self._revive(is_first_over)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(is_first_over, OPENING_SECONDS)

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._let_go()
        with suppress(Exception):
            async with asyncio.timeout(TICK):
                while self._line is not None and self._confirmed < self._asked:
                    await self._take_after(self._asked)
        self._deliver = _drop
        task.cancel()
        await asyncio.wait((task,))
        self._forget("it was let go")

    def subscribe(self, topics: Iterable[str]) -> None:
        new = [topic for topic in dict.fromkeys(topics) if topic not in self.topics]
        self.topics.update(new)
        if self._line is not None and new:
            self._ask([(topic, True) for topic in new])
            self._last_subscription = self._asked

    def unsubscribe(self, topics: Iterable[str]) -> None:
        old = [topic for topic in dict.fromkeys(topics) if topic in self.topics]
        self.topics.difference_update(old)
        if self._line is not None and old:
            self._ask([(topic, False) for topic in old])

    def settled(self) -> Future[None] | None:
        if self._why is not None or self._last_subscription <= self._confirmed:
            return None
        future: Future[None] = asyncio.get_running_loop().create_future()
        self._settling.append((self._last_subscription, future))
        return future

    def publish(self, topic: str, message: bytes) -> None:
        if self._line is None or self._size > BOUND:
            self.counts.lost += 1
            raise Unreached
        if len(message) > self._line.limit:
            self.counts.lost += 1
            raise Limited(f"This is too large for other servers: {self._line.limit} bytes at most.")
        self.counts.published += 1
        self._size += len(message)
        if self._hold is not None:
            self._held.append((topic, message))
            return
        self._ask([(topic, message)])
        self._last_message = self._asked

    def taken(self) -> Future[None] | None:
        if self._held:
            self._held_taking.append(asyncio.get_running_loop().create_future())
            return self._held_taking[-1]
        return None if self._last_message <= self._confirmed else self._take_after(self._last_message)

    def _take_after(self, number: int) -> Future[None]:
        future: Future[None] = asyncio.get_running_loop().create_future()
        self._taking.append((number, future))
        return future

    def _ask(self, asks: list[Ask]) -> None:
        self._asks.extend(asks)
        self._asked += len(asks)
        self._news.set()

    def _revive(self, first: Future[None] | None = None) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(first), name="walkwire broker")
        self._task.add_done_callback(self._see_end)

    def _see_end(self, task: Task[None]) -> None:
        if task is not self._task:
            return  # it was stopped
        self.counts.faults += 1
        error = None if task.cancelled() else task.exception()
        _log.error("The listener of the broker ended and is started again", exc_info=error)
        self._lose("its listener ended")
        self._revive()

    async def _run(self, first: Future[None] | None) -> None:
        pause = FIRST_PAUSE
        while True:
            self._attempts += 1
            line = self._make_line()
            try:
                async with asyncio.timeout(OPENING_SECONDS):
                    await line.open()
                pause = FIRST_PAUSE
                self._greet(line)
                _resolve(first)
                await self._converse(line)
            except TimeoutError:
                self._lose(SILENT)
            except (LineError, OSError) as error:
                self._lose(reason(error))
            except Exception as error:
                self.counts.faults += 1
                _log.exception("A fault on the way to the broker")
                self._lose(type(error).__name__)
            finally:
                await line.close()
            _resolve(first)
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _greet(self, line: Line) -> None:
        """Ask for all topics before anything else."""
        self._line = line
        if self._was_gone:
            self._was_gone = False
            self._hold = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._let_go)
        self._ask([(topic, True) for topic in self.topics])
        self._restored = self._last_subscription = self._asked
        if self.topics:
            self._why = "the topics are being subscribed again"
        else:
            self._welcome()

    def _let_go(self) -> None:
        """Send what was held for those who come back later than we did."""
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        if self._held:
            self._ask(self._held)
            self._last_message = self._asked
            self._taking.extend((self._asked, future) for future in self._held_taking)
            self._held, self._held_taking = [], []

    def _welcome(self) -> None:
        self._why = None
        if self._attempts > 1:
            self.counts.returns += 1
            _log.warning("%s at %s is back, with %d topics", self._name, self._place, len(self.topics))
            self._returned()

    async def _converse(self, line: Line) -> None:
        """Returns never: raises when the line breaks."""
        parts = [
            asyncio.ensure_future(work)
            for work in (self._write(line), line.listen(self._hear, self._pass), self._watch())
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        for part in done:
            part.result()
        raise LineError("the connection ended")

    async def _write(self, line: Line) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._asks or self._wants_sign:
                self._wants_sign = False
                await line.send(self._next_asks())
                await asyncio.sleep(0)  # a long queue leaves the loop to others

    def _next_asks(self) -> list[Ask]:
        asks: list[Ask] = []
        size = messages = 0
        while self._asks and len(asks) < ASKS_AT_ONCE and size < BYTES_AT_ONCE:
            ask = self._asks.popleft()
            if not isinstance(ask[1], bool):
                size += len(ask[1])
                messages += 1
            asks.append(ask)
        self._sent.append(_Sent(self._asked - len(self._asks), size, messages))
        return asks

    def _hear(self, topic: str, message: bytes) -> None:
        self.counts.received += 1
        try:
            self._deliver(topic, message)
        except Exception:
            self.counts.faults += 1
            _log.exception("A message on %s could not be delivered", topic)

    def _pass(self) -> None:
        """A fence was answered."""
        if not self._sent:
            return
        number, size, _ = self._sent.popleft()
        self._passed += 1
        self._confirmed = number
        self._size -= size
        for waiting in (self._settling, self._taking):
            while waiting and waiting[0][0] <= number:
                _resolve(waiting.popleft()[1])
        if self._why is not None and number >= self._restored:
            self._welcome()

    async def _watch(self) -> None:
        """Time is counted in turns of this, not read from a clock: a loop that was held up has not listened, either."""
        silent, passed = 0, self._passed
        while True:
            await asyncio.sleep(TICK)
            silent = silent + 1 if self._sent and passed == self._passed else 0
            passed = self._passed
            if silent >= PATIENCE:
                raise LineError(SILENT)
            if not self._sent:
                self._wants_sign = True
                self._news.set()

    def _lose(self, why: str) -> None:
        """The line is gone, and with it whatever was on its way."""
        if self._line is None or why == SILENT:
            self._was_gone = True
        if self._line is not None or self._attempts == 1:
            _log.error("%s at %s cannot be reached: %s", self._name, self._place, why)
        self._forget(why)

    def _forget(self, why: str) -> None:
        self._let_go()
        self._line, self._why = None, why
        lost = sum(sent.messages for sent in self._sent) + sum(
            not isinstance(ask[1], bool) for ask in self._asks
        )
        if lost:
            self.counts.lost += lost
            _log.warning("%d messages to other servers were on their way, and may be lost", lost)
        self._asks.clear()
        self._sent.clear()
        self._size = 0
        self._confirmed = self._asked
        for _, future in self._settling:
            _resolve(future)
        for _, future in self._taking:
            _refuse(future)
        self._settling.clear()
        self._taking.clear()


def _drop(topic: str, message: bytes) -> None:
    pass


def _resolve(future: Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _refuse(future: Future[None]) -> None:
    if not future.done():
        future.set_exception(Unreached())
        future.exception()  # nobody may be waiting any more: that is no fault
