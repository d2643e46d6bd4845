"""The client against a real server: connections that are cut, a server that is killed or replaced, a notebook."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PATIENCE, PROGRAMS, Server
from walkwire.client import ClientClock, ClientError, Recovered, WebSocketTransport, connect
from walkwire.client import sync as blocking
from walkwire.client.transport import TransportListener

PROGRAM = PROGRAMS / "counting.py"
SECRET = {"token_secret": "a secret for tests, of 32 bytes or more"}


class Hasty(ClientClock):
    """A clock whose random delays are a thousandth of what they may be."""

    def random(self) -> float:
        return 0.001


class Network:
    """Connections that a test can cut, and the codes with which they ended."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self._connections: list[WebSocketTransport] = []

    def transport(self, url: str, listener: TransportListener) -> WebSocketTransport:
        opened = WebSocketTransport(url, _Recorder(listener, self.codes), proxy=None)
        self._connections.append(opened)
        return opened

    def cut(self) -> None:
        if connection := self._connections[-1]._connection:
            connection.transport.abort()


class _Recorder:
    def __init__(self, listener: TransportListener, codes: list[int]) -> None:
        self.opened = listener.opened
        self.received = listener.received
        self._ended = listener.ended
        self._codes = codes

    def ended(self, code: int, reason: str) -> None:
        self._codes.append(code)
        self._ended(code, reason)


def options(network: Network | None = None) -> Any:
    return {"clock": Hasty(), "transport": (network or Network()).transport}


async def test_a_thousand_messages_are_heard_once_in_order_while_the_connection_is_cut(
    tmp_path: Path,
) -> None:
    chance = random.Random(13)
    network = Network()
    cuts = 0
    with Server(PROGRAM, tmp_path, history='{"den": "recent 1000 5m"}') as server:
        async with (
            connect(server.socket_url, channels=["den"], **options(network)) as client,
            connect(server.socket_url, **options()) as sender,
        ):
            told: list[Recovered] = []
            client.on_recovered(told.append)
            messages = client.channel("den").messages()
            await client.connected()

            for number in range(1000):
                if chance.random() < 0.05:
                    network.cut()
                    cuts += 1
                    if chance.random() < 0.5:
                        await client.connected()
                await sender.send_to_channels(["den"], {"number": number})
            async with asyncio.timeout(PATIENCE):
                heard = [(await anext(messages)).data["number"] for _ in range(1000)]

    assert heard == list(range(1000))
    assert cuts > 30
    assert len(network.codes) > 10
    assert all(event.recovered for event in told)


async def test_walks_whose_answers_are_lost_are_done_once(tmp_path: Path) -> None:
    chance = random.Random(7)
    network = Network()
    with Server(PROGRAM, tmp_path) as server:
        ada = await server.user()
        async with (
            connect(server.socket_url, token=ada.token, **options(network)) as client,
            asyncio.timeout(PATIENCE),
        ):
            messages = client.messages("user")
            for number in range(1, 201):
                walk = asyncio.create_task(client.walk("count", {"by": 1}))
                if chance.random() < 0.2:
                    for _ in range(chance.randrange(6)):
                        await asyncio.sleep(0)
                    network.cut()
                assert (await walk).reports == [number]
            heard = [(await anext(messages)).data["counted"] for _ in range(200)]

    assert heard == list(range(1, 201))
    assert len(network.codes) > 10


async def test_a_client_comes_back_to_a_server_that_was_killed(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, **SECRET) as server:
        ada = await server.user()
        client = connect(server.socket_url, token=ada.token, **options())
        told: list[Recovered] = []
        client.on_recovered(told.append)
        assert (await client.walk("count", {"by": 2})).reports == [2]
        client_id = client.client_id
        server.kill()
    waits = asyncio.create_task(client.walk("count", {"by": 3}))
    await until(client.on_state, lambda event: event[0] == "waiting", client.state == "waiting")

    with Server(PROGRAM, tmp_path, "--port", str(server.port), **SECRET):
        async with client, asyncio.timeout(PATIENCE):
            assert (await waits).reports == [5]
            assert (client.client_id, client.root_id) == (client_id, ada.root_id)
    assert {(event.stream, event.recovered, event.reason) for event in told} == {
        ("user", False, "reset"),
        ("client", False, "reset"),
    }, "the history was in the memory of the server that was killed"


async def test_a_client_leaves_a_server_that_is_replaced_and_hears_the_next(tmp_path: Path) -> None:
    network = Network()
    with Server(PROGRAM, tmp_path, **SECRET) as server:
        ada = await server.user()
        client = connect(server.socket_url, token=ada.token, **options(network))
        await client.connected()
        await asyncio.to_thread(server.stop)

    async with client, asyncio.timeout(PATIENCE):
        await until(client.on_state, lambda event: event[0] != "connected", client.state != "connected")
        assert network.codes[0] == 4200
        with Server(PROGRAM, tmp_path, "--port", str(server.port), **SECRET):
            heard = client.messages("user")
            assert (await client.walk("count", {"by": 1})).reports == [1]
            assert (await anext(heard)).data == {"counted": 1}
            client.close()
            await client.wait_closed()


async def until(emitter: Any, is_it: Callable[[Any], bool], is_now: bool) -> None:
    """Return when the client has told something."""
    told = asyncio.Event()
    emitter(lambda event: told.set() if is_it(event) else None)
    if not is_now:
        async with asyncio.timeout(PATIENCE):
            await told.wait()


async def test_a_wrong_token_closes_the_client(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path) as server:
        async with connect(server.socket_url, token="no", **options()) as client:
            with pytest.raises(ClientError) as caught:
                await client.connected()
            assert caught.value.code == "unauthenticated"
            assert client.state == "closed"
            with pytest.raises(ClientError):
                await client.walk("count", {"by": 1})


async def test_a_notebook_whose_loop_runs_uses_the_sync_client(tmp_path: Path) -> None:
    """As in a notebook, this is code without `await` in a loop that runs."""
    with Server(PROGRAM, tmp_path, history='{"den": "recent 10 5m"}') as server:
        ada = await server.user()
        with blocking.connect(server.socket_url, token=ada.token, **options()) as client:
            client.timeout = PATIENCE
            counted: list[Any] = []
            client.on_user(lambda message: counted.append(message.data))
            assert client.walk("count", {"by": 2}).reports == [2]
            assert counted == [{"counted": 2}]
            assert client.root_id == ada.root_id

            den = client.channel("den", presence="list")
            for number in range(3):
                den.send({"number": number})
            assert [next(den).data["number"] for _ in range(3)] == [0, 1, 2]
            page = den.history(limit=2)
            assert [message.data for message in page.messages] == [{"number": 1}, {"number": 2}]
            assert page.has_more
            with pytest.raises(TimeoutError):
                den.receive(timeout=0.01)
            den.leave()
            assert list(den) == []
            with pytest.raises(ClientError):
                client.walk("no such walker")
        with pytest.raises(ClientError) as caught:
            client.walk("count", {"by": 1})
        assert caught.value.code == "closed"
