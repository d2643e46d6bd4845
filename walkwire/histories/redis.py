"""Redis: a history that all servers share, in Redis Streams. The publishers append to it (`brokers/keeping`).

New entries are heard over a second connection of each server, and read over a third. Both are made when the first stream is
opened.

Offsets of a stream are consecutive, and the oldest entries are trimmed first. So everything behind a place is there if the
oldest entry is not later than the one that follows the place. The epoch is random, and made with the head of the stream. A head
is trusted only in its life. After another server process, or the loss of `keeps`, appends may be missing, and the stream begins
another epoch.
"""

from __future__ import annotations

import asyncio
import logging
import os
from asyncio import Task
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from redis.exceptions import ResponseError

from walkwire.broker import Broker
from walkwire.brokers.keeping import APPEND, PRELUDE, SPREAD, Calls, Names, packed, sha_of
from walkwire.brokers.link import Link
from walkwire.brokers.redis import RedisConnection, place_of, read_url
from walkwire.ending import end_tasks
from walkwire.errors import Unreached
from walkwire.histories.requests import Requests
from walkwire.history import Entry, Hear, History, Mark, Page, Retention

REFRESH_SECONDS = 20.0  # between two signs of life for all open topics
GRACE_SECONDS = 60  # that a stream stays open beyond its level without one
MANY = 500  # topics of one request

# Opens a stream. ARGV: run, command, prefix, a new life, a new epoch, most, seconds, the grace. Returns epoch and offset.
OPEN = (
    PRELUDE
    + """
if not life then
  life = ARGV[4]
  redis.call('SET', KEYS[1], life)
end
local head = head_of(0)
local most, seconds = tonumber(ARGV[6]), tonumber(ARGV[7])
if not head.is_open then
  redis.call('DEL', head.stream)
  redis.call('HSET', head.key, 'life', life, 'epoch', ARGV[5], 'offset', 0, 'most', most, 'seconds', seconds,
    'total', 0, 'before', 0)
  head.epoch, head.offset, head.most, head.seconds = ARGV[5], 0, most, seconds
end
if most > head.most then redis.call('HSET', head.key, 'most', most) end
if seconds > head.seconds then
  redis.call('HSET', head.key, 'seconds', seconds)
  head.seconds = seconds
end
local left = (head.seconds + tonumber(ARGV[8])) * 1000
redis.call('PEXPIRE', head.key, left)
redis.call('PEXPIRE', head.stream, left)
return {head.epoch, head.offset}
"""
)

# Reads a stream. ARGV: run, command, prefix, epoch or `*`, offset, f(orward) or b(ack), how many. Returns epoch, offset, the
# offset up to which entries are gone, and the entries; false in place of them if the stream has no such place.
READ = (
    PRELUDE
    + """
local head = head_of(0)
if not head.is_open then return {'', 0, 0, false} end
trim(head)
local oldest = redis.call('XRANGE', head.stream, '-', '+', 'COUNT', 1)[1]
local dropped = head.offset
if oldest then dropped = tonumber(string.sub(oldest[1], 3)) - 1 end
dropped = math.max(dropped, head.offset - head.most)
local lowest = '0-' .. (dropped + 1)
local at, many = tonumber(ARGV[5]), ARGV[7]
if ARGV[4] ~= '*' and (ARGV[4] ~= head.epoch or at > head.offset) then
  return {head.epoch, head.offset, dropped, false}
end
local found
if ARGV[6] == 'f' then
  found = redis.call('XRANGE', head.stream, '0-' .. (math.max(at, dropped) + 1), '+', 'COUNT', many)
elseif ARGV[4] == '*' then
  found = redis.call('XREVRANGE', head.stream, '+', lowest, 'COUNT', many)
elseif at > dropped then
  found = redis.call('XREVRANGE', head.stream, '0-' .. at, lowest, 'COUNT', many)
else
  found = {}
end
return {head.epoch, head.offset, dropped, found}
"""
)
SCRIPTS = (OPEN, READ)


class Servers(Protocol):
    """The servers that have the streams: one, or the nodes of a cluster.

    - is_sharded: whether they are nodes of a cluster
    """

    is_sharded: bool

    @property
    def broker(self) -> Broker:
        """Return what hears new entries."""

    def requests(self, topic: str) -> Requests:
        """Return how the server of a topic is asked. Raises Unreached if none has it."""

    async def close(self) -> None:
        """Disconnect from all."""


