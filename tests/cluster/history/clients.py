"""Clients: ask servers for walks, one at a time each, over sockets and over REST, and write down what they were answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
from websockets.exceptions import WebSocketException

from tests.cluster.history.model import Announced, Heard, History, Listening, Outcome, Transaction, Write
from tests.cluster.history.stack import Place, Stack
from tests.cluster.history.workload import Plan, World
from tests.serving import Server, Socket

PATIENCE = 25.0  # seconds for an answer, after which the outcome is not known
_AGAIN = 0.05  # seconds before a server is tried again
_PING = 0.5  # seconds between two questions of a listener
_UNKNOWN = (
    "in_doubt",
    "it was done, or nothing was",
)  # in the code or sentence of an error that leaves the outcome open
_CODES = {409: "conflict", 418: "aborted", 503: "busy", 504: "timeout"}


class Reply(NamedTuple):
    """What came back, `result` where it was done. `server` is the place that was asked."""

    outcome: Outcome
    code: str
    result: Any
    server: str


class NotAsked(Exception):
    """Nobody was there to be asked; nothing was sent."""


@dataclass
class Recorder:
    """Makes the history of plans and replies. Times are seconds since the recorder was made."""

    world: World
    history: History = field(default_factory=History)
    zero: float = field(default_factory=time.monotonic)
    ids: Iterator[int] = field(default_factory=itertools.count)
    done: int = 0
    successes: list[float] = field(default_factory=list)

    def now(self) -> float:
        return time.monotonic() - self.zero

    def take(self, plan: Plan, process: int, invoked: float, reply: Reply) -> None:
        """Write down one walk: a transaction for each of its units of work."""
        completed, units = self.now(), plan.units()
        self.done += 1
        if reply.outcome == "ok":
            self.successes.append(completed)
        results = reply.result[0] if reply.outcome == "ok" else []
        after = None
        for number, unit in enumerate(units):
            # Of a walk that was refused, what it had committed before may be there.
            is_last = number == len(units) - 1
            outcome = reply.outcome if reply.outcome != "fail" or is_last else "info"
            id = next(self.ids)
            steps: list[Any] = []
            perhaps: list[int] = []
            for place, part in unit:
                if reply.outcome == "ok":
                    steps += part.decode(results[place])
                    if part.told and any(write in steps for write in part.writes):
                        channel, key, value = part.told
                        version = results[place] + 1
                        self.history.announced.append(
                            Announced(id, channel, key, value, version, reply.server)
                        )
                else:
                    steps += part.writes
                    perhaps += [
                        write.value
                        for write in part.writes
                        if part.is_conditional and isinstance(write, Write)
                    ]
            self.history.transactions.append(
                Transaction(
                    id,
                    process,
                    invoked,
                    completed,
                    outcome,
                    tuple(steps),
                    reply.code,
                    after,
                    plan.what,
                    tuple(perhaps),
                )
            )
            after = id

    def add(self, process: int, invoked: float, reply: Reply, steps: list[Any], what: str) -> None:
        """Write down something that is no walk."""
        one = Transaction(
            next(self.ids), process, invoked, self.now(), reply.outcome, tuple(steps), reply.code, None, what
        )
        self.history.transactions.append(one)


class Client:
    """One who asks. A connection that breaks, or a server that does not answer in time, is left for another server."""

    def __init__(self, stack: Stack, number: int, token: str, over_rest: bool = False) -> None:
        self._stack = stack
        self._number = number
        self._token = token
        self._over_rest = over_rest
        self._turn = number
        self._socket: Socket | None = None
        self._place: Place | None = None
        self._http = httpx.AsyncClient(timeout=PATIENCE) if over_rest else None

    async def close(self) -> None:
        """Leave."""
        await self._leave()
        if self._http is not None:
            await self._http.aclose()

    async def walk(self, walker: str, context: dict[str, Any]) -> tuple[float, Reply]:
        """Ask once, and tell when. Raises NotAsked."""
        return await (self._post if self._over_rest else self._ask)(walker, context)

    async def _ask(self, walker: str, context: dict[str, Any]) -> tuple[float, Reply]:
        socket = self._socket or await self._connect()
        assert self._place is not None
        invoked, name = time.monotonic(), self._place.name
        event = {"type": "walker", "walker": walker, "context": context, "id": self._number}
        try:
            async with asyncio.timeout(PATIENCE):
                await socket.wire.send(json.dumps(event))
                reply = json.loads(await socket.wire.recv())
        except (TimeoutError, OSError, WebSocketException) as error:
            code = "no answer" if isinstance(error, TimeoutError) else "connection lost"
            await self._leave()
            return invoked, Reply("info", code, None, name)
        if reply["ok"]:
            return invoked, Reply("ok", "", reply["data"]["reports"], name)
        return invoked, _refused(reply["error"]["code"], reply["error"]["message"], name)

    async def _post(self, walker: str, context: dict[str, Any]) -> tuple[float, Reply]:
        place = self._next()
        assert self._http is not None
        assert place.server is not None
        invoked = time.monotonic()
        try:
            answer = await self._http.post(
                f"{place.server.url}/walker/{walker}",
                json=context,
                headers={"Authorization": f"Bearer {self._token}"},
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            await asyncio.sleep(_AGAIN)
            raise NotAsked from None
        except httpx.TransportError as error:
            return invoked, Reply("info", type(error).__name__, None, place.name)
        if answer.is_success:
            return invoked, Reply("ok", "", answer.json()["reports"], place.name)
        code = _CODES.get(answer.status_code, "internal" if answer.status_code >= 500 else "refused")
        return invoked, _refused(code, answer.text, place.name)

    async def _connect(self) -> Socket:
        place = self._next()
        assert place.server is not None
        try:
            async with asyncio.timeout(5):
                self._socket = await place.server.connect(self._token).__aenter__()
        except (TimeoutError, OSError, WebSocketException, AssertionError):
            await asyncio.sleep(_AGAIN)
            raise NotAsked from None
        if self._socket.root_id == _PUBLIC:  # it could not ask who that is
            await self._leave()
            await asyncio.sleep(_AGAIN)
            raise NotAsked
        self._place = place
        return self._socket

    def _next(self) -> Place:
        self._turn += 1
        place = self._stack.places[self._turn % len(self._stack.places)]
        if place.server is None:
            raise NotAsked
        return place

    async def _leave(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.wire.transport.abort()


_PUBLIC = "n::000000000000000000000001"


def _refused(code: str, message: str, server: str) -> Reply:
    is_open = code == "internal" or any(word in f"{code} {message}" for word in _UNKNOWN)
    return Reply("info" if is_open else "fail", code, None, server)


class Listener:
    """Listens in a channel at a place, and comes back to it when the connection breaks. It knows of no gap between two answers to
    its own questions over one connection."""

    def __init__(self, recorder: Recorder, place: Place, channel: str, numbers: Iterator[int]) -> None:
        self._recorder = recorder
        self._place = place
        self._channel = channel
        self._numbers = numbers
        self._asked: dict[int, float] = {}
        self._settled = 0.0
        self._has_settled = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def until_settled(self, moment: float) -> None:
        """Wait for the answer to a question that was asked after `moment`."""
        while self._settled < moment:
            self._has_settled.clear()
            await self._has_settled.wait()

    async def _run(self) -> None:
        while True:
            server = self._place.server
            try:
                if server is not None:
                    await self._listen(server, next(self._numbers))
            except (TimeoutError, OSError, WebSocketException, AssertionError):
                pass
            await asyncio.sleep(_AGAIN)

    async def _listen(self, server: Server, number: int) -> None:
        async with server.connect(None, self._channel) as socket:
            since = until = self._recorder.now()
            asking = asyncio.create_task(self._ask(socket))
            try:
                while True:
                    message = json.loads(await socket.wire.recv())
                    if message.get("type") == "reply":
                        until = self._settled = self._asked.pop(message["id"])
                        self._has_settled.set()
                    else:
                        self._hear(number, message)
            finally:
                asking.cancel()
                span = Listening(number, self._channel, self._place.name, since, until)
                self._recorder.history.listening.append(span)

    async def _ask(self, socket: Socket) -> None:
        with suppress(OSError, WebSocketException):
            for question in itertools.count():
                self._asked[question] = self._recorder.now()
                await socket.say({"type": "connection", "id": question})
                await asyncio.sleep(_PING)

    def _hear(self, number: int, message: dict[str, Any]) -> None:
        at = self._recorder.now()
        pair = message.get("pair")
        self._recorder.history.heard.append(
            Heard(
                number,
                at,
                message["key"],
                message.get("value", 0),
                message.get("version", 0),
                tuple(pair) if pair else None,
            )
        )
