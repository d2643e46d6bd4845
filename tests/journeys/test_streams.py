"""What was missed, from a real server: over sockets of version 2, over REST, and as Server-Sent Events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.serving import Server

V2 = Subprotocol("walkwire.v2")


async def ask(socket: ClientConnection, **event: Any) -> Any:
    await socket.send(json.dumps(event | {"id": 1}))
    reply = json.loads(await asyncio.wait_for(socket.recv(), 5))
    assert reply["ok"], reply
    return reply["data"]


def opened(server: Server) -> Any:
    return connect(f"{server.url.replace('http', 'ws')}/websocket", subprotocols=[V2])


class Source:
    """Reads Server-Sent Events."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        """Return the id and the data of the next event."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            async for line in self._lines:
                if not line and "data" in fields:
                    return fields["id"], json.loads(fields["data"])
                name, _, value = line.partition(": ")
                fields[name] = value
        raise AssertionError


@pytest.fixture
async def http(chat: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=chat.url, timeout=10) as client:
        yield client


async def test_a_socket_that_broke_gets_what_it_missed(chat: Server) -> None:
    ada = await chat.user()
    async with opened(chat) as socket, opened(chat) as other:
        assert socket.subprotocol == V2
        who = await ask(socket, type="connect", token=ada.token, channels=[{"channel_id": "den"}])
        await ask(other, type="connect", token=ada.token)
        await ask(other, type="channel", channel_ids=["den"], data={"n": 1})
        heard = json.loads(await socket.recv())
        socket.transport.abort()
        for number in (2, 3):
            await ask(other, type="channel", channel_ids=["den"], data={"n": number})
        async with opened(chat) as again:
            channels = [{"channel_id": "den", "at": heard["at"]}]
            resumed = await ask(
                again, type="connect", token=ada.token, session=who["session"], channels=channels
            )
            assert resumed["client_id"] == who["client_id"]
            assert resumed["streams"]["channels"]["den"]["recovered"]
            missed = [json.loads(await again.recv())["data"]["n"] for _ in range(2)]
            assert missed == [2, 3]


async def test_the_session_has_one_connection(chat: Server) -> None:
    ada = await chat.user()
    async with opened(chat) as first, opened(chat) as second:
        who = await ask(first, type="connect", token=ada.token)
        await ask(second, type="connect", token=ada.token, session=who["session"])
        with pytest.raises(ConnectionClosed) as closed:
            await first.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4009


async def test_history_is_read_over_rest(chat: Server, http: httpx.AsyncClient) -> None:
    ada = await chat.user()
    async with opened(chat) as socket:
        await ask(socket, type="connect", token=ada.token, channels=[{"channel_id": "a/b c"}])
        for number in range(3):
            await socket.send(
                json.dumps({"type": "channel", "channel_ids": ["a/b c"], "data": {"n": number}})
            )
            await socket.recv()
        headers = {"Authorization": f"Bearer {ada.token}"}
        page = (await http.get("/history/channels/a/b%20c?limit=2", headers=headers)).json()
        assert page["channel_id"] == "a/b c"
        assert [message["data"]["n"] for message in page["messages"]] == [1, 2]
        assert page["has_more"]
        before = {"before": page["messages"][0]["at"]}
        rest = (await http.get("/history/channels/a/b%20c", params=before, headers=headers)).json()
        assert [message["data"]["n"] for message in rest["messages"]] == [0]
    assert (await http.get("/history/channels/x?before=nonsense")).status_code == 400
    assert (await http.get("/history/channels/x", headers={"Authorization": "Bearer x"})).status_code == 401
    assert (await http.get("/history/channels/x?limit=0")).status_code == 422


async def test_events_are_sent_over_http_and_continue_where_they_ended(
    chat: Server, http: httpx.AsyncClient
) -> None:
    ada = await chat.user()
    headers = {"Authorization": f"Bearer {ada.token}"}
    query = {"channel_id": ["den", "hall"], "user": "true"}
    async with opened(chat) as socket:
        await ask(socket, type="connect", token=ada.token)
        async with http.stream("GET", "/events", params=query, headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            source = Source(response)
            await ask(socket, type="channel", channel_ids=["hall"], data={"n": 1})
            last_id, frame = await source.next()
            assert (frame["type"], frame["channel_id"], frame["data"]) == ("channel", "hall", {"n": 1})
        await ask(socket, type="channel", channel_ids=["den"], data={"n": 2})
        await socket.send(json.dumps({"type": "user", "root_ids": [ada.root_id], "data": {"n": 3}}))
        await socket.recv()
        again = headers | {"Last-Event-ID": last_id}
        async with http.stream("GET", "/events", params=query, headers=again) as response:
            source = Source(response)
            missed = [(await source.next())[1] for _ in range(2)]
            assert sorted(frame["data"]["n"] for frame in missed) == [2, 3]
        lost = headers | {"Last-Event-ID": f"wrong.1,{last_id.split(',', 1)[1]}"}
        async with http.stream("GET", "/events", params=query, headers=lost) as response:
            _, frame = await Source(response).next()
            assert (frame["type"], frame["channel_id"], frame["reason"]) == ("resync", "den", "reset")


async def test_a_request_for_events_is_refused_before_it_begins(
    chat: Server, http: httpx.AsyncClient
) -> None:
    assert (await http.get("/events")).status_code == 400
    wrong = await http.get("/events?channel_id=den", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert (await http.get("/events", params={"channel_id": ["x"] * 33})).status_code == 422
    assert (await http.get("/events?channel_id=den&ticket=wrong")).status_code == 401