class RedisHistory:
    """Opens and reads streams that publishers append to."""

    is_local = False
    is_empty = False

    def __init__(self, servers: Servers, names: Names) -> None:
        self._servers = servers
        self._names = names
        self._hear: Hear = _drop
        self._lost: Callable[[], None] = lambda: None
        self._open: dict[str, Retention] = {}
        self._kept: dict[str, str] = {}  # the topic of each topic on which its entries are heard
        self._epochs: dict[str, str] = {}
        self._life: bytes | None = None
        self._has_opened = False
        self._starting: Task[None] | None = None
        self._refreshing: Task[None] | None = None
        self._is_over = False

    def for_level(self, level: Retention) -> History:
        """Return itself."""
        return self

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Begin, without a connection; see `History.start`."""
        self._hear, self._lost = hear, lost

    async def stop(self) -> None:
        """Disconnect; see `History.stop`."""
        self._hear, self._lost = _drop, lambda: None
        self._is_over = True
        await end_tasks(self._starting, self._refreshing)
        if self._starting is not None:
            await self._servers.broker.stop()
        await self._servers.close()

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Hear these topics, then make their heads where there are none; see `History.open`."""
        await self._connect()
        broker = self._servers.broker
        kept = {self._names.kept(topic): topic for topic in topics}
        self._kept |= kept
        self._open |= topics
        broker.subscribe(kept)
        if (settled := broker.when_subscribed()) is not None:
            await settled
        if broker.away is not None:
            raise Unreached
        return await self._touch(topics)

    def close(self, topics: Collection[str]) -> None:
        """Hear these topics no longer. Their heads end by themselves; see `History.close`."""
        kept = [self._names.kept(topic) for topic in topics if topic in self._open]
        for topic in topics:
            self._open.pop(topic, None)
            self._epochs.pop(topic, None)
        for name in kept:
            self._kept.pop(name, None)
        if kept:
            self._servers.broker.unsubscribe(kept)

    def append(self, topic: str, message: bytes) -> None:
        """Do nothing: the broker appends what is published."""

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        """Open the topics again, which changes nothing for those that are; see `History.tails`."""
        return await self._touch({topic: self._open[topic] for topic in topics if topic in self._open})

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Return entries; see `History.read`."""
        mark = upto if after is None else after
        epoch, offset = (b"*", 0) if mark is None else (mark.epoch.encode(), mark.offset)
        words = (epoch, b"%d" % offset, b"b" if after is None else b"f", b"%d" % (limit + 1))
        answer = await self._read(topic, words)
        if not answer[0] and topic in self._open:
            await self.tails((topic,))
            answer = await self._read(topic, words)
        tail, dropped, found = Mark(answer[0].decode(), int(answer[1])), int(answer[2]), answer[3]
        if found is None:
            return Page(tail, (), has_gap=mark is not None)
        entries = [Entry(int(key[2:]), fields[1]) for key, fields in found]
        has_more, entries = len(entries) > limit, entries[:limit]
        if after is None:
            return Page(tail, tuple(reversed(entries)), has_more=has_more)
        return Page(tail, tuple(entries), after.offset < dropped, has_more)

    async def _read(self, topic: str, words: tuple[bytes, ...]) -> Any:
        (answer,) = await self._servers.requests(topic).ask(
            lambda run: [self._call(READ, topic, run, *words)]
        )
        if isinstance(answer, ResponseError):
            raise _refused(answer)
        return answer

    def see_life(self, life: bytes | None) -> None:
        """Take in which life streams are open, as the server of the connection that hears says."""
        before, self._life = self._life, life
        is_new = before is not None and life != before
        if self._has_opened and self._open and (is_new or life is None):
            self._lost()

    async def _connect(self) -> None:
        if self._starting is None:
            loop = asyncio.get_running_loop()
            self._starting = loop.create_task(self._servers.broker.start(self._receive, self._returned))
        await asyncio.shield(self._starting)
        if self._refreshing is None and not self._is_over:
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())

    def _returned(self) -> None:
        self._lost()

    def _receive(self, name: str, message: bytes) -> None:
        topic = self._kept.get(name)
        if topic is None:
            return
        if not message:  # the stream has ended
            self._lost()
            return
        mark, _, message = message.partition(b"\n")
        epoch, offset, previous = mark.split(b" ")
        self._hear(topic, Mark(epoch.decode(), int(offset)), int(previous), message)

    async def _touch(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Open topics, or say that they are still open. Return their tails."""
        marks: dict[str, Mark] = {}
        names = list(topics)
        for begin in range(0, len(names), MANY):
            some = names[begin : begin + MANY]
            by_server: dict[Requests, list[str]] = {}
            for topic in some:
                by_server.setdefault(self._servers.requests(topic), []).append(topic)
            for requests, theirs in by_server.items():
                answers = await requests.ask(lambda run, theirs=theirs: self._openings(topics, theirs, run))  # type: ignore[misc]
                for topic, answer in zip(theirs, answers, strict=True):
                    if isinstance(answer, ResponseError):
                        raise _refused(answer)
                    marks[topic] = Mark(answer[0].decode(), int(answer[1]))
        self._has_opened = True
        return marks

    def _openings(self, topics: Mapping[str, Retention], some: list[str], run: bytes) -> Iterable[bytes]:
        for topic in some:
            level = topics[topic]
            yield self._call(
                OPEN,
                topic,
                run,
                run + os.urandom(8).hex().encode(),
                os.urandom(8).hex().encode(),
                b"%d" % level.most,
                b"%d" % max(1, level.seconds),
                b"%d" % GRACE_SECONDS,
            )

    def _call(self, script: str, topic: str, run: bytes, *words: bytes) -> bytes:
        return call(self._names, self._servers.is_sharded, script, topic, run, *words)

    async def _refresh(self) -> None:
        """Say again and again that the open topics are open. Where one has begun another epoch, all are compared."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                marks = await self._touch(dict(self._open))
            except Unreached:
                continue
            except Exception:
                _log.exception("The streams in Redis could not be kept open")
                continue
            if any(self._epochs.get(topic, mark.epoch) != mark.epoch for topic, mark in marks.items()):
                self._lost()
            self._epochs = {topic: mark.epoch for topic, mark in marks.items() if topic in self._open}


class OneServer:
    """A Redis server that has all streams. `on_life`: called with each life that is seen."""

    is_sharded = False

    def __init__(self, settings: dict[str, Any], prefix: str) -> None:
        self.on_life: Callable[[bytes | None], None] = lambda life: None
        self.broker: Broker = Link(
            lambda: RedisConnection(settings, prefix, on_life=self._see_life),
            "Redis history",
            place_of(settings),
        )
        self._requests = Requests(settings, SCRIPTS)

    def requests(self, topic: str) -> Requests:
        """Return how it is asked."""
        return self._requests

    async def close(self) -> None:
        """Disconnect."""
        await self._requests.close()

    def _see_life(self, life: bytes | None) -> None:
        self.on_life(life)


def open_redis_history(url: str) -> RedisHistory:
    """Return a history for the Redis server of a broker's URL, not started yet. Raises StartError."""
    settings, prefix = read_url(url)
    server = OneServer(settings, prefix)
    history = RedisHistory(server, Names(prefix))
    server.on_life = history.see_life
    return history


