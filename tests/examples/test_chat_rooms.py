"""The chat rooms of `examples/chat_rooms`: members, files and live news, over REST and the socket of a server process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import EXAMPLES, PASSWORD, Person, Server, Socket

PROGRAM = EXAMPLES / "chat_rooms"
NOTES = ("notes.txt", b"Milk first?", "text/plain")
LEAVES = ("leaves.png", b"\x89PNG...", "image/png")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(PROGRAM, tmp_path_factory.mktemp("chat_rooms")) as server:
        yield server


async def guest(server: Server, name: str) -> Person:
    """Somebody who has introduced themselves."""
    person = await server.person(name, name=name)
    await server.walk("introduce", person.token, name=name)
    return person


async def room(server: Server, owner: Person, *members: Person) -> str:
    """A room that the members have joined."""
    id = str((await server.walk("open_room", owner.token, name="Tea"))[0]["id"])
    for member in members:
        await server.walk("invite", owner.token, id, root_id=member.root_id)
        await server.walk("join_room", member.token, id)
    return id


async def texts(server: Server, who: Person, room: str, newest: int = 50) -> list[str]:
    response = await server.request("GET", f"/walker/history/{room}?newest={newest}", who.token)
    return [message["text"] for message in response.json()["reports"][0]]


async def heard(socket: Socket, kind: str) -> Any:
    """The data of the next message, which is of this kind."""
    message = await socket.hear()
    assert message["type"] == kind, message
    return message["data"]


async def test_users_are_asked_for_their_name(server: Server) -> None:
    account = {"email": "new@example.com", "password": PASSWORD}
    nameless = await server.post("/user/register", account)
    assert (nameless.status_code, nameless.json()["detail"][0]["loc"]) == (422, ["body", "name"])
    assert (await server.post("/user/register", account | {"name": "Ada"})).status_code == 201
    user = (await server.post("/user/login", account)).json()["user"]
    assert user["name"] == "Ada"


async def test_a_room_is_opened_by_those_who_have_introduced_themselves(server: Server) -> None:
    stranger = await server.user(name="Ada")
    refused = await server.post("/walker/open_room", {"name": "Tea"}, stranger.token)
    assert (refused.status_code, refused.json()["reports"]) == (409, ["Introduce yourself first"])
    await server.walk("introduce", stranger.token, name="Ada")
    assert (await server.post("/walker/open_room", {"name": "Tea"}, stranger.token)).status_code == 201


async def test_who_is_invited_joins_and_the_room_hears_of_it(server: Server) -> None:
    ada, bob, eve = [await guest(server, name) for name in ("Ada", "Bob", "Eve")]
    tea = await room(server, ada)
    assert (await server.post(f"/walker/join_room/{tea}", token=bob.token)).status_code == 403
    async with (
        server.connect(bob.token) as bobs,
        server.connect(ada.token, tea) as adas,
        server.connect(eve.token) as eves,
    ):
        await server.walk("invite", ada.token, tea, root_id=bob.root_id)
        assert await heard(bobs, "invited") == {"id": tea}
        await bobs.say({"type": "walker", "walker": "join_room", "node": tea})
        assert await heard(adas, "joined") == {"name": "Bob"}
        assert await eves.settle() == []
    (rooms,) = (await server.request("GET", "/walker/my_rooms", bob.token)).json()["reports"]
    assert rooms == [{"id": tea, "name": "Tea", "members": ["Ada", "Bob"]}]
    invite = {"root_id": eve.root_id}
    refused = await server.post(f"/walker/invite/{tea}", invite, bob.token)
    assert refused.status_code == 403, "only its owner invites"


async def test_what_is_said_is_heard_in_the_room_and_kept(server: Server) -> None:
    ada, bob, eve = [await guest(server, name) for name in ("Ada", "Bob", "Eve")]
    tea = await room(server, ada, bob)
    async with server.connect(ada.token, tea) as adas, server.connect(bob.token, tea) as bobs:
        event = {"type": "walker", "walker": "say", "node": tea, "response": True, "context": {"text": "Hi"}}
        await bobs.say(event)
        said = await heard(adas, "said")
        assert (said["by"], said["text"]) == ("Bob", "Hi")
        assert await heard(bobs, "said") == said
        assert await bobs.hear() == {"status": 200, "reports": [said]}, "the answer comes after the news"
        await server.walk("say", ada.token, tea, text="Milk?")
        assert (await heard(bobs, "said"))["by"] == "Ada"
    assert await texts(server, bob, tea) == ["Hi", "Milk?"]
    assert await texts(server, bob, tea, newest=1) == ["Milk?"]
    found = await server.request("GET", "/walker/search/MILK", bob.token)
    assert [message["text"] for message in found.json()["reports"][0]] == ["Milk?"]
    for path in (f"/walker/say/{tea}", f"/walker/join_room/{tea}"):
        assert (await server.post(path, {"text": "x"}, eve.token)).status_code == 403
    assert (await server.request("GET", f"/walker/history/{tea}", eve.token)).status_code == 403


async def test_files_are_sent_and_fetched(server: Server) -> None:
    ada, bob = await guest(server, "Ada"), await guest(server, "Bob")
    tea = await room(server, ada, bob)
    parts = [
        ("files", NOTES),
        ("files", LEAVES),
        ("body", ("body.json", b'{"text": "Two files"}', "application/json")),
    ]
    async with server.connect(ada.token, tea) as adas:
        sent = await server.request("POST", f"/walker/send_files/{tea}", bob.token, files=parts)
        assert sent.status_code == 200, sent.text
        said = await heard(adas, "said")
        assert said["text"] == "Two files"
        for (name, content, media_type), file in zip((NOTES, LEAVES), said["files"], strict=True):
            assert file["name"] == name
            fetched = await server.request("GET", f"/walker/fetch_file/{file['id']}", ada.token)
            assert (fetched.headers["content-type"].partition(";")[0], fetched.content) == (
                media_type,
                content,
            )
        with_one = await server.request("POST", f"/walker/send_files/{tea}", bob.token, files=parts[:1])
        assert [file["name"] for file in with_one.json()["reports"][0]["files"]] == ["notes.txt"]


async def test_of_a_message_with_a_file_that_is_too_large_nothing_is_kept_or_heard(server: Server) -> None:
    ada = await guest(server, "Ada")
    tea = await room(server, ada)
    parts = [("files", NOTES), ("files", ("large.bin", b"x" * 70_000, "application/octet-stream"))]
    async with server.connect(ada.token, tea) as adas:
        failed = await server.request("POST", f"/walker/send_files/{tea}", ada.token, files=parts)
        assert failed.status_code == 500
        assert await adas.settle() == []
    assert await texts(server, ada, tea) == []


async def test_what_is_only_for_the_moment_goes_over_the_socket_alone(server: Server) -> None:
    ada, bob = await guest(server, "Ada"), await guest(server, "Bob")
    tea = await room(server, ada, bob)
    async with server.connect(ada.token, tea) as adas, server.connect(bob.token) as bobs:
        await bobs.say({"type": "walker", "walker": "typing", "node": tea})
        assert await bobs.hear() == {"type": "seen"}
        assert await heard(adas, "typing") == {"name": "Bob"}
        context = {"client_id": adas.client_id, "text": "Psst"}
        await bobs.say({"type": "walker", "walker": "whisper", "context": context})
        assert await heard(adas, "whisper") == {"text": "Psst"}
        assert await bobs.settle() == []
    assert (await server.post(f"/walker/typing/{tea}", token=bob.token)).status_code == 404


async def test_who_is_expelled_is_told_and_shut_out(server: Server) -> None:
    ada, bob = await guest(server, "Ada"), await guest(server, "Bob")
    tea = await room(server, ada, bob)
    assert (await server.post(f"/walker/expel/{tea}", {"root_id": ada.root_id}, bob.token)).status_code == 403
    async with server.connect(ada.token, tea) as adas, server.connect(bob.token) as bobs:
        assert await server.walk("expel", ada.token, tea, root_id=bob.root_id) == [["Ada"]]
        assert await heard(adas, "left") == {"name": "Bob"}
        assert await heard(bobs, "expelled") == {}
    assert (await server.post(f"/walker/say/{tea}", {"text": "But"}, bob.token)).status_code == 403


async def test_only_its_author_takes_a_message_back(server: Server) -> None:
    ada, bob = await guest(server, "Ada"), await guest(server, "Bob")
    tea = await room(server, ada, bob)
    (message,) = await server.walk("say", bob.token, tea, text="Oops")
    path = f"/walker/take_back/{message['id']}"
    assert (await server.request("DELETE", path, ada.token)).status_code == 403
    assert (await server.request("DELETE", path, bob.token)).json()["reports"] == [True]
    assert await texts(server, ada, tea) == []
    assert await texts(server, bob, tea) == ["Oops"], "it is still Bob's"


async def test_a_room_is_closed_with_a_transcript(server: Server) -> None:
    ada, bob = await guest(server, "Ada"), await guest(server, "Bob")
    tea = await room(server, ada, bob)
    await server.walk("say", ada.token, tea, text="Milk?")
    await server.walk("say", bob.token, tea, text="Please")
    assert (await server.request("PUT", f"/walker/archive/{tea}", bob.token)).status_code == 403
    async with server.connect(bob.token, tea) as bobs:
        closed = await server.request("PUT", f"/walker/archive/{tea}", ada.token)
        assert closed.headers["content-type"].startswith("text/plain")
        assert closed.text == "Ada: Milk?\nBob: Please"
        assert await heard(bobs, "closed") == {"lines": 2}
    late = await server.post(f"/walker/say/{tea}", {"text": "Wait"}, bob.token)
    assert (late.status_code, late.json()["reports"]) == (410, ["Tea is closed"])


async def test_rooms_and_files_outlive_a_restart(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path) as server:
        ada, bob = await guest(server, "Ada"), await guest(server, "Bob")
        tea = await room(server, ada, bob)
        sent = await server.request("POST", f"/walker/send_files/{tea}", ada.token, files=[("files", LEAVES)])
        (file,) = sent.json()["reports"][0]["files"]
    with Server(PROGRAM, tmp_path) as server:
        fetched = await server.request("GET", f"/walker/fetch_file/{file['id']}", bob.token)
        assert fetched.content == LEAVES[1]
        async with server.connect(bob.token, tea) as bobs:
            await server.walk("say", ada.token, tea, text="Back")
            assert (await heard(bobs, "said"))["text"] == "Back"
