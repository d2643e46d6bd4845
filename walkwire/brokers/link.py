"""Link: what all brokers across a network share. A kind of broker adds its own `BrokerConnection`, which knows the protocol.

- Requests are sent in the order of the calls, in one write for each turn of the event loop.
- Each write is followed by a fence: a request that the broker service answers once it has handled everything before. So one
  answer confirms any number of requests.
- If a fence is not answered in time, the broker service counts as unreachable, whatever the socket reports. The link reconnects
  and subscribes all topics again.
- After a reconnect, other servers may not have reconnected yet. So messages published within `HOLD_SECONDS`
  are delayed until that time is over.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from asyncio import Future, Task, TimerHandle
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import NamedTuple, Protocol

from walkwire.broker import Counts, Deliver, Returned
from walkwire.brokers.spread import Spread
from walkwire.ending import end_tasks
from walkwire.errors import Limited, Unreached

TICK = 1.0  # seconds between two checks for answers
PATIENCE = 3  # ticks until a fence must be answered: with the tick before it, the end is noticed within 4 s
OPENING_SECONDS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0  # seconds between two attempts to connect
# After a reconnect: the longest pause of other servers, plus the time to connect and to subscribe 100,000 topics.
HOLD_SECONDS = 2.0
ASKS_AT_ONCE, BYTES_AT_ONCE = 2000, 1024 * 1024  # in one write
SILENT = "it does not answer"
# said of a URL whose error may quote a part of a password
BAD_PLACE = "its host or port is wrong (in a password, / ? # and @ are written %2F %3F %23 and %40)"
BOUND = 64 * 1024 * 1024  # bytes published and not confirmed; more raise Unreached

_log = logging.getLogger(__name__)

Ask = tuple[str, bytes | bool]
"""A topic and what to do: True subscribes, False unsubscribes, bytes are published."""


class BrokerConnectionError(Exception):
    """A connection cannot be opened, or broke. The text is half a sentence without secrets, for the log and for `away`."""


def reason(error: BaseException) -> str:
    """Return half a sentence about why a driver failed, without the address that drivers include."""
    cause: BaseException | None = None if isinstance(error, BrokerConnectionError) else error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "its host name is not known"
        if isinstance(cause, OSError):
            return os.strerror(cause.errno).lower() if cause.errno else "no connection can be made"
        cause = cause.__cause__ or cause.__context__
    return str(error).rstrip(".") or type(error).__name__


class BrokerConnection(Protocol):
    """One connection to the broker service. `limit` is the largest message that may be published, in bytes."""

    limit: int  # bytes

    async def open(self) -> None:
        """Connect and authenticate. Raises BrokerConnectionError, OSError."""

    async def send(self, asks: list[Ask]) -> None:
        """Write these requests and a fence in one piece; wait while the socket buffer is full. Raises as `open`."""

    async def listen(self, deliver: Deliver, passed: Callable[[], None]) -> None:
        """Call `deliver` for each message and `passed` for each answered fence, until the connection breaks. Raises as `open`."""

    async def close(self) -> None:
        """Close the connection at once. Never raises."""


class _Sent(NamedTuple):
    """What a fence confirms: all requests up to `number`, with so many bytes and messages that were not confirmed before."""

    number: int
    size: int
    messages: int


class Link:
    """A broker that connects with one `BrokerConnection` after another.

    - `make_connection`: returns a new connection, not open yet.
    - `name`: the kind of broker.
    - `place`: its address, for the log only.
    """

    def __init__(
        self,
        make_connection: Callable[[], BrokerConnection],
        name: str,
        place: str,
        counts: Counts | None = None,
    ) -> None:
        self.counts = counts or Counts()
        self.topics: set[str] = set()
        self._make_connection = make_connection
        self._name, self._place = name, place
        self._deliver: Deliver = lambda topic, message: None
        self._returned: Returned = lambda: None
        self._task: Task[None] | None = None
        self._attempts = 0
        self._connection: BrokerConnection | None = None
        self._why: str | None = "no connection was tried yet"
        self._asks: deque[Ask] = deque()
        self._news = asyncio.Event()
        self._wants_sign = False
        self._sent: deque[_Sent] = deque()
        self._passed = 0  # answered fences
        self._size = 0  # bytes of messages that are not confirmed
        # Requests are numbered: the last one made, the last one of each sort, and the last one confirmed.
        self._asked = self._confirmed = self._last_subscription = self._last_message = self._restored = 0
        self._settling: deque[tuple[int, Future[None]]] = deque()
        self._taking: deque[tuple[int, Future[None]]] = deque()
        self._was_gone = False  # whether all servers lost it, not only this one
        self._hold: TimerHandle | None = None
        self._held: list[Ask] = []
        self._held_taking: list[Future[None]] = []

    @property
    def away(self) -> str | None:
        """Return why the broker service is unreachable; see `Broker.away`."""
        return None if self._why is None else f"{self._name}: {self._why}"

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        """Connect. Returns after the first attempt or OPENING_SECONDS; see `Broker.start`."""
        self._deliver, self._returned = deliver, returned
        is_first_over = asyncio.get_running_loop().create_future()
        self._revive(is_first_over)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(is_first_over, OPENING_SECONDS)

    async def stop(self) -> None:
        """Wait up to TICK seconds for confirmation of what is queued, then disconnect; see `Broker.stop`."""
        task, self._task = self._task, None
        if task is None:
            return
        self._let_go()
        with suppress(Exception):
            async with asyncio.timeout(TICK):
                while self._connection is not None and self._confirmed < self._asked:
                    await self._take_after(self._asked)
        self._deliver = lambda topic, message: None
        await end_tasks(task)
        self._forget("it was stopped")

    def subscribe(self, topics: Iterable[str]) -> None:
        """Queue one request for each new topic; see `Broker.subscribe`."""
        new = [topic for topic in dict.fromkeys(topics) if topic not in self.topics]
        self.topics.update(new)
        if self._connection is not None and new:
            self._ask([(topic, True) for topic in new])
            self._last_subscription = self._asked

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Queue one request for each subscribed topic; see `Broker.unsubscribe`."""
        old = [topic for topic in dict.fromkeys(topics) if topic in self.topics]
        self.topics.difference_update(old)
        if self._connection is not None and old:
            self._ask([(topic, False) for topic in old])

    def when_subscribed(self) -> Future[None] | None:
        """Return a future for the fence after the last subscription; see `Broker.settled`."""
        if self._why is not None or self._last_subscription <= self._confirmed:
            return None
        future: Future[None] = asyncio.get_running_loop().create_future()
        self._settling.append((self._last_subscription, future))
        return future

    def publish(self, topic: str, message: bytes) -> None:
        """Queue a message. Raises Unreached also if more than BOUND bytes are not confirmed; see `Broker.publish`."""
        if self._connection is None or self._size > BOUND:
            self.counts.lost += 1
            raise Unreached
        if len(message) > self._connection.limit:
            self.counts.lost += 1
            raise Limited(f"This is too large for other servers: {self._connection.limit} bytes at most.")
        self.counts.published += 1
        self._size += len(message)
        if self._hold is not None:
            self._held.append((topic, message))
            return
        self._ask([(topic, message)])
        self._last_message = self._asked

    def publish_all(self, topics: Collection[str], all_topic: str, *parts: bytes) -> None:
        """Queue one message, which the connection appends to the streams; see `Broker.publish_all`."""
        self.publish(all_topic, Spread.of(tuple(topics), *parts))

    def when_published(self) -> Future[None] | None:
        """Return a future for the fence after the last message; see `Broker.taken`."""
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
            return  # `stop` was called
        self.counts.faults += 1
        error = None if task.cancelled() else task.exception()
        _log.error("The receiver of the broker ended and is restarted", exc_info=error)
        self._lose("its receiver ended")
        self._revive()

    async def _run(self, first: Future[None] | None) -> None:
        pause = FIRST_PAUSE
        while True:
            self._attempts += 1
            connection = self._make_connection()
            try:
                async with asyncio.timeout(OPENING_SECONDS):
                    await connection.open()
                pause = FIRST_PAUSE
                self._greet(connection)
                _resolve(first)
                await self._converse(connection)
            except TimeoutError:
                self._lose(SILENT)
            except (BrokerConnectionError, OSError) as error:
                self._lose(reason(error))
            except Exception as error:
                self.counts.faults += 1
                _log.exception("Unexpected error in the connection to the broker")
                self._lose(type(error).__name__)
            finally:
                await connection.close()
            _resolve(first)
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _greet(self, connection: BrokerConnection) -> None:
        """Subscribe all topics before any other request."""
        self._connection = connection
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
        """Send the messages that were held back for servers that reconnect later than this one."""
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

    async def _converse(self, connection: BrokerConnection) -> None:
        """Send, receive and watch. Never returns: raises when the connection breaks."""
        parts = [
            asyncio.ensure_future(work)
            for work in (self._write(connection), connection.listen(self._receive, self._pass), self._watch())
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks(*parts)
        for part in done:
            part.result()
        raise BrokerConnectionError("the connection ended")

    async def _write(self, connection: BrokerConnection) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._asks or self._wants_sign:
                self._wants_sign = False
                await connection.send(self._next_asks())
                await asyncio.sleep(0)  # a long queue lets other tasks run

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

    def _receive(self, topic: str, message: bytes) -> None:
        self.counts.received += 1
        try:
            self._deliver(topic, message)
        except Exception:
            self.counts.faults += 1
            _log.exception("A message on %s could not be delivered", topic)

    def _pass(self) -> None:
        """Handle the answer to a fence."""
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
        """Raise if a fence stays unanswered for PATIENCE ticks.

        Time is counted in turns of this loop and not read from a clock: an event loop that was blocked has not read answers
        either.
        """
        silent, passed = 0, self._passed
        while True:
            await asyncio.sleep(TICK)
            silent = silent + 1 if self._sent and passed == self._passed else 0
            passed = self._passed
            if silent >= PATIENCE:
                raise BrokerConnectionError(SILENT)
            if not self._sent:
                self._wants_sign = True
                self._news.set()

    def _lose(self, why: str) -> None:
        """Handle a broken connection, with which everything in flight is lost."""
        if self._connection is None or why == SILENT:
            self._was_gone = True
        if self._connection is not None or self._attempts == 1:
            _log.error("%s at %s cannot be reached: %s", self._name, self._place, why)
        self._forget(why)

    def _forget(self, why: str) -> None:
        self._let_go()
        self._connection, self._why = None, why
        lost = sum(sent.messages for sent in self._sent) + sum(
            not isinstance(ask[1], bool) for ask in self._asks
        )
        if lost:
            self.counts.lost += lost
            _log.warning("%d messages to other servers were in flight, and may be lost", lost)
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


def _resolve(future: Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _refuse(future: Future[None]) -> None:
    if not future.done():
        future.set_exception(Unreached())
        future.exception()  # retrieved: the caller may have given up, which is no error
