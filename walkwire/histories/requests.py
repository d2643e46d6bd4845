"""Requests: sends commands to one Redis server, pipelined, over a connection of its own, which is made when it is needed."""

from __future__ import annotations

import asyncio
import math
from asyncio import Future, Task
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis.asyncio.connection import Connection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from walkwire.brokers.keeping import packed
from walkwire.brokers.redis import run_of
from walkwire.errors import Unreached
from walkwire.histories.patience import Patience

ANSWER_SECONDS = 3.0  # without any answer: then the server counts as away

Make = Callable[[bytes], Iterable[bytes]]
"""Returns commands, given the run id of the server that will answer them."""


class Requests:
    """Asks the server at `settings`. `scripts` are loaded before anything is asked."""

    def __init__(self, settings: dict[str, Any], scripts: Sequence[str]) -> None:
        self._settings = settings
        self._scripts = [packed(b"SCRIPT", b"LOAD", script.encode()) for script in scripts]
        self._connection: Connection | None = None
        self._run = b""
        self._waiting: deque[Future[Any]] = deque()
        self._reading: Task[None] | None = None
        self._opening = asyncio.Lock()
        self._patience = Patience(ANSWER_SECONDS)

    async def ask(self, make: Make) -> list[Any]:
        """Return the answers to commands. Raises Unreached, also for a refusal that is not about the command.

        A command that the server refuses is answered with the ResponseError.
        """
        try:
            answers = await self._patience.wait(self._ask(make))
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise Unreached from error
        if any(isinstance(answer, NoScriptError) for answer in answers):
            await self.close()  # the scripts are loaded again with the next connection
            raise Unreached
        return answers

    async def _ask(self, make: Make) -> list[Any]:
        async with self._opening:
            if self._connection is None:
                await self._open()
        return await asyncio.gather(*self._send(list(make(self._run))))

    async def close(self) -> None:
        """Disconnect. What has no answer yet fails."""
        connection, self._connection = self._connection, None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if connection is not None:
            await connection.disconnect(nowait=True)
        self._fail()

    async def _open(self) -> None:
        settings = dict(self._settings)
        make = settings.pop("connection_class", Connection)
        connection = make(**settings, protocol=2, socket_timeout=None, client_name="walkwire")
        try:
            await connection.connect()
            asks = [packed(b"INFO", b"server"), *self._scripts]
            await connection.send_packed_command(asks, check_health=False)
            info, *_ = [await connection.read_response(disable_decoding=True) for _ in asks]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._run = run_of(info) or b""
        self._connection = connection
        self._reading = asyncio.get_running_loop().create_task(self._read(connection))

    def _send(self, commands: list[bytes]) -> list[Future[Any]]:
        if self._connection is None or self._connection._writer is None:
            raise OSError("the connection ended")
        loop = asyncio.get_running_loop()
        futures: list[Future[Any]] = [loop.create_future() for _ in commands]
        self._waiting.extend(futures)
        self._connection._writer.writelines(commands)
        return futures

    async def _read(self, connection: Connection) -> None:
        try:
            while True:
                try:
                    answer = await connection.read_response(
                        disable_decoding=True, timeout=math.inf, disconnect_on_error=False
                    )
                except ResponseError as error:
                    answer = error
                self._patience.heard()
                future = self._waiting.popleft()
                if not future.done():
                    future.set_result(answer)
        except (RedisError, OSError, IndexError):
            if self._connection is connection:
                self._connection = None
                self._fail()
                await connection.disconnect(nowait=True)

    def _fail(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(OSError("the connection ended"))
                future.exception()  # retrieved: perhaps nobody waits any more
