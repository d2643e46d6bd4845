"""Redis: publish and subscribe, over one RESP3 connection for each server (Redis 6, Valkey, KeyDB, Dragonfly and newer).

`?prefix=shop.` separates systems that share one Redis; its database numbers do not separate topics.

A message to a stream that is open is appended to it by the script that publishes it (`keeping`). Without streams, messages are
published without the script, which takes a fraction of the time. So each fence asks whether streams may be open. Its answer is
newer than the messages before it. If streams may be open by then, and these messages were published without the script, they are
appended to the streams before anything else is sent.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter, deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from walkwire.broker import STREAMS, Deliver
from walkwire.brokers.keeping import APPEND, RUN, SPREAD, Calls, Names, packed
from walkwire.brokers.link import (
    BAD_PLACE,
    OPENING_SECONDS,
    Ask,
    BrokerConnectionError,
    Link,
    reason,
)
from walkwire.brokers.spread import Spread
from walkwire.errors import StartError

PREFIX = "walkwire."
# Bytes. Redis disconnects a subscriber that has more than this queued (client-output-buffer-limit).
LIMIT = 32 * 1024 * 1024

_PING = b"*1\r\n$4\r\nPING\r\n"
_PONG = b"PONG"


def open_redis(url: str) -> Link:
    """Return a broker for `redis://user:password@host:6379`, `rediss://` or `unix://`, not started yet. Raises StartError."""
    settings, prefix = read_url(url)
    return Link(lambda: RedisConnection(settings, prefix), "Redis", place_of(settings))


async def version_of(url: str) -> str:
    """Connect to the server that `url` names, and return its name and version. Raises StartError."""
    settings, prefix = read_url(url)
    connection = RedisConnection(settings, prefix)
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            await connection.open()
            return f"Redis {await connection.version()}"
    except (BrokerConnectionError, TimeoutError) as error:
        raise StartError(f"Redis at {place_of(settings)} cannot be reached: {reason(error)}") from None
    finally:
        await connection.close()


def read_url(url: str) -> tuple[dict[str, Any], str]:
    """Return the driver's settings of a connection, and the prefix of topics. Raises StartError."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    prefix = query.pop("prefix", PREFIX)
    try:
        _ = parts.port
    except ValueError:
        raise StartError(f"Not a URL of Redis: {BAD_PLACE}") from None
    try:
        settings: dict[str, Any] = dict(parse_url(f"{url.partition('?')[0]}?{urlencode(query)}"))
        RedisConnection(settings, prefix)
    except (ValueError, TypeError, RedisError) as error:
        raise StartError(f"Not a URL of Redis: {str(error).rpartition('() got an ')[2]}") from None
    if "host" not in settings and "path" not in settings:
        settings["host"] = "localhost"
    return settings, prefix


def place_of(settings: dict[str, Any]) -> str:
    """Return the address for the log, without user and password."""
    return str(settings.get("path") or f"{settings['host']}:{settings.get('port', 6379)}")


