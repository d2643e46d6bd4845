"""Clients of version 2 on three servers: nothing is missed, nothing is heard twice, and all hear one order, wherever they are."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.brokers.service import KINDS, Kind
from tests.cluster.cluster import PATIENCE, Cluster, cluster, until
from tests.serving import Person, Server

pytestmark = pytest.mark.long


class Listener:
    """A client of version 2. `frames` are what it heard beside replies, `code` is how its connection was closed."""

    def __init__(self, wire: ClientConnection) -> None:
        self.frames: list[dict[str, Any]] = []
        self.code: int | None = None
        self._wire = wire
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._task = asyncio.create_task(self._listen())

    async def ask(self, **event: Any) -> dict[str, Any]:
        number = next(self._numbers)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        await self._wire.send(json.dumps(event | {"id": number}))
        return await asyncio.wait_for(reply, PATIENCE)

    async def data(self, **event: Any) -> Any:
        reply = await self.ask(**event)
        assert reply["ok"], reply
        return reply["data"]

    def heard(self, kind: str = "channel") -> list[Any]:
        return [frame["data"] for frame in self.frames if frame["type"] == kind]

    def at(self, kind: str) -> str:
        """The last position that it heard."""
        return [frame["at"] for frame in self.frames if frame["type"] == kind][-1]

    @property
    def is_whole(self) -> bool:
        return not any(frame["type"] == "resync" for frame in self.frames)

    def drop(self) -> None:
        """Lose the connection as a phone does."""
        self._wire.transport.abort()

    async def _listen(self) -> None:
        try:
            async for message in self._wire:
                frame = json.loads(message)
                if frame["type"] == "reply":
                    self._replies.pop(frame["id"]).set_result(frame)
                else:
                    self.frames.append(frame)
        except ConnectionClosed:
            pass
        self.code = self._wire.close_code

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._wire.close()


class Listeners:
    """Opens sockets, and closes them at last."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def open(self, server: Server) -> Listener:
        url = f"{server.url.replace('http', 'ws')}/websocket"
        wire = await connect(url, subprotocols=[Subprotocol("walkwire.v2")])
        assert wire.subprotocol == "walkwire.v2"
        made = Listener(wire)
        self._stack.push_async_callback(made.stop)
        return made

    async def join(self, server: Server, *channels: str, token: str | None = None, **more: Any) -> Listener:
        made = await self.open(server)
        wishes = [{"channel_id": name} for name in channels]
        await made.data(type="connect", token=token, channels=wishes, **more)
        return made


