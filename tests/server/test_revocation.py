"""Revoked tokens on several servers in one process: real hubs, accounts and conversations, and a broker in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack

import pytest

from tests.server.conftest import PlainHasher
from walkwire.account import revocation as module
from walkwire.account.auth import PUBLIC, Auth
from walkwire.account.password import Passwords
from walkwire.account.revocation import Revocation
from walkwire.account.session import Sessions
from walkwire.account.token import Tokens
from walkwire.account.user import Users
from walkwire.broker import Deliver, Returned
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import UnknownWalker
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.socket.loopback import Loopback
from walkwire.store import Asking, Store, UserRecord
from walkwire.wire.delivery.client import Term
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.wire import Wire

PASSWORD = "secret"


class Unsteady(MemoryBroker):
    """A broker that passes on what it was given a few turns of the loop later, or loses it."""

    loses = False

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        await super().start(deliver, returned)
        self.returned = returned

    def publish(self, topic: str, message: bytes) -> None:
        if not self.loses:
            self._later(random.randrange(20), topic, message)

    def _later(self, turns: int, topic: str, message: bytes) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._later, turns - 1, topic, message)
        else:
            super().publish(topic, message)


class Server:
    """What of a server has to do with tokens. `sockets` are all that were opened, each with the token it showed."""

    def __init__(self, store: Store, bus: Bus, stack: AsyncExitStack) -> None:
        tokens, passwords = Tokens(b"s" * 32), Passwords(PlainHasher())
        self.broker = Unsteady(bus)
        self.wire = Wire(self.broker)
        asking = Asking()
        self.revocation = Revocation(store, asking, self.wire.hub)
        self.auth = Auth(tokens, self.revocation)
        self.sessions = Sessions(store, asking, tokens, self.revocation)
        self.users = Users(store, asking, passwords, self.sessions, self.revocation)
        self.door = self.wire.door(self.dispatch, self.authenticate, lambda origin, host: True)
        self.sockets: list[tuple[Loopback, str]] = []
        self._stack = stack
        stack.push_async_callback(asking.close)
        stack.push_async_callback(self.revocation.stop)
        stack.push_async_callback(passwords.close)

    async def start(self) -> None:
        await self.wire.start(self.revocation.hear, self.revocation.recheck, self.revocation.hear_ended)
        self._stack.push_async_callback(self.wire.stop)

    async def dispatch(self, call: Call) -> bytes:
        raise UnknownWalker

    async def authenticate(self, token: str | None) -> SignIn:
        caller = await self.auth.authenticate(token)
        return NOBODY if caller is PUBLIC else SignIn(caller.root_id, Term(caller.session, caller.expires))

    async def token(self, user: UserRecord, password: str = PASSWORD) -> str:
        session = await self.users.login(user.email, password)
        assert session is not None
        return session.token

    async def open(self, token: str, by_event: bool = False) -> Loopback:
        """A socket that shows the token as it opens, or by an event afterwards, and is greeted."""
        socket = await self._stack.enter_async_context(Loopback(self.door, None if by_event else token))
        self.sockets.append((socket, token))
        await socket.receive()
        if by_event:
            await socket.send({"type": "change_user", "token": token})
            await socket.receive()
        return socket

    def signed_in(self, root_id: str, tokens: Collection[str]) -> int:
        """How many sockets that showed one of these are this user's."""
        return sum(
            token in tokens and socket.connection.client.root_id == root_id for socket, token in self.sockets
        )


Servers = tuple[Server, Server, Server]


@pytest.fixture
async def three(store: Store) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        bus = Bus()
        made = Server(store, bus, stack), Server(store, bus, stack), Server(store, bus, stack)
        for server in made:
            await server.start()
        yield made


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.001)


async def test_a_server_without_a_socket_of_the_user_hears_it_too_and_trusts_nothing_from_before(
    three: Servers,
) -> None:
    here, there, elsewhere = three
    user = await here.users.register("ada@example.com", PASSWORD)
    token = await here.token(user)
    for server in three:
        assert await server.auth.identify(token) is not None  # and is trusted from now on
    socket = await there.open(token)
    assert await here.users.change_password(user.id, PASSWORD, "better")
    await until(lambda: socket.connection.client.root_id == PUBLIC_ROOT)
    await until(lambda: elsewhere.revocation._trust[user.root_id].token_generation != 0)
    for server in three:
        assert await server.auth.identify(token) is None
        assert (await server.open(token)).connection.client.root_id == PUBLIC_ROOT
    new = await elsewhere.token(user, "better")
    for server in three:
        assert (await server.open(new)).connection.client.root_id == user.root_id


async def test_what_a_broken_broker_lost_is_found_out_when_it_is_back(three: Servers) -> None:
    here, there, _ = three
    user = await here.users.register("ada@example.com", PASSWORD)
    old = await there.open(await here.token(user))
    here.broker.loses = True
    assert await here.users.change_password(user.id, PASSWORD, "better")
    new = await here.open(await here.token(user, "better"))
    assert old.connection.client.root_id == user.root_id
    there.broker.returned()
    await until(lambda: old.connection.client.root_id == PUBLIC_ROOT)
    here.broker.returned()
    assert new.connection.client.root_id == user.root_id


async def test_a_socket_by_a_new_token_that_comes_before_the_message_stays(three: Servers) -> None:
    here, there, _ = three
    user = await here.users.register("ada@example.com", PASSWORD)
    old = await there.open(await here.token(user))
    here.broker.loses = True
    assert await here.users.change_password(user.id, PASSWORD, "better")
    new = await there.open(await there.token(user, "better"))
    assert (old.connection.client.root_id, new.connection.client.root_id) == (PUBLIC_ROOT, user.root_id)
    here.broker.loses = False
    here.wire.peers.tell_revoked(user.root_id, 1)
    await until(lambda: here.broker.counts.published > 0)
    await new.quiet()
    assert new.connection.client.root_id == user.root_id


