"""ConsolePeers: asks the consoles of other servers, and answers theirs, through the broker.

An answer that does not come in time is left out: a list then lacks what that server would have said. Who may use the console is
decided before anything is asked; what comes through the broker is trusted as all else that comes from there.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from asyncio import Task
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from walkwire.ending import end_tasks
from walkwire.errors import PublicError
from walkwire.wire.hub import Hub
from walkwire.wire.message import envelope
from walkwire.wire.peers import Peers

KIND = "console"  # of envelopes
WAIT_SECONDS = 1.0  # for the servers that are known, by their answers before
NEW_SECONDS = 0.2  # for others
AT_ONCE = 64  # questions that are being answered

Row = dict[str, Any]  # ready to be encoded as JSON
Answer = Callable[[Row], Awaitable[Any]]

_log = logging.getLogger(__name__)


class _Message(Struct, omit_defaults=True):
    """A question of one server to others, or an answer. `number` is of the question; `ask` its name, None in an answer."""

    number: int
    ask: str | None = None
    query: Row = {}
    answer: Any = None
    error: str | None = None


@dataclass(slots=True)
class _Asked:
    """A question that waits for answers, by server. `all_told`: set when those that were waited for have answered."""

    waits_for: set[str]
    least: int
    answers: dict[str, _Message] = field(default_factory=dict)
    all_told: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, server: str, message: _Message) -> None:
        self.answers[server] = message
        if len(self.answers) >= self.least and self.waits_for <= self.answers.keys():
            self.all_told.set()


_read = msgspec.json.Decoder(_Message).decode


class ConsolePeers:
    """Asks all consoles of a system, or one of them. All calls come from the event loop of the sockets.

    - others: how many other servers there are at least
    - answers: how this server answers questions, by their names
    """

    def __init__(self, hub: Hub, peers: Peers, others: int, answers: Mapping[str, Answer]) -> None:
        self._peers = peers
        self._least = others
        self._answers = answers
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._known: set[str] = set()
        self._tasks: set[Task[None]] = set()
        hub.takers[KIND] = self._hear

    async def stop(self) -> None:
        """Answer no longer."""
        await end_tasks(*self._tasks)

    async def ask_all(self, name: str, query: Row) -> list[Any]:
        """Return the answer of this server, then those of all others that answer in time. Raises what this server raises."""
        own, others = await asyncio.gather(
            self._answers[name](query), self._ask(name, query, self._known, self._least, (envelope.ALL,))
        )
        return [own, *(message.answer for message in others.values() if message.error is None)]

    async def ask_one(self, server: str, name: str, query: Row) -> Any:
        """Return the answer of a server, this one or another. Raises PublicError, also if there is no answer."""
        if server == self._peers.server:
            return await self._answers[name](query)
        found = await self._ask(name, query, {server}, 1, (envelope.server_topic(server),))
        message = found.get(server)
        if message is None:
            raise PublicError("busy", "The server that this page shows does not answer", 503)
        if message.error is not None:
            raise PublicError("refused", message.error, 404)
        return message.answer

    async def _ask(
        self, name: str, query: Row, servers: set[str], least: int, topics: tuple[str, ...]
    ) -> dict[str, _Message]:
        number = next(self._numbers)
        asked = self._asked[number] = _Asked(set(servers), least)
        seconds = WAIT_SECONDS if servers or least else NEW_SECONDS
        try:
            self._say(topics, _Message(number, name, query))
            async with asyncio.timeout(seconds):
                await asked.all_told.wait()
        except (TimeoutError, PublicError):
            self._known -= servers - asked.answers.keys()
        finally:
            del self._asked[number]
        return asked.answers

    def _hear(self, server: str, data: bytes) -> None:
        """Take a question, or an answer. Never raises."""
        try:
            message = _read(data)
        except msgspec.DecodeError as error:
            _log.warning("A message of the console of another server was passed over: %s", error)
            return
        self._known.add(server)
        if message.ask is None:
            if (asked := self._asked.get(message.number)) is not None:
                asked.take(server, message)
        elif message.ask in self._answers and len(self._tasks) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._answer(server, message, message.ask))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, server: str, message: _Message, name: str) -> None:
        topics = (envelope.server_topic(server),)
        try:
            self._say(topics, _Message(message.number, answer=await self._answers[name](message.query)))
        except PublicError as error:
            self._fail(topics, message, error.message)
        except Exception:
            _log.exception("A question of the console of another server could not be answered")
            self._fail(topics, message, "It failed there")

    def _fail(self, topics: tuple[str, ...], message: _Message, why: str) -> None:
        try:
            self._say(topics, _Message(message.number, error=why))
        except PublicError as error:
            self._peers.log_failure("An answer to the console of another server", error)

    def _say(self, topics: tuple[str, ...], message: _Message) -> None:
        self._peers.publish(KIND, (), topics, msgspec.json.encode(message))
