"""What the fixtures do not say: how the client is made and read, and what its handlers may do."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.client.fake import FakeClock, FakeNetwork, FakeTransport, settled
from walkwire.client import Client, ClientError, WalkReply, connect

URL = "ws://server.test/websocket"


async def made(url: str = URL, **options: Any) -> tuple[Client, FakeNetwork, FakeClock]:
    network, clock = FakeNetwork(), FakeClock()
    client = connect(url, clock=clock, transport=network.transport, **options)
    await settled()
    return client, network, clock


async def welcomed(
    channels: dict[str, str] | None = None, **options: Any
) -> tuple[Client, FakeTransport, FakeClock]:
    """A client that is connected, in these channels."""
    client, network, clock = await made(channels=channels or (), **options)
    network.sockets[0].welcome(channels)
    await settled()
    return client, network.sockets[0], clock


def say(socket: FakeTransport, channel: str, *numbers: int) -> None:
    for number in numbers:
        socket.say({"type": "channel", "channel_id": channel, "at": f"d{number}", "data": number})


async def test_urls_of_http_are_those_of_sockets() -> None:
    _, network, _ = await made("https://server.test:8000/websocket?ticket=1")
    assert network.sockets[0].url == "wss://server.test:8000/websocket?ticket=1"


@pytest.mark.parametrize("url", ["/websocket", "server.test", "ftp://server.test", "ws://"])
async def test_another_url_is_an_error_of_the_caller(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a server"):
        connect(url)


def test_a_client_needs_a_loop_that_runs() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        connect(URL)


async def test_a_server_without_version_2_closes_the_client() -> None:
    client, network, _ = await made()
    network.sockets[0].accept(None)
    with pytest.raises(ClientError) as caught:
        await client.connected()
    assert (caught.value.code, client.state, client.error and client.error.code) == (
        "protocol",
        "closed",
        "protocol",
    )


async def test_a_connected_client_knows_who_it_is() -> None:
    client, _, _ = await welcomed()
    await client.connected()
    assert (client.client_id, client.root_id, client.state, client.error) == ("c1", "n::1", "connected", None)


async def test_each_walk_has_another_key() -> None:
    client, socket, _ = await welcomed()
    calls = [asyncio.create_task(client.walk("vote")) for _ in range(100)]
    await settled()
    keys = {event["key"] for event in socket.sent}
    assert (len(keys), {len(key) for key in keys}) == (100, {32})
    client.close()
    assert {error.code for error in await asyncio.gather(*calls, return_exceptions=True)} == {"closed"}  # type: ignore[union-attr]


async def test_a_walker_in_the_background_is_answered_with_its_id() -> None:
    client, socket, _ = await welcomed()
    call = asyncio.create_task(client.walk("clean"))
    await settled()
    socket.say({"type": "reply", "id": socket.sent[0]["id"], "ok": True, "data": {"walker_id": "w:clean:1"}})
    assert await call == WalkReply(walker_id="w:clean:1")


async def test_what_has_no_form_in_json_fails_alone() -> None:
    client, socket, _ = await welcomed()
    with pytest.raises(TypeError):
        await client.walk("vote", {"self": object()})
    assert (socket.sent, client.state) == ([], "connected")


async def test_one_id_is_one_channel_and_presence_can_be_asked_for_later() -> None:
    client, socket, _ = await welcomed({"den": "d0"})
    den = client.channel("den")
    assert client.channel("den") is den
    assert client.channels == {"den": den}
    assert socket.sent == []
    assert client.channel("den", presence="list") is den
    assert [event["channels"] for event in socket.sent] == [
        [{"channel_id": "den", "at": "d0", "presence": "list"}]
    ]


@pytest.mark.parametrize("name", ["on_state", "on_recovered"])
async def test_a_handler_may_close_the_client(name: str) -> None:
    client, network, clock = await made()
    getattr(client, name)(lambda _: client.close())
    place = {"at": "a", "recovered": True}
    network.sockets[0].welcome(streams={"user": place, "client": place, "channels": {}})
    await clock.advance(600_000)
    assert (client.state, len(network.sockets), network.sockets[0].is_abandoned) == ("closed", 1, True)


async def test_handlers_are_added_as_decorators_and_removed() -> None:
    client, socket, _ = await welcomed({"den": "d0"})
    heard: list[Any] = []

    @client.channel("den").on_message
    def hear(message: Any) -> None:
        heard.append(message.data)

    say(socket, "den", 1)
    client.channel("den").on_message.remove(hear)
    say(socket, "den", 2)
    assert heard == [1]


async def test_a_handler_is_no_async_function() -> None:
    client, _, _ = await welcomed()

    async def hear(_: Any) -> None: ...

    with pytest.raises(TypeError, match="async for"):
        client.on_user(hear)


async def test_a_handler_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    client, socket, _ = await welcomed()
    heard: list[Any] = []
    client.on_user(lambda message: 1 / 0)
    client.on_user(lambda message: heard.append(message.data))
    with caplog.at_level(logging.ERROR, "walkwire.client"):
        socket.say({"type": "user", "at": "u1", "data": 1})
    assert heard == [1]
    assert "ZeroDivisionError" in caplog.text


async def test_a_loop_reads_what_is_told_since_it_was_begun_until_the_channel_is_left() -> None:
    client, socket, _ = await welcomed({"den": "d0"})
    den = client.channel("den")
    say(socket, "den", 1)
    messages = den.messages()
    say(socket, "den", 2, 3)
    den.leave()
    assert [(message.data, message.at) async for message in messages] == [(2, "d2"), (3, "d3")]


async def test_a_loop_ends_when_the_client_is_closed_and_raises_if_an_error_closed_it() -> None:
    for code in (None, 4009):
        client, socket, _ = await welcomed({"den": "d0"})
        loops = [client.channel("den").messages(), client.messages("user")]
        if code is None:
            client.close()
        else:
            socket.end(code)
        loops += [client.channel("den").messages(), client.channel("of later").messages()]
        for loop in loops:
            if code is None:
                assert [message async for message in loop] == []
            else:
                with pytest.raises(ClientError) as caught:
                    await anext(loop)
                assert caught.value.code == "taken_over"


async def test_a_reader_that_is_too_slow_is_told_so() -> None:
    client, socket, _ = await welcomed({"den": "d0"})
    messages = client.channel("den").messages(buffer=2)
    say(socket, "den", 1, 2, 3)
    assert [(await anext(messages)).data, (await anext(messages)).data] == [1, 2]
    with pytest.raises(ClientError) as caught:
        await anext(messages)
    assert caught.value.code == "too_slow"


async def test_a_loop_that_was_left_holds_nothing() -> None:
    client, socket, _ = await welcomed({"den": "d0"})
    den = client.channel("den")
    reading = asyncio.create_task(_first(den))
    await settled()
    say(socket, "den", 1)
    assert (await reading).data == 1
    assert list(den._feed._inboxes) == []


async def _first(den: Any) -> Any:
    async for message in den:
        return message


async def test_a_refused_change_of_user_fails_alone() -> None:
    client, socket, _ = await welcomed(token="A")
    calls = [asyncio.create_task(client.change_user(token, {"as": token})) for token in ("B", "C")]
    await settled()
    first, second = (event["id"] for event in socket.sent)
    streams = {name: {"at": "v0", "recovered": None} for name in ("user", "client")} | {"channels": {}}
    data = {"client_id": "c1", "root_id": "n::2", "session": "S2", "streams": streams}
    socket.say({"type": "reply", "id": first, "ok": True, "data": data})
    socket.say(
        {"type": "reply", "id": second, "ok": False, "error": {"code": "unauthenticated", "message": "No"}}
    )
    await asyncio.gather(*calls, return_exceptions=True)
    assert (client.state, client.root_id) == ("connected", "n::2")


async def test_a_change_of_user_whose_token_comes_after_the_connection_broke_is_made_by_the_next() -> None:
    client, network, clock = await made(token="A")
    network.sockets[0].welcome()
    token = asyncio.get_running_loop().create_future()
    change = asyncio.create_task(client.change_user(lambda _: token))
    await settled()
    network.sockets[0].end()
    token.set_result("B")
    await settled()
    await clock.advance(500)
    assert network.sockets[1].welcome()["token"] == "B"
    await change


async def test_a_session_that_was_closed_fails_each_call_with_an_error_of_its_own() -> None:
    client, _, _ = await welcomed()
    client.close()
    errors = await asyncio.gather(client.walk("a"), client.walk("b"), return_exceptions=True)
    assert errors[0] is not errors[1]
    assert client.state == "closed"
