"""Redis: publish and subscribe, over one RESP3 connection for each server (Redis 6, Valkey, KeyDB, Dragonfly and newer).

Nothing is stored in Redis. `?prefix=shop.` separates systems that share one Redis; its database numbers do not separate topics.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from walkwire.broker import Deliver
from walkwire.brokers.link import BAD_PLACE, OPENING_SECONDS, Ask, BrokerConnectionError, Link, reason
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
        settings: dict[str, Any] = dict(parse_url(parts._replace(query=urlencode(query)).geturl()))
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
    """One connection to Redis. `is_sharded`: to one node of a cluster, with the commands that stay inside a shard."""

    limit = LIMIT

    def __init__(self, settings: dict[str, Any], prefix: str, is_sharded: bool = False) -> None:
        settings = dict(settings)
        make = settings.pop("connection_class", Connection)
        self._connection = make(**settings, protocol=3, socket_timeout=None, client_name="walkwire")
        self._prefix = prefix.encode()
        letter = b"S" if is_sharded else b""
        self._verbs = {True: _words(letter + b"SUBSCRIBE"), False: _words(letter + b"UNSUBSCRIBE")}
        self._publish = b"*3\r\n" + _words(letter + b"PUBLISH")
        self._message = letter.lower() + b"message"
        self._moved = letter.lower() + b"unsubscribe" if is_sharded else b""
        self._asked_to_end: Counter[bytes] = Counter()
        self._deliver: Deliver | None = None

    async def open(self) -> None:
        """Connect and authenticate; see `BrokerConnection.open`."""
        try:
            await self._connection.connect()
        except AuthenticationError:
            raise BrokerConnectionError("it does not accept the user or password") from None
        except RedisError as error:
            raise BrokerConnectionError(reason(error)) from None

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
        """Write SUBSCRIBE, UNSUBSCRIBE and PUBLISH commands, and a PING as the fence; see `BrokerConnection.send`."""
        try:
            await self._connection.send_packed_command(self._packed(asks), check_health=False)
        except RedisError as error:
            raise BrokerConnectionError(reason(error)) from None

    async def listen(self, deliver: Deliver, passed: Callable[[], None]) -> None:
        """Read pushes and answers; a PONG answers a fence. See `BrokerConnection.listen`."""
        self._deliver = deliver
        self._connection._parser.set_pubsub_push_handler(self._receive)
        read = self._connection.read_response
        try:
            while True:
                if await read(disable_decoding=True, timeout=math.inf, push_request=True) == _PONG:
                    passed()
        except ResponseError as error:
            raise BrokerConnectionError(f"it refuses: {error}") from None
        except RedisError as error:
            raise BrokerConnectionError(reason(error)) from None

    async def close(self) -> None:
        """Disconnect at once; see `BrokerConnection.close`."""
        await self._connection.disconnect(nowait=True)

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
        prefix, publish, verbs = self._prefix, self._publish, self._verbs
        pieces: list[bytes] = []
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
        pieces.append(_PING)
        return b"".join(pieces)


def _words(word: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(word), word)
