"""JetStream: the requests to it that the history over NATS makes, on a connection of its own, which is made when it is needed."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from asyncio import Future, Task
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from walkwire.brokers.link import OPENING_SECONDS
from walkwire.brokers.nats import NOTE, read_nats_url
from walkwire.ending import end_tasks
from walkwire.errors import Unreached
from walkwire.histories.patience import Patience
from walkwire.history import RECENT

ANSWER_SECONDS = 3.0  # without any answer: then JetStream counts as away
LATE_SECONDS = (
    10.0  # until one answer is given up, although others come: a message to a deleted stream has none, ever
)
LONGEST_SECONDS = 60.0  # for all messages of one page
MOST_BYTES = 256 * 1024 * 1024  # kept of all streams
AT_ONCE = 200  # requests on their way

_WRONG_LAST = 10071  # JetStream's code: another message came before

_log = logging.getLogger(__name__)


class Captured(NamedTuple):
    """A message that JetStream has: its sequence number, the data, and the time at which it was stored; "": that is not known."""

    seq: int
    data: bytes
    stamp: str = ""

    @property
    def is_note(self) -> bool:
        """Return whether a history wrote it, to say that a topic was quiet."""
        return self.data.startswith(NOTE)

    @property
    def since(self) -> int:
        """Return the place from which on nothing was sent up to this message."""
        said = self.data[len(NOTE) :] if self.is_note else b""
        return int(said) if said.isdigit() and int(said) else self.seq

    @property
    def is_break(self) -> bool:
        """Return whether it says that something may be missing before it."""
        return self.is_note and self.since == self.seq


class _Line(NamedTuple):
    """A connection. `ended` is done as soon as it broke, or was given up: the driver never answers then what was asked."""

    client: Client
    ended: Future[None]

    async def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        await _quietly(self.client.close())
        if self.client._transport is not None:
            # The driver does not if it could not write what it still had to.
            self.client._transport.close()  # type: ignore[no-untyped-call]


class JetStream:
    """Asks for messages, and writes them. Every method raises Unreached.

    - prefix: what subjects begin with
    - age: seconds that messages are kept
    """

    def __init__(self, settings: dict[str, Any], prefix: str, age: float) -> None:
        self._settings = settings
        self._prefix = prefix
        self._age = age
        self._name = stream_name(prefix)
        self._line: _Line | None = None
        self._opening: Task[_Line] | None = None
        self._is_over = False
        self._few = asyncio.Semaphore(AT_ONCE)
        self._patience = Patience(ANSWER_SECONDS, LATE_SECONDS)

    async def last(self, topic: str) -> Captured | None:
        """Return the last message of a topic, None if there is none."""
        return await self._get(f"DIRECT.GET.{self._name}.{self._prefix}{topic}", b"")

    async def next(self, topic: str, seq: int) -> Captured | None:
        """Return the first message of a topic from a sequence number on, None if there is none."""
        ask = {"seq": seq, "next_by_subj": f"{self._prefix}{topic}"}
        return await self._get(f"DIRECT.GET.{self._name}", json.dumps(ask).encode())

    async def _get(self, subject: str, ask: bytes) -> Captured | None:
        answer = await self._ask(f"$JS.API.{subject}", ask)
        headers = answer.headers or {}
        if "Nats-Sequence" in headers:
            return Captured(int(headers["Nats-Sequence"]), answer.data, headers.get("Nats-Time-Stamp", ""))
        if headers.get("Status") == "404":
            return None
        if self._line is not None:
            await self._drop(self._line)
        raise Unreached

    async def write(self, topic: str, last: int, data: bytes) -> int | None:
        """Publish to a topic if the last message is still this one. Return the sequence number; None if it is not."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(last)}
        answer = json.loads((await self._ask(f"{self._prefix}{topic}", data, headers)).data)
        if "error" not in answer:
            return int(answer["seq"])
        if answer["error"].get("err_code") == _WRONG_LAST:
            return None
        _log.error("JetStream refuses what version 2 needs: %s", answer["error"].get("description"))
        raise Unreached

    async def fetch(self, topic: str, begin: int, end: int, limit: int) -> list[Captured]:
        """Return up to `limit` messages and all notes between them, from one number to another, but for those that expire.

        There is a message with the number `end`, or behind it. Raises Unreached also if less came than there is.
        """
        found: list[Captured] = []
        async with self._few:
            line = await self._connected()
            try:
                async with asyncio.timeout(LONGEST_SECONDS), _inbox(line) as sub:
                    config = {
                        "deliver_policy": "by_start_sequence",
                        "opt_start_seq": begin,
                        "ack_policy": "none",
                        "filter_subject": f"{self._prefix}{topic}",
                        "deliver_subject": sub.subject,
                        "mem_storage": True,
                        "num_replicas": 1,
                        "inactive_threshold": 10**9,
                    }
                    ask = json.dumps({"stream_name": self._name, "config": config}).encode()
                    made = json.loads(
                        (await self._request(line, f"$JS.API.CONSUMER.CREATE.{self._name}", ask)).data
                    )
                    if "error" in made:
                        raise Unreached
                    left, count, delivered = int(made["num_pending"]), 0, 0
                    while left and count < limit:
                        next_msg = sub.next_msg(timeout=LONGEST_SECONDS)
                        message = await self._patience.wait(next_msg, line.ended)
                        seq, left = message.metadata.sequence.stream, message.metadata.num_pending
                        delivered += 1
                        if message.metadata.sequence.consumer != delivered:
                            raise Unreached  # one before it was lost on its way
                        found.append(Captured(seq, message.data))
                        count += not found[-1].is_note
                        if seq >= end:
                            return found
                    if (
                        count < limit
                    ):  # the stream was deleted or emptied meanwhile, or these messages expired
                        raise Unreached
            except (NatsError, OSError, TimeoutError, KeyError, ValueError) as error:
                await self._drop(line)
                raise Unreached from error
        return found

    async def _ask(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> Any:
        async with self._few:
            line = await self._connected()
            try:
                return await self._request(line, subject, data, headers)
            except (NatsError, OSError, TimeoutError) as error:
                await self._drop(line)
                raise Unreached from error

    async def _request(
        self, line: _Line, subject: str, data: bytes, headers: dict[str, str] | None = None
    ) -> Any:
        asked = line.client.request(subject, data, timeout=LONGEST_SECONDS, headers=headers)
        return await self._patience.wait(asked, line.ended)

    async def _connected(self) -> _Line:
        """Return the connection. While one is being made, all wait for that one, and fail with it."""
        if self._is_over:
            raise Unreached
        if self._line is not None and not self._line.ended.done():
            return self._line
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
            self._opening.add_done_callback(self._have_tried)
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():  # before it began; the caller was not
                raise Unreached from None
            raise

    def _have_tried(self, opening: Task[_Line]) -> None:
        self._opening = None
        if not opening.cancelled():
            opening.exception()  # retrieved: perhaps nobody waits any more

    async def _open(self) -> _Line:
        line = made = None
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                line = await _open_line(self._settings, self._prefix)
                made = await make_stream(line.client, self._prefix, self._age)
        except (NatsError, OSError, TimeoutError, asyncio.CancelledError) as error:  # `close` cancels it
            if line is not None:
                await line.end()
            raise Unreached from error
        if made is not None:
            _log.error("JetStream refuses what version 2 needs: %s", made)
            await line.end()
            raise Unreached
        self._line = line
        return line

    async def _drop(self, line: _Line) -> None:
        """Give up a connection, and not the one that was made since."""
        if self._line is line:
            self._line = None
        await line.end()

    async def close(self) -> None:
        """Disconnect, for good."""
        self._is_over = True
        await end_tasks(self._opening)
        if self._line is not None:
            await self._drop(self._line)


@asynccontextmanager
async def _inbox(line: _Line) -> AsyncIterator[Subscription]:
    """Yield a subscription of a subject of its own, which ends with the block."""
    sub = await line.client.subscribe(line.client.new_inbox())
    try:
        yield sub
    finally:
        if not line.ended.done():
            await _quietly(sub.unsubscribe())


async def _open_line(settings: dict[str, Any], prefix: str) -> _Line:
    client = await connect(settings, prefix)
    line = _Line(client, asyncio.get_running_loop().create_future())

    def end(_: object) -> None:
        if not line.ended.done():
            line.ended.set_result(None)

    assert client._reading_task is not None
    client._reading_task.add_done_callback(end)
    return line


async def lack_of(url: str) -> str | None:
    """Return why JetStream cannot be used; None if it can, or if NATS is not reached. Makes no stream."""
    settings, prefix, _ = read_nats_url(url)
    client = None
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            client = await connect(settings, prefix)
            answer = json.loads((await client.request("$JS.API.INFO", b"", timeout=1)).data)
            return answer["error"]["description"] if "error" in answer else None
    except NoRespondersError:
        return "JetStream is not enabled (nats-server -js)"
    except (NatsError, OSError, TimeoutError):
        return "JetStream does not answer" if client is not None else None
    finally:
        if client is not None:
            await _quietly(client.close())


async def connect(settings: dict[str, Any], prefix: str) -> Client:
    """Return a connection that ends when it breaks. Raises NatsError, OSError."""

    async def ignore(error: Exception) -> None:
        pass

    client = Client()
    try:
        await client.connect(
            **settings,
            name="walkwire history",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            inbox_prefix=f"{prefix}i".encode(),
            error_cb=ignore,
        )
    except BaseException:
        await _quietly(client.close())
        raise
    return client


async def make_stream(client: Client, prefix: str, age: float) -> str | None:
    """Make the JetStream stream if there is none. Return why there is no such stream then; None: there is."""
    config = {
        "name": stream_name(prefix),
        "subjects": [f"{prefix}{letter}.>" for letter in "uchk"],
        "storage": "memory",
        "retention": "limits",
        "discard": "old",
        "num_replicas": 1,
        "max_msgs_per_subject": RECENT.most,
        "max_age": int(age * 1e9),
        "max_bytes": MOST_BYTES,
        "republish": {"src": f"{prefix}>", "dest": f"{prefix}r.>"},
        "allow_direct": True,
        "deny_delete": True,
    }
    api = f"$JS.API.STREAM.CREATE.{config['name']}"
    answer = json.loads((await client.request(api, json.dumps(config).encode(), timeout=2)).data)
    return str(answer["error"]["description"]) if "error" in answer else None


def stream_name(prefix: str) -> str:
    """Return the name of the JetStream stream for a prefix."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", prefix) + "streams"


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        async with asyncio.timeout(1):
            await work
    except Exception:  # noqa: S110 - an error while closing is of no use
        pass