class RedisConnection:
    """One connection to Redis.

    - is_sharded: to one node of a cluster, with the commands that stay inside a shard
    - on_life: called with the answer of each fence that asks in which life streams are open; None: in none
    """

    limit = LIMIT

    def __init__(
        self,
        settings: dict[str, Any],
        prefix: str,
        is_sharded: bool = False,
        on_life: Callable[[bytes | None], None] = lambda life: None,
    ) -> None:
        settings = dict(settings)
        make = settings.pop("connection_class", Connection)
        self._connection = make(**settings, protocol=3, socket_timeout=None, client_name="walkwire")
        self._names = Names(prefix)
        self._prefix = prefix.encode()
        self._is_sharded = is_sharded
        self._on_life = on_life
        letter = b"S" if is_sharded else b""
        self._verbs = {True: _words(letter + b"SUBSCRIBE"), False: _words(letter + b"UNSUBSCRIBE")}
        self._publish = b"*3\r\n" + _words(letter + b"PUBLISH")
        self._message = letter.lower() + b"message"
        self._moved = letter.lower() + b"unsubscribe" if is_sharded else b""
        self._asked_to_end: Counter[bytes] = Counter()
        self._deliver: Deliver | None = None
        self._run = b""
        self._calls: Calls | None = None  # None: this account may not keep anything
        self._keeps = False  # whether messages to streams are published by the script
        self._fence = _PING
        self._sent: deque[list[Ask] | None] = (
            deque()
        )  # for each fence on its way what was sent without the script
        self._late = 0  # fences that are answered, but not passed before what was appended late is confirmed

    async def open(self) -> None:
        """Connect, authenticate, and load the scripts; see `BrokerConnection.open`."""
        try:
            await self._connection.connect()
            await self._prepare()
        except AuthenticationError:
            raise BrokerConnectionError("it does not accept the user or password") from None
        except RedisError as error:
            raise BrokerConnectionError(reason(error)) from None

    async def _prepare(self) -> None:
        """Find out whether this account may use the scripts, and whether streams may be open."""
        scripts = [packed(b"SCRIPT", b"LOAD", script.encode()) for script in (APPEND, SPREAD)]
        asks = [packed(b"INFO", b"server"), *scripts]
        if not self._is_sharded:
            asks.append(packed(b"GET", self._names.life))
        await self._connection.send_packed_command(asks, check_health=False)
        answers: list[Any] = []
        for _ in asks:
            try:
                answers.append(await self._connection.read_response(disable_decoding=True))
            except ResponseError:
                answers.append(False)
        run = run_of(answers[0] or b"")
        if run is None or any(answer is False for answer in answers):
            return
        self._run, self._calls = run, Calls(self._names, run, self._is_sharded)
        if self._is_sharded:
            self._keeps = True
        else:
            self._fence = packed(b"MGET", self._names.life)
            self._learn(answers[-1])

    async def version(self) -> str:
        """Return the version of the server. Call it before `listen`, or instead of it."""
        try:
            await self._connection.send_command("INFO", "server")
            answer = await self._connection.read_response(disable_decoding=True)
        except RedisError as error:
            raise BrokerConnectionError(reason(error)) from None
        found = re.search(rb"redis_version:(\S+)", bytes(answer))
        return found[1].decode() if found else "of an unknown version"

    async def send(self, asks: list[Ask]) -> None:
        """Write SUBSCRIBE, UNSUBSCRIBE and PUBLISH commands or scripts, and a fence; see `BrokerConnection.send`."""
        await self._write(self._packed(asks))

    async def listen(self, deliver: Deliver, passed: Callable[[], None]) -> None:
        """Read pushes and answers. A PONG or a list answers a fence. See `BrokerConnection.listen`."""
        self._deliver = deliver
        self._connection._parser.set_pubsub_push_handler(self._receive)
        read = self._connection.read_response
        try:
            while True:
                answer = await read(disable_decoding=True, timeout=math.inf, push_request=True)
                if answer == _PONG or answer.__class__ is list:
                    for _ in range(await self._passed(answer)):
                        passed()
        except ResponseError as error:
            raise BrokerConnectionError(f"it refuses: {error}") from None
        except RedisError as error:
            raise BrokerConnectionError(reason(error)) from None

    async def close(self) -> None:
        """Disconnect at once; see `BrokerConnection.close`."""
        await self._connection.disconnect(nowait=True)

    async def _write(self, pieces: bytes) -> None:
        try:
            await self._connection.send_packed_command(pieces, check_health=False)
        except RedisError as error:
            raise BrokerConnectionError(reason(error)) from None

    async def _passed(self, answer: Any) -> int:
        """Handle the answer to a fence. Return how many fences are passed by it."""
        asks = self._sent.popleft()
        if answer != _PONG:
            self._learn(answer[0])
        if asks is _ANSWERED:
            return 0
        if self._keeps and asks is not None:
            # These, and what was sent since, may be missing in streams that were opened meanwhile.
            late = [*asks, *(ask for some in self._sent if some is not None for ask in some)]
            self._late += 1 + len(self._sent)
            self._sent = deque([_ANSWERED] * len(self._sent))
            self._sent.append(None)
            await self._write(b"".join((*self._appended_late(late), self._fence)))
            return 0
        count, self._late = self._late or 1, 0
        return count

    def _learn(self, life: bytes | None) -> None:
        """Take from the answer of a fence whether streams may be open."""
        self._on_life(life)
        self._keeps = life is not None and life.startswith(self._run)

    async def _receive(self, push: list[Any]) -> None:
        if push[0] == self._message and self._deliver is not None:
            self._deliver(push[1][len(self._prefix) :].decode(), push[2])
        elif push[0] == self._moved:
            self._unsubscribed(push[1])

    def _unsubscribed(self, name: bytes) -> None:
        """Handle an unsubscribed topic of a shard. Raises if this server did not ask for it: the node no longer has the slot."""
        if not self._asked_to_end[name]:
            raise BrokerConnectionError("slots have moved to another node")
        self._asked_to_end[name] -= 1
        if not self._asked_to_end[name]:
            del self._asked_to_end[name]

    def _packed(self, asks: list[Ask]) -> bytes:
        may_be_late = self._calls is not None and not self._keeps
        self._sent.append(asks if may_be_late else None)
        pieces: list[bytes] = []
        if self._keeps:
            self._pack_kept(asks, pieces)
        else:
            self._pack(asks, pieces)
        pieces.append(self._fence)
        return b"".join(pieces)

    def _pack(self, asks: list[Ask], pieces: list[bytes]) -> None:
        prefix, publish, verbs = self._prefix, self._publish, self._verbs
        for topic, what in asks:
            name = prefix + topic.encode()
            if isinstance(what, bool):
                if self._moved and not what:
                    self._asked_to_end[name] += 1
                pieces.append(b"*2\r\n%b$%d\r\n%b\r\n" % (verbs[what], len(name), name))
            else:
                pieces.append(b"%b$%d\r\n%b\r\n$%d\r\n" % (publish, len(name), name, len(what)))
                pieces.append(what)
                pieces.append(b"\r\n")

    def _pack_kept(self, asks: list[Ask], pieces: list[bytes]) -> None:
        """Use the script for what is published to streams."""
        run: list[tuple[str, bytes]] = []
        assert self._calls is not None
        for ask in asks:
            topic, what = ask
            is_spread = isinstance(what, Spread)
            if isinstance(what, bytes) and topic.startswith(STREAMS) and not is_spread:
                run.append((topic, what))
                continue
            if run:
                pieces += self._calls.append(run, publishes=True)
                run = []
            if isinstance(what, Spread):
                channel = b"" if self._is_sharded else self._prefix + topic.encode()
                pieces.append(self._calls.spread(what.topics, channel, what.head, what.data, what.kept_head))
            else:
                self._pack([ask], pieces)
        if run:
            pieces += self._calls.append(run, publishes=True)

    def _appended_late(self, asks: list[Ask]) -> list[bytes]:
        """Return calls that append what was published without the script."""
        assert self._calls is not None
        calls: list[bytes] = []
        for topic, what in asks:
            if isinstance(what, Spread):
                calls.append(self._calls.spread(what.topics, b"", what.head, what.data, what.kept_head))
            elif isinstance(what, bytes) and topic.startswith(STREAMS):
                calls += self._calls.append([(topic, what)], publishes=False)
        return calls


_ANSWERED: list[Ask] = []  # stands for what was sent with a fence that is passed later


def run_of(info: bytes) -> bytes | None:
    """Return by what a server's answer to INFO tells one process from another."""
    found = re.search(rb"run_id:([0-9a-f]{%d})" % RUN, bytes(info))
    return found[1] if found else None


def _words(word: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(word), word)
