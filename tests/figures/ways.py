"""Through how many files and functions of walkwire four calls go, from the event to its last frame, without the transport.

Each call is done some times before it is measured, so that caches are filled and nothing is decided for the first time.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import walkwire
from tests.brokers.service import url_of
from tests.databases import postgres
from tests.figures.house import table
from walkwire import Node, Walker, on_entry, socket
from walkwire.testing import serve

PACKAGE = str(Path(walkwire.__file__).parent)
TRANSPORT = ("loopback.py", "testing.py")
WARM = 5
DURABLE = {"d:*": "durable 1000 1d"}
Call = Callable[[], Awaitable[object]]


class Note(Node):
    """What the walks make."""

    text: str = ""


class greet(Walker):
    """Report a word."""

    name: str = ""

    class __specs__:
        methods = ("post", "websocket")

    @on_entry
    def look(self) -> None:
        self.report(f"hello {self.name}")


class write_and_tell(Walker):
    """Make a node, and tell a client."""

    client_id: str

    class __specs__:
        methods = ("post", "websocket")

    @on_entry
    def look(self, here: walkwire.Root) -> None:
        here.connect(Note(text="new"))
        socket.notify_clients([self.client_id], {"type": "made"})


class Way:
    """Notes each function of walkwire that is called, in any thread, while `is_watched`."""

    def __init__(self) -> None:
        self.calls: list[CodeType] = []
        self.is_watched = False
        threading.setprofile(self._note)  # for threads that begin after this
        sys.setprofile(self._note)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if self.is_watched and event == "call":
            code = frame.f_code
            if code.co_filename.startswith(PACKAGE) and not code.co_filename.endswith(TRANSPORT):
                self.calls.append(code)

    def row(self, name: str) -> tuple[object, ...]:
        """Return a row of the table."""
        files = [code.co_filename for code in self.calls]
        changes = sum(before != after for before, after in pairwise(files))
        return name, len(set(files)), len(set(self.calls)), len(files), changes


async def measured() -> str:
    """Return the table of the four ways."""
    way = Way()
    program = ModuleType("program")
    vars(program).update(greet=greet, write_and_tell=write_and_tell, Note=Note)
    rows = []
    async with AsyncExitStack() as stack:
        alone = await stack.enter_async_context(serve(program, history=DURABLE))
        ada = await alone.user()
        line = await stack.enter_async_context(ada.socket())
        await line.receive()
        event = {"type": "walker", "walker": "greet", "context": {"name": "ada"}, "response": True, "id": 1}

        async def call() -> None:
            await line.send(event)
            await line.receive()

        rows.append(await _row(way, "walker call, version 1", call))
        url = stack.enter_context(postgres())
        both = {"database": url, "broker": url_of("redis"), "token_secret": "figures" * 8}
        here = await stack.enter_async_context(serve(program, **both))
        there = await stack.enter_async_context(serve(program, **both))
        eve = await stack.enter_async_context((await there.user("eve@example.com")).socket())
        eve_id = (await eve.receive())["data"]["client_id"]
        bob = await stack.enter_async_context((await here.user("bob@example.com")).socket())
        await bob.receive()
        told: dict[str, Any] = event | {"walker": "write_and_tell", "context": {"client_id": eve_id}}

        async def tell() -> None:
            await bob.send(told)
            await bob.receive()
            await eve.receive()

        rows.append(await _row(way, "write, and tell a client of another server", tell))
        rows.append(await _row(way, "walker over REST", lambda: ada.post("greet", name="ada")))
        stream = await stack.enter_async_context(ada.stream("d:1", "d:2", "d:3"))

        async def resume() -> None:
            stream.drop()
            await stream.resume()

        rows.append(await _row(way, "resume of three durable streams", resume))
    return table(("way", "files", "functions", "calls", "changes of file"), rows)


async def _row(way: Way, name: str, call: Call) -> tuple[object, ...]:
    for _ in range(WARM):
        await call()
    await asyncio.sleep(0.2)  # what the last call left behind comes to its end
    way.calls.clear()
    way.is_watched = True
    await call()
    way.is_watched = False
    return way.row(name)