async def lack_of(settings: dict[str, Any], prefix: str, is_sharded: bool = False) -> str | None:
    """Try the scripts on keys of their own. Return why the server refuses them; None: it does not, or it is not reached."""
    names = Names(f"{prefix}trial.")
    requests = Requests(settings, (*SCRIPTS, APPEND, SPREAD))
    topic = "k.trial"
    keys = (*names.keys(topic), *(() if is_sharded else (names.life,)))

    def make(run: bytes) -> Iterable[bytes]:
        calls = Calls(names, run, is_sharded)
        yield call(names, is_sharded, OPEN, topic, run, run + b"0", b"0", b"1", b"1", b"1")
        yield from calls.append([(topic, b"trial")], publishes=True)
        yield call(names, is_sharded, READ, topic, run, b"0", b"0", b"f", b"9")
        yield from (packed(b"DEL", key) for key in keys)

    try:
        answers = await requests.ask(make)
    except Unreached as error:
        cause = error.__cause__
        return f"{cause}" if isinstance(cause, ResponseError) else None
    finally:
        await requests.close()
    wrong = next((str(answer) for answer in answers if isinstance(answer, ResponseError)), None)
    is_whole = wrong is not None or (answers[2][3] and answers[2][3][0][1][1] == b"trial")
    return wrong if is_whole else "it did not keep what was appended"


def call(names: Names, is_sharded: bool, script: str, topic: str, run: bytes, *words: bytes) -> bytes:
    """Return a call of a script of this file for one topic."""
    keys = names.keys(topic) if is_sharded else (names.life, *names.keys(topic))
    return packed(b"EVALSHA", sha_of(script), b"%d" % len(keys), *keys, run, b"", names.prefix, *words)


_log = logging.getLogger(__name__)


def _refused(error: ResponseError) -> Unreached:
    _log.error("Redis refuses what version 2 needs: %s", error)
    return Unreached()


def _drop(topic: str, mark: Mark, previous: int, message: bytes) -> None:
    pass
