"""Data and channels have one set of rights: random users, boards, grants, walks and sockets, against a model of ten lines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from walkwire.server.socket.loopback import Loopback
from walkwire.testing import Client, Served, serve

PROGRAM = Path(__file__).parent / "programs" / "boards.py"
NO_ACCESS, READ, CONNECT, WRITE = -1, 0, 1, 2
USERS, SOCKETS = 3, 3

user, board, socket = st.integers(0, USERS - 1), st.integers(0, 5), st.integers(0, SOCKETS - 1)
level = st.sampled_from(["NO_ACCESS", "READ", "CONNECT", "WRITE", None])
step = st.one_of(
    st.tuples(st.just("make"), user),
    st.tuples(st.just("share"), board, user | st.none(), level),
    st.tuples(st.just("share_root"), user, user | st.none(), level),
    st.tuples(st.just("remove"), board),
    st.tuples(st.just("write"), user, board),
    st.tuples(st.just("join"), socket, board),
    st.tuples(st.just("leave"), socket, board),
    st.tuples(st.just("send"), socket, board),
    st.tuples(st.just("change"), socket, user | st.none()),
    st.tuples(st.just("enter"), socket, board),
)


class Model:
    """Who may what. Users are numbers, the public one -1; `grants` are by board, or by user for the root, and by receiver."""

    def __init__(self) -> None:
        self.owners: dict[str, int] = {}
        self.grants: dict[Any, dict[int | None, int]] = {}

    def level(self, user: int, board: str) -> int:
        owner = self.owners.get(board)
        if owner is None:
            return NO_ACCESS
        if owner == user:
            return WRITE
        on_board, on_root = self.grants.get(board, {}), self.grants.get(owner, {})
        everybody = max(on_board.get(None, NO_ACCESS), on_root.get(None, NO_ACCESS))
        return on_board.get(user, on_root.get(user, everybody))


class World:
    """The served program beside the model. `channels` are what each socket has joined; `as_whom` is its user."""

    def __init__(self, app: Served, users: list[Client], sockets: list[Loopback]) -> None:
        self.model = Model()
        self.boards: list[str] = []
        self.channels: list[set[str]] = [set() for _ in sockets]
        self.as_whom = [-1] * len(sockets)
        self._app = app
        self._users = users
        self._sockets = sockets

    def board(self, number: int) -> str:
        return self.boards[number % len(self.boards)]

    def hearing(self, board: str) -> list[bool]:
        return [
            board in channels and self.model.level(user, board) >= READ
            for channels, user in zip(self.channels, self.as_whom, strict=True)
        ]

    async def make(self, user: int) -> None:
        made = str((await self._users[user].post("make_board")).reports[0])
        self.boards.append(made)
        self.model.owners[made] = user

    async def share(self, number: int, reader: int | None, level: str | None) -> None:
        board = self.board(number)
        owner = self.model.owners.get(board)
        if owner is not None:
            self._grant(board, reader, level)
            await self._share(owner, board, reader, level)
            await self.expect(self.hearing(board))

    async def share_root(self, owner: int, reader: int | None, level: str | None) -> None:
        self._grant(owner, reader, level)
        await self._share(owner, None, reader, level)

    async def remove(self, number: int) -> None:
        board = self.board(number)
        owner = self.model.owners.get(board)
        if owner is not None:
            heard = self.hearing(board)
            assert (await self._users[owner].post("remove", board)).status == 200
            del self.model.owners[board]
            await self.expect(heard)

    async def write(self, user: int, number: int) -> None:
        board = self.board(number)
        may = self.model.level(user, board) >= WRITE
        status = (await self._users[user].post("write", board, text=str(len(self.boards)))).status
        assert status == (200 if may else 403)
        # What the program tells beside that is heard by those who may read
        await self._users[user].post("tell", channel_id=board)
        await self.expect(self.hearing(board), 2 if may else 1)

    async def join(self, socket: int, number: int) -> None:
        board = self.board(number)
        may = self.model.level(self.as_whom[socket], board) >= READ
        is_in = await self.ask(socket, {"type": "join", "channel_ids": [board]})
        assert is_in == may
        if may:
            self.channels[socket].add(board)

    async def leave(self, socket: int, number: int) -> None:
        await self.ask(socket, {"type": "leave", "channel_ids": [self.board(number)]})
        self.channels[socket].discard(self.board(number))

    async def enter(self, socket: int, number: int) -> None:
        """A walker puts the socket into the channel, whatever the rights are."""
        if self.as_whom[socket] >= 0:
            context = {"channel_id": self.board(number)}
            assert await self.ask(socket, {"type": "walker", "walker": "enter", "context": context})
            self.channels[socket].add(self.board(number))
            await self._sockets[socket].quiet()  # its right is asked for in the background

    async def send(self, socket: int, number: int) -> None:
        board = self.board(number)
        may = self.model.level(self.as_whom[socket], board) >= CONNECT
        heard = self.hearing(board)
        heard[socket] = False  # the sender's own is taken with the reply
        event = {"type": "channel", "channel_ids": [board], "data": {"type": "note"}}
        assert await self.ask(socket, event) == may
        await self.expect(heard if may else [False] * len(heard))

    async def change(self, socket: int, user: int | None) -> None:
        token = None if user is None else self._users[user].token
        assert await self.ask(socket, {"type": "change_user", "token": token})
        self.as_whom[socket] = -1 if user is None else user

    async def ask(self, socket: int, event: dict[str, Any]) -> bool:
        await self._sockets[socket].send(event | {"id": 1})
        while "ok" not in (reply := await self._sockets[socket].receive()):
            pass
        return bool(reply["ok"])

    async def expect(self, heard: list[bool], count: int = 1) -> None:
        for socket, hears in zip(self._sockets, heard, strict=True):
            assert len(await socket.quiet()) == (count if hears else 0)

    def _grant(self, what: Any, reader: int | None, level: str | None) -> None:
        grants = self.model.grants.setdefault(what, {})
        grants.pop(reader, None)
        if level is not None:
            grants[reader] = {"NO_ACCESS": NO_ACCESS, "READ": READ, "CONNECT": CONNECT, "WRITE": WRITE}[level]

    async def _share(self, owner: int, board: str | None, reader: int | None, level: str | None) -> None:
        to = None if reader is None else self._users[reader].root_id
        assert (await self._users[owner].post("share", board, reader=to, level=level)).status == 200


class Running:
    """The program, served on a loop of its own for all examples."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.app = self.runner.run(self.stack.enter_async_context(serve(PROGRAM)))

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.close()


@pytest.mark.parametrize("examples", [10, pytest.param(100, marks=pytest.mark.long)])
def test_every_walk_join_and_message_is_allowed_as_the_model_says(examples: int, running: Running) -> None:
    @settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
    )
    @given(steps=st.lists(step, min_size=10, max_size=40))
    def play(steps: list[Any]) -> None:
        running.runner.run(_play(running, steps))

    play()


async def _play(running: Running, steps: list[Any]) -> None:
    async with AsyncExitStack() as stack:
        users = [await running.app.user() for _ in range(USERS)]
        sockets = [running.app.public().socket() for _ in range(SOCKETS)]
        for one in sockets:
            await stack.enter_async_context(one)
            await one.receive()
        world = World(running.app, users, sockets)
        await world.make(0)
        for number in range(SOCKETS):
            await world.change(number, number % USERS)
            await world.join(number, 0)
        for name, *arguments in steps:
            await getattr(world, name)(*arguments)
