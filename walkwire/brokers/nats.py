"""NATS: core publish and subscribe, over one connection for each server. Where a history needs it, JetStream captures what is
published (`histories/nats`), and publishers notice nothing.

`?prefix=shop.` separates systems that share one NATS. A message may be as large as its `max_payload`, 1 MiB by default.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError

from walkwire.broker import STREAMS, Deliver
from walkwire.brokers.capture import Capture
from walkwire.brokers.link import (
    BAD_PLACE,
    OPENING_SECONDS,
    Ask,
    BrokerConnectionError,
    Link,
    reason,
)
from walkwire.brokers.spread import COPIED_BYTES, Spread
from walkwire.errors import StartError

PREFIX = "walkwire."

NOTE = b'["",0,"note",[]]\n'  # how notes begin: envelopes of a kind that no server delivers

_PING = b"PING\r\n"
_SEQUENCE = re.compile(rb"\r\nNats-Sequence: *(\d+)")
_LAST = re.compile(rb"\r\nNats-Last-Sequence: *(\d+)")
_STAMP = re.compile(rb"\r\nNats-Time-Stamp: *(\S+)")


def note(since: int) -> bytes:
    """Return a message which says that a topic had no other since this place. 0: nothing is known of what was before it."""
    return b"%b%d" % (NOTE, since)


def open_nats(url: str) -> Link:
    """Return a broker for a URL, not started yet. Raises StartError.

    - `nats://user:password@host:4222`, or `tls://`; several servers separated by commas.
    - `?creds=`: a file of credentials. `?nkey=`: a file that holds a seed.
    - `?prefix=`: what topics begin with.
    """
    settings, prefix, shown = read_nats_url(url)
    return Link(lambda: NatsConnection(settings, prefix), "NATS", shown)


async def version_of(url: str) -> str:
    """Connect to a server that `url` names, and return its name and version. Raises StartError."""
    settings, prefix, shown = read_nats_url(url)
    connection = NatsConnection(settings, prefix)
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            await connection.open()
            return f"NATS {connection.version}"
    except (BrokerConnectionError, TimeoutError) as error:
        raise StartError(f"NATS at {shown} cannot be reached: {reason(error)}") from None
    finally:
        await connection.close()


def read_nats_url(url: str) -> tuple[dict[str, Any], str, str]:
    """Return the driver's settings, the prefix of topics, and the addresses for the log. Raises StartError."""
    servers, _, query = url.partition("?")
    options = dict(parse_qsl(query))
    prefix = options.pop("prefix", PREFIX)
    places = [_with_scheme(server) for server in servers.split(",")]
    settings: dict[str, Any] = {"servers": places}
    for name, ours in (("user_credentials", "creds"), ("nkeys_seed", "nkey")):
        if ours in options:
            settings[name] = options.pop(ours)
    if options:
        raise StartError(f"NATS takes ?prefix=, ?creds= and ?nkey=, not {', '.join(options)}")
    try:
        shown = ", ".join(f"{parts.hostname}:{parts.port or 4222}" for parts in map(urlsplit, places))
    except ValueError:
        raise StartError(f"Not a URL of NATS: {BAD_PLACE}") from None
    return settings, prefix, shown


