"""NATS: core publish and subscribe, over one connection for each server. JetStream is not used: nothing is stored.

`?prefix=shop.` separates systems that share one NATS. A message may be as large as its `max_payload`, 1 MiB by default.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError

from walkwire.broker import Deliver
from walkwire.brokers.link import BAD_PLACE, OPENING_SECONDS, Ask, BrokerConnectionError, Link, reason
from walkwire.errors import StartError

PREFIX = "walkwire."

_PING = b"PING\r\n"


def open_nats(url: str) -> Link:
    """Return a broker for a URL, not started yet. Raises StartError.

    - `nats://user:password@host:4222`, or `tls://`; several servers separated by commas.
    - `?creds=`: a file of credentials. `?nkey=`: a file that holds a seed.
    - `?prefix=`: what topics begin with.
    """
    settings, prefix, shown = _read_url(url)
    return Link(lambda: NatsConnection(settings, prefix), "NATS", shown)


async def version_of(url: str) -> str:
    """Connect to a server that `url` names, and return its name and version. Raises StartError."""
    settings, prefix, shown = _read_url(url)
    connection = NatsConnection(settings, prefix)
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            await connection.open()
            return f"NATS {connection.version}"
    except (BrokerConnectionError, TimeoutError) as error:
        raise StartError(f"NATS at {shown} cannot be reached: {reason(error)}") from None
    finally:
        await connection.close()


def _read_url(url: str) -> tuple[dict[str, Any], str, str]:
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
        self._client = _Client(len(prefix))
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
        transport = self._client._transport
        if transport is None:
            raise BrokerConnectionError("the connection ended")
        transport.write(self._packed(asks))
        await transport.drain()  # type: ignore[no-untyped-call]

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

    def _packed(self, asks: list[Ask]) -> bytes:
        prefix = self._prefix
        pieces: list[bytes] = []
        for topic, what in asks:
            if what is True:
                self._number += 1
                self._numbers[topic] = self._number
                pieces.append(b"SUB %b%b  %d\r\n" % (prefix, topic.encode(), self._number))
            elif what is False:
                pieces.append(b"UNSUB %d\r\n" % self._numbers.pop(topic))
            else:
                pieces.append(b"PUB %b%b  %d\r\n" % (prefix, topic.encode(), len(what)))
                pieces.append(what)
                pieces.append(b"\r\n")
        pieces.append(_PING)
        return b"".join(pieces)


class _Client(Client):
    """The driver, whose callbacks are replaced."""

    def __init__(self, prefix_length: int) -> None:
        super().__init__()
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
        self.deliver(subject[self._prefix_length :].decode(), data)

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
