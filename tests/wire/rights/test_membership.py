"""Who is in which channels, by rights that the test gives: what is known, what has to be asked, and what changes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest

from tests.wire.conftest import ANN, BOB, House, settle
from walkwire.errors import Busy
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.socket.loopback import Loopback
from walkwire.wire.delivery.client import Client
from walkwire.wire.message.notification import Notification
from walkwire.wire.policy import Policies
from walkwire.wire.rights import membership
from walkwire.wire.rights.rights import Deed


class Given:
    """Rights over channels whose id begins with `n:` (they follow a node) or `room:` (they have a rule).

    - readers, allowed: who may, by channel
    - gate: questions wait for it
    - error: what a question raises
    """

    has_rules = True

    def __init__(self) -> None:
        self.readers: dict[str, set[str]] = {}
        self.is_known = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.watched: list[str] = []
        self.heard: list[bytes] = []
        self.asked = 0

    def covers(self, channel_id: str) -> bool:
        return channel_id.startswith(("n:", "room:"))

    def follows(self, channel_id: str) -> bool:
        return channel_id.startswith("n:")

    def allows(self, deed: Deed, client: Client, channel_id: str) -> bool | None:
        return client.root_id in self.readers.get(channel_id, ()) if self.is_known else None

    async def ask(self, deed: Deed, client: Client, channel_ids: Collection[str]) -> frozenset[str]:
        self.asked += 1
        root_id = client.root_id
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return frozenset(id for id in channel_ids if root_id not in self.readers.get(id, ()))

    def root_of(self, channel_id: str, token: str) -> str | None:
        return token.removeprefix(f"{channel_id} for ") if token.startswith(channel_id) else None

    def watch(self, channel_id: str) -> None:
        self.watched.append(channel_id)

    def unwatch(self, channel_id: str) -> None:
        self.watched.remove(channel_id)

    def hear(self, data: bytes) -> None:
        self.heard.append(data)


@pytest.fixture
def rights(house: House) -> Given:
    made = Given()
    house.hub.membership.use(made)
    return made


async def hears(house: House, socket: Loopback, channel_id: str) -> bool:
    house.hub.notify(Notification("channels", (channel_id,), b'{"n":1}'))
    return bool(await socket.quiet())


async def ask(socket: Loopback, event: dict[str, Any]) -> Any:
    await socket.send(event | {"id": 1})
    reply = await socket.receive()
    return True if reply["ok"] else reply["error"]["code"]


async def test_a_client_is_greeted_when_it_is_known_whether_it_may_hear(house: House, rights: Given) -> None:
    rights.is_known, rights.readers["n:B:1"] = False, {ANN}
    rights.gate.clear()
    async with Loopback(house.door, "ann", "n:B:1") as socket:
        await settle()
        house.hub.notify(Notification("channels", ("n:B:1",), b'{"n":0}'))
        house.hub.notify(Notification("users", (ANN,), b'{"u":0}'))
        rights.gate.set()
        assert (await socket.receive())["type"] == "connection"
        assert await socket.receive() == {"u": 0}
        assert await hears(house, socket, "n:B:1")
        assert rights.watched == ["n:B:1"]
    await settle()
    assert rights.watched == []


async def test_one_who_may_not_hear_is_kept_out_until_that_changes(house: House, rights: Given) -> None:
    rights.readers["n:B:1"] = set()
    socket = await house.open("ann", "n:B:1")
    assert not await hears(house, socket, "n:B:1")
    rights.readers["n:B:1"].add(ANN)
    house.hub.membership.review("n:B:1")
    assert await hears(house, socket, "n:B:1")
    assert house.hub.membership.users_in("n:B:1") == {ANN}
    rights.readers["n:B:1"].clear()
    house.hub.membership.review("n:B:1")
    assert not await hears(house, socket, "n:B:1")
    # What is not known changes nothing
    rights.is_known = False
    house.hub.membership.review("n:B:1")
    assert not await hears(house, socket, "n:B:1")


async def test_a_client_of_version_2_is_told_when_it_may_hear_and_when_not(
    house: House, rights: Given
) -> None:
    rights.readers["n:B:1"] = {ANN}
    ann = await house.connect("ann", "n:B:1")
    rights.readers["n:B:1"].clear()
    house.hub.membership.review("n:B:1")
    assert await ann.heard() == [{"type": "left", "channel_id": "n:B:1", "reason": "forbidden"}]
    rights.readers["n:B:1"].add(ANN)
    house.hub.membership.review("n:B:1")
    (joined,) = await ann.heard()
    assert (joined["type"], joined["channel_id"]) == ("joined", "n:B:1")
    # A walker puts it into a channel that has to be asked about
    rights.readers["n:B:2"], rights.is_known = {ANN}, False
    house.hub.join(ann.who["client_id"], "n:B:2")
    await settle()
    (joined,) = await ann.heard()
    assert (joined["type"], joined["channel_id"]) == ("joined", "n:B:2")


async def test_very_many_are_reviewed_a_part_in_each_turn(
    house: House, rights: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "REVIEWED", 2)
    rights.readers["n:B:1"] = {ANN}
    sockets = [await house.open("ann", "n:B:1") for _ in range(5)]
    rights.readers["n:B:1"].clear()
    house.hub.membership.review("n:B:1")
    await settle()
    assert not any([await hears(house, socket, "n:B:1") for socket in sockets])


async def test_a_client_that_changes_its_user_while_it_is_asked_is_not_let_in(
    house: House, rights: Given
) -> None:
    rights.is_known, rights.readers["n:B:1"] = False, {ANN}
    socket = await house.open("ann")
    client = socket.connection.client
    rights.gate.clear()
    await socket.send({"type": "join", "channel_ids": ["n:B:1"], "id": 1})
    await settle()
    house.hub.sign_out(ANN)  # its tokens were revoked
    rights.gate.set()
    assert (await socket.receive())["error"]["code"] == "refused"
    assert client.root_id == PUBLIC_ROOT
    assert not await hears(house, socket, "n:B:1")


async def test_a_question_that_fails_lets_nobody_in(house: House, rights: Given) -> None:
    rights.is_known, rights.readers["n:B:1"] = False, {ANN}
    rights.error = Busy()
    socket = await house.open("ann", "n:B:1")
    assert not await hears(house, socket, "n:B:1")
    assert await ask(socket, {"type": "join", "channel_ids": ["n:B:1"]}) == "busy"
    rights.error = None
    assert await ask(socket, {"type": "join", "channel_ids": ["n:B:1"]}) is True
    assert await hears(house, socket, "n:B:1")


async def test_a_client_that_goes_while_it_is_asked_leaves_nothing_behind(
    house: House, rights: Given
) -> None:
    rights.is_known, rights.readers["n:B:1"] = False, {ANN}
    socket = await house.open("ann")
    rights.gate.clear()
    await socket.send({"type": "join", "channel_ids": ["n:B:1"]})
    house.hub.join(socket.connection.client.id, "n:B:2")
    await settle()
    socket.leave()
    await settle()
    rights.gate.set()
    await settle()
    assert rights.watched == []
    assert house.hub.audiences == 0


async def test_the_same_user_stays_without_a_question(house: House, rights: Given) -> None:
    rights.readers["n:B:1"] = {ANN, BOB}
    socket = await house.open("ann", "n:B:1")
    for token in ("ann", "bob"):
        assert await ask(socket, {"type": "change_user", "token": token}) is True
    assert rights.asked == 0
    assert await hears(house, socket, "n:B:1")


async def test_a_walker_makes_members_of_rooms_for_one_user_or_for_good(house: House, rights: Given) -> None:
    socket = await house.open("ann")
    client_id = socket.connection.client.id
    house.hub.join(client_id, "room:1")
    house.hub.join(client_id, "room:2", stays=True)
    assert await hears(house, socket, "room:1")
    assert await ask(socket, {"type": "change_user", "token": "bob"}) is True
    assert not await hears(house, socket, "room:1")
    assert await hears(house, socket, "room:2")
    house.hub.leave(client_id, "room:2")
    assert await ask(socket, {"type": "join", "channel_ids": ["room:2"]}) == "refused"


async def test_a_token_of_the_same_user_and_channel_lets_in(house: House, rights: Given) -> None:
    socket = await house.open("ann")
    for token, answer in (
        ("room:1 for " + BOB, "refused"),
        ("room:2 for " + ANN, "refused"),
        ("room:1 for " + ANN, True),
    ):
        event = {"type": "join", "channel_ids": ["room:1"], "tokens": {"room:1": token}}
        assert await ask(socket, event) == answer
    # It does not replace the right on a node
    event = {"type": "join", "channel_ids": ["n:B:1"], "tokens": {"n:B:1": "n:B:1 for " + ANN}}
    assert await ask(socket, event) == "refused"


async def test_one_who_was_put_there_for_good_stays_whatever_the_policy_says(
    build: Callable[..., Awaitable[House]],
) -> None:
    house = await build(policies=Policies(join="authenticated"))
    socket = await house.open("ann")
    house.hub.join(socket.connection.client.id, "den")
    house.hub.join(socket.connection.client.id, "hall", stays=True)
    assert await ask(socket, {"type": "change_user"}) is True
    assert not await hears(house, socket, "den")
    assert await hears(house, socket, "hall")


async def test_changed_rights_are_heard_here_and_there(house: House, rights: Given) -> None:
    house.hub.change_rights(b"[]")
    assert rights.heard == [b"[]"]