async def test_a_log_out_ends_the_sockets_of_its_session_on_every_server_and_no_others(
    three: Servers,
) -> None:
    here, there, _ = three
    user = await here.users.register("ada@example.com", PASSWORD)
    mine, other = await here.token(user), await here.token(user)
    sockets = [await server.open(mine, by_event) for server in three for by_event in (False, True)]
    others = [await server.open(other) for server in three]
    caller = await there.auth.identify(mine)
    assert caller is not None
    await there.sessions.end(caller.root_id, caller.session, caller.expires)
    await until(lambda: all(each.connection.client.root_id == PUBLIC_ROOT for each in sockets))
    for server in three:
        assert await server.auth.identify(mine) is None
        assert (await server.open(mine)).connection.client.root_id == PUBLIC_ROOT
        assert (await server.open(other)).connection.client.root_id == user.root_id
    assert all(each.connection.client.root_id == user.root_id for each in others)


async def test_a_log_out_that_a_broken_broker_lost_is_found_out_when_it_is_back(three: Servers) -> None:
    here, there, _ = three
    user = await here.users.register("ada@example.com", PASSWORD)
    mine, other = await here.token(user), await here.token(user)
    old, stays = await there.open(mine), await there.open(other)
    here.broker.loses = True
    caller = await here.auth.identify(mine)
    assert caller is not None
    await here.sessions.end(caller.root_id, caller.session, caller.expires)
    assert old.connection.client.root_id == user.root_id
    there.broker.returned()
    await until(lambda: old.connection.client.root_id == PUBLIC_ROOT)
    assert stays.connection.client.root_id == user.root_id


@pytest.mark.parametrize("seed", range(6))
async def test_sockets_that_are_opened_while_sessions_end_one_after_the_other(
    three: Servers, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each log-out every socket of its session becomes public, wherever and however it was opened, and no other does."""
    monkeypatch.setattr(module, "SHOWN_SECONDS", 0.02 if seed % 2 else 5.0)
    dice = random.Random(seed)
    user = await three[0].users.register("ada@example.com", PASSWORD)
    tokens = [await three[0].token(user) for _ in range(10)]
    lasting, ended = list(tokens), list[str]()
    is_over = False

    async def open_sockets() -> None:
        while not is_over:
            server, token = dice.choice(three), dice.choice(tokens)
            if dice.random() < 0.3:
                await server.auth.identify(token)
            else:
                await server.open(token, by_event=dice.random() < 0.5)
            await asyncio.sleep(dice.choice((0, 0, 0.002)))

    opening = [asyncio.create_task(open_sockets()) for _ in range(6)]
    for _ in range(8):
        await asyncio.sleep(dice.random() * 0.02)
        token, server = lasting.pop(dice.randrange(len(lasting))), dice.choice(three)
        caller = await server.auth.identify(token)
        assert caller is not None
        await server.sessions.end(caller.root_id, caller.session, caller.expires)
        ended.append(token)
        assert await server.auth.identify(token) is None
    is_over = True
    await asyncio.gather(*opening)
    await until(lambda: not sum(each.signed_in(user.root_id, ended) for each in three))
    shown = sum(token in lasting for each in three for _, token in each.sockets)
    assert sum(each.signed_in(user.root_id, lasting) for each in three) == shown
    for each in three:
        assert [await each.auth.identify(token) for token in ended] == [None] * len(ended)


@pytest.mark.parametrize("seed", range(12))
async def test_sockets_that_are_opened_while_the_password_is_changed_again_and_again(
    three: Servers, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each change every older socket becomes public, wherever and however it was opened, and no newer one does."""
    monkeypatch.setattr(module, "SHOWN_SECONDS", 0.02 if seed % 2 else 5.0)
    dice = random.Random(seed)
    users = [await three[0].users.register(f"{name}@example.com", PASSWORD) for name in ("ada", "bob")]
    tokens = {user.root_id: [await three[0].token(user)] for user in users}
    is_over = False

    async def open_sockets() -> None:
        while not is_over:
            user, server = dice.choice(users), dice.choice(three)
            token = tokens[user.root_id][-1]
            if dice.random() < 0.3:
                await server.auth.identify(token)
            else:
                await server.open(token, by_event=dice.random() < 0.5)
            await asyncio.sleep(dice.choice((0, 0, 0.002)))

    opening = [asyncio.create_task(open_sockets()) for _ in range(6)]
    for number in range(8):
        user, server = dice.choice(users), dice.choice(three)
        mine = tokens[user.root_id]
        password = PASSWORD if len(mine) == 1 else f"password {len(mine)}"
        await asyncio.sleep(dice.random() * 0.02)
        assert await server.users.change_password(user.id, password, f"password {len(mine) + 1}")
        mine.append(await server.token(user, f"password {len(mine) + 1}"))
        if number % 3 == 2:
            root_id, old = user.root_id, tuple(mine[:-1])
            await until(lambda: not sum(each.signed_in(root_id, old) for each in three))  # noqa: B023
    is_over = True
    await asyncio.gather(*opening)
    for user in users:
        root_id, old, new = user.root_id, tokens[user.root_id][:-1], tokens[user.root_id][-1:]
        await until(lambda: not sum(each.signed_in(root_id, old) for each in three))  # noqa: B023
        shown = sum(token in new for each in three for _, token in each.sockets)
        assert sum(each.signed_in(root_id, new) for each in three) == shown
        for each in three:
            assert [await each.auth.identify(token) for token in old] == [None] * len(old)
            assert await each.auth.identify(new[0]) is not None
