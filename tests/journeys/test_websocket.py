"""The seed's page about the websocket (`websocket.txt`), told from its top to its end, over a real server process."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.journeys.conftest import RunNode
from tests.serving import CHAT, PROGRAMS, PUBLIC_ROOT, Person, Server, Socket, client

SEED = "2a46cc94a1c794c962dc0546ebb27a3bb5f2a1514de107d06d79eb72ddd8ce45"
MADE_ID = re.compile(r"\d+:[0-9a-f]{32}")
CHATTED = {"type": "chat", "data": {"message": "string"}}
ANSWERED = {"status": 200, "reports": []}


@pytest.fixture(scope="module")
def notify(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(PROGRAMS / "notify.jac", tmp_path_factory.mktemp("notify")) as server:
        yield server


@pytest.fixture
async def open_socket(chat: Server) -> AsyncIterator[AsyncExitStack]:
    """Sockets that are open to the end of the test."""
    async with AsyncExitStack() as stack:
        yield stack


def walk(walker: str, response: bool | None = None, **context: object) -> dict[str, object]:
    event: dict[str, object] = {"type": "walker", "walker": walker, "context": context}
    return event if response is None else event | {"response": response}


def test_the_example_is_the_seeds_program_to_the_byte() -> None:
    assert hashlib.sha256((CHAT / "main.jac").read_bytes()).hexdigest() == SEED


# Walker declaration


async def test_a_websocket_walker_works_along_with_other_http_methods(chat: Server) -> None:
    ada = await chat.person("ada")
    async with chat.connect(ada.token) as socket:
        response = await chat.post("/walker/send_chat_to_client", {"client_id": socket.client_id}, ada.token)
        assert response.json() == ANSWERED
        assert await socket.hear() == CHATTED


async def test_the_only_limitation_is_that_it_takes_no_file(notify: Server) -> None:
    ada = await notify.person("ada")
    async with notify.connect(ada.token) as socket:
        answer = await socket.ask(walk("read_file", file="a.txt"))
        assert answer == {
            "type": "walker",
            "error": "Walker read_file takes a file, which only REST can bring!",
        }
    async with client(headers={"Authorization": f"Bearer {ada.token}"}) as http:
        response = await http.post(f"{notify.url}/walker/read_file", files={"file": ("a.txt", b"hello")})
    assert response.json() == {"status": 200, "reports": ["a.txt"]}


# Websocket connection


async def test_a_connection_with_a_token_is_the_users(chat: Server) -> None:
    ada = await chat.person("ada")
    async with chat.connect(ada.token) as socket:
        assert socket.data.keys() == {"client_id", "root_id", "channel_id"}
        assert socket.root_id == ada.root_id
        assert MADE_ID.fullmatch(socket.client_id)


async def test_a_connection_without_one_is_the_public_users(chat: Server) -> None:
    async with chat.connect() as socket:
        assert socket.root_id == PUBLIC_ROOT


async def test_a_channel_is_random_if_not_specified(chat: Server) -> None:
    async with chat.connect() as one, chat.connect() as other, chat.connect(channel_id="") as third:
        found = {socket.channel_id for socket in (one, other, third)}
        assert len(found) == 3
        assert all(MADE_ID.fullmatch(channel_id) for channel_id in found)


@pytest.mark.parametrize("channel_id", ["anystring", "den & co/?#", "größer", "🦊"])
async def test_a_channel_may_be_any_string(chat: Server, channel_id: str) -> None:
    async with chat.connect(channel_id=channel_id) as socket, chat.connect() as sender:
        assert socket.channel_id == channel_id
        await sender.say({"type": "channel", "channel_ids": [channel_id], "data": {"n": 1}})
        assert await socket.hear() == {"n": 1}


# Client valid events


async def test_a_walker_event_triggers_a_walker_as_rest_does(chat: Server) -> None:
    ada = await chat.person("ada")
    context = {"root_id": ada.root_id}
    over_rest = (await chat.post("/walker/send_chat_to_user", context, ada.token)).json()
    async with chat.connect(ada.token) as socket:
        await socket.say(walk("send_chat_to_user", True, **context))
        assert [await socket.hear(), await socket.hear()] == [CHATTED, over_rest]


@pytest.mark.parametrize("response", [None, False])
async def test_a_walker_event_is_answered_only_where_a_response_is_wanted(
    chat: Server, response: bool | None
) -> None:
    ada = await chat.person("ada")
    async with chat.connect(ada.token, "room") as socket:
        await socket.say(walk("send_chat_to_group", response, channel_id="room"))
        assert await socket.hear() == CHATTED
        assert await socket.settle() == []


async def test_a_user_event_notifies_all_clients_of_the_target_user(
    chat: Server, open_socket: AsyncExitStack
) -> None:
    ada, bob = await chat.person("ada"), await chat.person("bob")
    adas = [await open_socket.enter_async_context(chat.connect(ada.token)) for _ in range(3)]
    bobs = await open_socket.enter_async_context(chat.connect(bob.token))
    guest = await open_socket.enter_async_context(chat.connect())
    data = {"type": "chat", "data": {"any_field": "any_value"}}

    await bobs.say({"type": "user", "root_ids": [ada.root_id], "data": data})

    assert await bobs.settle() == []
    assert [await socket.settle() for socket in adas] == [[data]] * 3
    assert await guest.settle() == []


async def test_a_channel_event_notifies_all_clients_that_are_subscribed_to_it(
    chat: Server, open_socket: AsyncExitStack
) -> None:
    members = [
        await open_socket.enter_async_context(chat.connect(channel_id="three clients")) for _ in range(3)
    ]
    outside = await open_socket.enter_async_context(chat.connect(channel_id="elsewhere"))
    data = {"type": "chat", "data": {"any_field": "any_value"}}

    await members[0].say({"type": "channel", "channel_ids": ["three clients"], "data": data})
    assert [await socket.hear() for socket in members] == [data] * 3
    await outside.say({"type": "channel", "channel_ids": ["three clients"], "data": data | {"from": 2}})

    assert await outside.settle() == []
    assert [await socket.hear() for socket in members] == [data | {"from": 2}] * 3


async def test_a_client_event_notifies_one_client_of_several(
    chat: Server, open_socket: AsyncExitStack
) -> None:
    ada = await chat.person("ada")
    first, second, third = [
        await open_socket.enter_async_context(chat.connect(ada.token, "room")) for _ in range(3)
    ]
    data = {"type": "chat", "data": {"any_field": "any_value"}}

    await first.say({"type": "client", "client_ids": [second.client_id], "data": data})

    assert await first.settle() == []
    assert await second.settle() == [data]
    assert await third.settle() == []


async def test_a_connection_event_gives_the_connection_info(chat: Server) -> None:
    async with chat.connect(channel_id="room") as socket:
        assert await socket.ask({"type": "connection"}) == {"type": "connection", "data": socket.data}


async def test_change_user_migrates_from_public_to_authenticated_and_back(chat: Server) -> None:
    ada = await chat.person("ada")
    async with chat.connect(channel_id="room") as socket, chat.connect() as sender:
        signed_in = await socket.ask({"type": "change_user", "token": f"Bearer {ada.token}"})
        assert signed_in == {"type": "connection", "data": socket.data | {"root_id": ada.root_id}}
        await sender.say({"type": "user", "root_ids": [ada.root_id], "data": {"n": 1}})
        assert await socket.hear() == {"n": 1}
        assert (await socket.ask(walk("send_chat_to_group", True, channel_id="other")))["status"] == 200

        public = await socket.ask({"type": "change_user"})
        assert public == {"type": "connection", "data": socket.data}
        await sender.say({"type": "user", "root_ids": [ada.root_id], "data": {"n": 2}})
        assert await sender.settle() == []
        assert await socket.settle() == []
        refused = await socket.ask(walk("send_chat_to_group", True, channel_id="other"))
        assert refused["error"] == "Event send_chat_to_group requires to be authenticated!"


async def test_change_user_leads_from_one_user_to_another(chat: Server) -> None:
    ada, bob = await chat.person("ada"), await chat.person("bob")
    async with chat.connect(ada.token) as socket:
        changed = await socket.ask({"type": "change_user", "token": bob.token})
        assert changed["data"] == socket.data | {"root_id": bob.root_id}


# Walker client notification


async def test_notify_self_tells_the_socket_it_came_from(notify: Server, ada: Person) -> None:
    async with notify.connect(ada.token) as socket, notify.connect(ada.token) as other:
        await socket.say(walk("tell_self", True, message="hi"))
        assert await socket.hear() == {"type": "your_event1", "data": {"message": "hi"}}
        assert await socket.hear() == {"status": 200, "reports": ["hi"]}
        assert await other.settle() == []


async def test_notify_self_does_nothing_over_the_walker_api(notify: Server, ada: Person) -> None:
    async with notify.connect(ada.token) as socket:
        assert await notify.walk("tell_self", ada.token, message="hi") == ["hi"]
        assert await socket.settle() == []


async def test_a_walker_for_everybody_can_be_called_by_the_public_user(notify: Server) -> None:
    async with notify.connect() as socket:
        told = await socket.ask(walk("tell_guest"))
        assert told == {"type": "your_event3", "data": {"message": "you may"}}


async def test_notify_users_tells_all_clients_of_the_target_users(notify: Server, ada: Person) -> None:
    bob = await notify.person("bob")
    async with AsyncExitStack() as stack:
        adas = [await stack.enter_async_context(notify.connect(ada.token)) for _ in range(3)]
        bobs = await stack.enter_async_context(notify.connect(bob.token))
        guest = await stack.enter_async_context(notify.connect())
        root_ids = [ada.root_id, bob.root_id.removeprefix("n::"), ada.root_id]

        await notify.walk("tell_many", bob.token, root_ids=root_ids, message="both")

        assert [await heard(socket) for socket in (*adas, bobs)] == [["both"]] * 4
        assert await guest.settle() == []


async def test_notify_channels_tells_all_clients_in_the_target_channels(notify: Server, ada: Person) -> None:
    async with AsyncExitStack() as stack:
        rooms = ["red", "red", "red", "blue", "green"]
        sockets = [await stack.enter_async_context(notify.connect(channel_id=room)) for room in rooms]

        await notify.walk("tell_many", ada.token, channel_ids=["red", "blue", "nowhere"], message="to you")

        assert [await heard(socket) for socket in sockets] == [["to you"]] * 4 + [[]]


async def test_notify_clients_tells_the_target_clients(notify: Server, ada: Person) -> None:
    async with AsyncExitStack() as stack:
        one, two, three = [await stack.enter_async_context(notify.connect(ada.token)) for _ in range(3)]

        await notify.walk(
            "tell_many", ada.token, client_ids=[one.client_id, three.client_id, "1:gone"], message="you two"
        )

        assert [await heard(socket) for socket in (one, two, three)] == [["you two"], [], ["you two"]]


# End to end integration


@pytest.mark.parametrize("program", ["chat", "chat_python"])
async def test_the_seeds_three_walkers_end_to_end(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Server(CHAT.parent / program, tmp_path_factory.mktemp(program)) as server:
        ada, bob = await server.person("ada"), await server.person("bob")
        async with server.connect(ada.token) as sender, server.connect(bob.token, "room") as receiver:
            for walker, context in (
                ("send_chat_to_user", {"root_id": bob.root_id}),
                ("send_chat_to_group", {"channel_id": "room"}),
                ("send_chat_to_client", {"client_id": receiver.client_id}),
            ):
                assert await sender.ask(walk(walker, True, **context)) == ANSWERED
                assert await receiver.hear() == CHATTED
                assert (await server.post(f"/walker/{walker}", context, ada.token)).json() == ANSWERED
                assert await receiver.hear() == CHATTED


async def test_the_pages_own_snippets_run_with_the_npm_library(chat: Server, run_node: RunNode) -> None:
    ada, bob = await chat.person("ada"), await chat.person("bob")
    seen = run_node("seed.mjs", chat.port, ada.token, ada.root_id, bob.token, bob.root_id)
    assert seen.count("seen:") == 12, seen


@pytest.fixture
async def ada(notify: Server) -> Person:
    return await notify.person("ada")


async def heard(socket: Socket) -> list[str]:
    return [told["data"]["message"] for told in await socket.settle()]