class NatsConnection:
    """One connection to NATS.

    The driver opens it, with TLS and credentials, and reads from it. This class writes the requests itself: a subscription of the
    driver's would cost a queue and a task each.
    """

    def __init__(self, settings: dict[str, Any], prefix: str) -> None:
        self.limit = 0
        self._settings = settings
        self._capture = Capture()
        self._inbox = b"i.%b." % secrets.token_hex(8).encode()  # where JetStream acknowledges
        self._hears_capture = False
        self._client = _Client(len(prefix), self._inbox.decode(), self._capture)
        self._prefix = prefix.encode()
        self._numbers: dict[str, int] = {}
        self._number = 0

    async def open(self) -> None:
        """Connect, without the driver's own reconnects and pings; see `BrokerConnection.open`."""
        client = self._client
        try:
            await client.connect(
                **self._settings,
                name="walkwire",
                no_echo=True,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                ping_interval=24 * 3600,  # the link sends its own
                error_cb=client.note,
            )
        except (NatsError, OSError) as error:
            raise BrokerConnectionError(client.trouble or _reason(error)) from None
        self.limit = client.max_payload

    @property
    def version(self) -> str:
        """Return the version of the server. Call it after `open`."""
        return str(self._client._server_info.get("version", "of an unknown version"))

    async def send(self, asks: list[Ask]) -> None:
        """Write SUB, UNSUB and PUB commands, and a PING as the fence; see `BrokerConnection.send`."""
        pieces: list[bytes] = []
        for topic in self._capture.take_doubtful():
            self._publish(pieces, topic, note(0))
        for topic, what in asks:
            if isinstance(what, bytes):
                self._publish(pieces, topic, what)
                if isinstance(what, Spread):
                    self._publish_copies(pieces, what)
                if self._capture.is_full:
                    await self._write(pieces)
                    pieces = []
                    await self._capture.wait()
            elif what:
                self._number += 1
                self._numbers[topic] = self._number
                pieces.append(b"SUB %b%b  %d\r\n" % (self._prefix, topic.encode(), self._number))
            else:
                pieces.append(b"UNSUB %d\r\n" % self._numbers.pop(topic))
        pieces.append(_PING)
        await self._write(pieces)

    async def listen(self, deliver: Deliver, passed: Callable[[], None]) -> None:
        """Let the driver's reader deliver; a PONG answers a fence. See `BrokerConnection.listen`."""
        client = self._client
        client.deliver, client.passed = deliver, passed
        assert client._reading_task is not None
        client._reading_task.add_done_callback(lambda task: client.end("the connection ended"))
        await client.ended

    async def close(self) -> None:
        """Close the driver within a second; see `BrokerConnection.close`."""
        try:
            async with asyncio.timeout(1):
                await self._client.close()
        except Exception:  # noqa: S110 - an error while closing a broken connection is of no use
            pass

    async def _write(self, pieces: list[bytes]) -> None:
        transport = self._client._transport
        if transport is None:
            raise BrokerConnectionError("the connection ended")
        transport.write(b"".join(pieces))
        await transport.drain()  # type: ignore[no-untyped-call]

    def _publish(self, pieces: list[bytes], topic: str, message: bytes) -> None:
        reply = b""
        if topic.startswith(STREAMS) and (number := self._capture.mark(topic)) is not None:
            reply = b"%b%b%d" % (self._prefix, self._inbox, number)
            if not self._hears_capture:
                self._hears_capture = True
                self._number += 1
                pieces.append(b"SUB %b%b*  %d\r\n" % (self._prefix, self._inbox, self._number))
        pieces += (
            b"PUB %b%b %b %d\r\n" % (self._prefix, topic.encode(), reply, len(message)),
            message,
            b"\r\n",
        )

    def _publish_copies(self, pieces: list[bytes], message: Spread) -> None:
        """Publish an entry for each topic. If all are too large, they only say that something is missing."""
        entry = message.kept_head + message.data
        if len(entry) * len(message.topics) > COPIED_BYTES:
            entry = note(0)
        for topic in message.topics:
            self._publish(pieces, topic, entry)


class _Client(Client):
    """The driver, whose callbacks are replaced."""

    def __init__(self, prefix_length: int, inbox: str, capture: Capture) -> None:
        super().__init__()
        self._inbox = inbox
        self._capture = capture
        self.deliver: Deliver = _drop
        self.passed: Callable[[], None] = _nothing
        self.trouble = ""  # the last error that the driver reported
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._prefix_length = prefix_length

    async def note(self, error: Exception) -> None:
        """Remember an error that the driver reports."""
        self.trouble = _reason(error)

    def end(self, why: str) -> None:
        """Make `listen` raise: the connection is no longer usable."""
        if not self.ended.done():
            self.ended.set_exception(BrokerConnectionError(why))
            self.ended.exception()  # retrieved: nothing may wait for it yet

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any) -> None:
        topic = subject[self._prefix_length :].decode()
        if topic.startswith(self._inbox):
            self._capture.answer(int(topic[len(self._inbox) :]), data)
            return
        if headers and (sequence := _SEQUENCE.search(headers)) is not None:
            last, stamp = _LAST.search(headers), _STAMP.search(headers)
            before, when = b"0" if last is None else last[1], b"" if stamp is None else stamp[1]
            data = b"%b %b %b\n%b" % (sequence[1], before, when, data)
        self.deliver(topic, data)

    async def _process_pong(self) -> None:
        self.passed()

    async def _process_err(self, err_msg: str) -> None:
        self.end(f"it refuses: {err_msg.strip(chr(39))}")

    async def _process_op_err(self, e: Exception) -> None:
        self.end(_reason(e))


def _with_scheme(server: str) -> str:
    server = server.strip()
    return server if "://" in server else f"nats://{server}"


def _reason(error: BaseException) -> str:
    return reason(error).removeprefix("nats: ")


def _drop(topic: str, message: bytes) -> None:
    pass


def _nothing() -> None:
    pass