@pytest.fixture
async def listeners() -> AsyncIterator[Listeners]:
    async with AsyncExitStack() as stack:
        yield Listeners(stack)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def made(kind: Kind, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(kind, tmp_path, 3) as servers:
        yield servers


async def say(speaker: Listener, channel_id: str, number: int) -> bool:
    """Whether it was acknowledged."""
    reply = await speaker.ask(type="channel", channel_ids=[channel_id], data={"n": number})
    return bool(reply["ok"])


def numbers(listener: Listener, kind: str = "channel") -> list[int]:
    return [data["n"] for data in listener.heard(kind)]


async def test_a_client_continues_on_another_server(made: Cluster, listeners: Listeners) -> None:
    here, there, third = made.servers
    ann: Person = await here.person("ann")
    speaker = await listeners.join(there)
    one = await listeners.open(here)
    who = await one.data(type="connect", token=ann.token, channels=[{"channel_id": "den"}])
    me, root = who["client_id"], ann.root_id

    async def tell(number: int) -> None:
        data = {"n": number}
        assert await say(speaker, "den", number)
        await speaker.data(type="user", root_ids=[root], data=data)
        await speaker.data(type="client", client_ids=[me], data=data)

    await tell(1)
    await until(lambda: len(one.frames) == 3)
    at = {kind: one.at(kind) for kind in ("user", "client", "channel")}
    one.drop()
    for number in (2, 3):
        await tell(number)
    two = await listeners.open(third)
    resumed = await two.data(
        type="connect",
        token=ann.token,
        session=who["session"],
        at={"user": at["user"], "client": at["client"]},
        channels=[{"channel_id": "den", "at": at["channel"]}],
    )
    assert resumed["client_id"] == me
    streams = resumed["streams"]
    assert [streams["user"]["recovered"], streams["client"]["recovered"]] == [True, True]
    assert streams["channels"]["den"]["recovered"] is True
    await tell(4)
    await until(lambda: len(two.frames) >= 9)
    for kind in ("channel", "user", "client"):
        assert numbers(two, kind) == [2, 3, 4]
    assert two.is_whole


@pytest.mark.parametrize("attempt", range(3))
async def test_one_of_two_that_take_a_session_over_at_once_has_it(
    attempt: int, made: Cluster, listeners: Listeners
) -> None:
    here, *others = made.servers
    ann = await here.person("ann")
    first = await listeners.open(here)
    who = await first.data(type="connect", token=ann.token)
    two, three = [await listeners.open(server) for server in others]
    again = {"type": "connect", "token": ann.token, "session": who["session"]}
    replies = await asyncio.gather(two.ask(**again), three.ask(**again), return_exceptions=True)
    ids = {reply["data"]["client_id"] for reply in replies if isinstance(reply, dict)}
    assert ids == {who["client_id"]}
    await until(lambda: first.code == 4009)
    await until(lambda: 4009 in (two.code, three.code))
    survivor = three if two.code == 4009 else two
    assert (await survivor.data(type="ping"))["time"] > 0
    assert survivor.code is None
    await survivor.data(type="client", client_ids=[who["client_id"]], data={"n": 7})
    await until(lambda: numbers(survivor, "client") == [7])


async def test_all_servers_hear_one_order_of_walkers_and_clients(made: Cluster, listeners: Listeners) -> None:
    ears = [await listeners.join(server, "hall") for server in made.servers]
    speakers = [await listeners.join(server) for server in made.servers]

    async def speak(place: int) -> None:
        for number in range(40):
            data = {"from": place, "n": number}
            if number % 2:
                await speakers[place].data(type="channel", channel_ids=["hall"], data=data)
            else:
                await made.servers[place].walk("tell", kind="channels", targets=["hall"], data=data)

    await asyncio.gather(*map(speak, range(3)))
    await until(lambda: all(len(ear.frames) >= 120 for ear in ears))
    first, *others = [[(frame["at"], frame["data"]) for frame in ear.frames] for ear in ears]
    assert len(first) == 120
    for heard in others:
        assert heard == first
    for place in range(3):
        assert [data["n"] for _, data in first if data["from"] == place] == list(range(40))


async def test_a_message_to_many_users_reaches_each_once(made: Cluster, listeners: Listeners) -> None:
    here, there, third = made.servers
    ann = await here.person("ann")
    ears = [await listeners.join(server, token=ann.token) for server in (there, third)]
    speaker = await listeners.join(here)
    targets = [f"n::{number:024x}" for number in range(100, 160)]
    await speaker.data(type="user", root_ids=[*targets, ann.root_id], data={"n": 1})
    await speaker.data(type="user", root_ids=[ann.root_id], data={"n": 2})
    await until(lambda: all(len(ear.frames) >= 2 for ear in ears))
    assert [numbers(ear, "user") for ear in ears] == [[1, 2], [1, 2]]


async def test_a_server_that_was_cut_off_repairs_its_streams(made: Cluster, listeners: Listeners) -> None:
    here, there, _ = made.servers
    ear, speaker = await listeners.join(there, "den"), await listeners.join(here)
    assert await say(speaker, "den", 0)
    await until(lambda: numbers(ear) == [0])
    made.wires[1].part()
    for number in range(1, 20):
        assert await say(speaker, "den", number)
    await made.ready(there, is_ready=False)
    made.wires[1].heal()
    await made.ready(there)
    assert await say(speaker, "den", 20)
    await until(lambda: len(numbers(ear)) >= 21)
    assert numbers(ear) == list(range(21))
    assert ear.is_whole


async def test_a_broker_that_hangs_loses_nothing_that_was_acknowledged(
    made: Cluster, listeners: Listeners
) -> None:
    here, there, _ = made.servers
    ears = [await listeners.join(server, "den") for server in (here, there)]
    speaker = await listeners.join(here)
    told = [number for number in range(5) if await say(speaker, "den", number)]
    made.broker.freeze()
    try:
        unsure = [number for number in range(5, 8) if not await say(speaker, "den", number)]
        await made.ready(here, is_ready=False)
    finally:
        made.broker.thaw()
    await asyncio.gather(made.ready(here), made.ready(there))
    told += [number for number in range(8, 12) if await say(speaker, "den", number)]
    assert told[-1] == 11
    await until(lambda: all(numbers(ear)[-1:] == [11] for ear in ears))
    for ear in ears:
        assert ear.is_whole
        assert [number for number in numbers(ear) if number not in unsure] == told
        assert numbers(ear) == sorted(set(numbers(ear)))


async def test_a_broker_that_forgets_everything_is_told(made: Cluster, listeners: Listeners) -> None:
    here, there, third = made.servers
    ear, speaker = await listeners.join(there, "den"), await listeners.join(here)
    assert await say(speaker, "den", 1)
    await until(lambda: numbers(ear) == [1])
    old = ear.at("channel")
    made.broker.kill()
    made.broker.start()
    await asyncio.gather(*map(made.ready, made.servers))
    await until(lambda: not ear.is_whole)
    assert await say(speaker, "den", 2)
    await until(lambda: numbers(ear)[-1:] == [2])
    late = await listeners.open(third)
    data = await late.data(type="connect", channels=[{"channel_id": "den", "at": old}])
    den = data["streams"]["channels"]["den"]
    assert (den["recovered"], den["reason"]) == (False, "reset")
