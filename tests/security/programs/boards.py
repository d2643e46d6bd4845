"""Boards whose changes are told in the channel of their reference, and rooms that walkers and functions guard."""

from __future__ import annotations

import asyncio
from typing import Any

from walkwire import (
    Node,
    Root,
    Walker,
    allow_root,
    authorize,
    current_client,
    delete,
    disallow_root,
    jid,
    on_entry,
    perm_grant,
    perm_revoke,
    root,
    socket,
)
from walkwire.ids import parse_root

asked: list[tuple[str, str, str]] = []  # of the function below


class Board(Node):
    text: str = ""


class Sealed(Node):
    """A board that decides by itself."""

    readers: list[str] = []

    def __jac_access__(self) -> Any:
        return "READ" if jid(root()) in self.readers else "NO_ACCESS"


class Open(Walker):
    class __specs__:
        methods = ["post", "websocket"]


class make_board(Open):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(jid(here.connect(Board())))


class make_sealed(Open):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(jid(here.connect(Sealed())))


class make_public_board(Walker):
    class __specs__:
        auth = False

    @on_entry
    def make(self, here: Root) -> None:
        self.report(jid(here.connect(Board())))


class write(Open):
    text: str

    @on_entry
    def on(self, here: Board) -> None:
        here.text = self.text
        socket.notify_channels([jid(here)], {"type": "board", "data": self.text})


class tell(Open):
    channel_id: str

    @on_entry
    def run(self, here: Root) -> None:
        socket.notify_channels([self.channel_id], {"type": "told"})


class share(Open):
    """Give one user, or everybody, a level; None takes it back."""

    reader: str | None = None
    level: str | None = "READ"

    @on_entry
    def board(self, here: Board) -> None:
        self.grant(here)

    @on_entry
    def all(self, here: Root) -> None:
        self.grant(here)

    def grant(self, here: Node) -> None:
        if self.reader is None:
            perm_revoke(here) if self.level is None else perm_grant(here, self.level)
        elif self.level is None:
            disallow_root(here, self.reader)
        else:
            allow_root(here, self.reader, self.level)
        socket.notify_channels([jid(here)], {"type": "shared", "data": self.level})


class admit(Open):
    """A sealed board lets these read."""

    readers: list[str]

    @on_entry
    def on(self, here: Sealed) -> None:
        here.readers = self.readers


class remove(Open):
    @on_entry
    def on(self, here: Board) -> None:
        delete(here)
        socket.notify_channels([jid(here)], {"type": "removed"})


class enter(Open):
    """Put the caller's connection into a channel."""

    channel_id: str
    stays: bool = False

    @on_entry
    def run(self, here: Root) -> None:
        socket.join(current_client(), self.channel_id, stays=self.stays)
        self.report(current_client())


class put(Open):
    """Put any connection into a channel."""

    client_id: str
    channel_id: str
    stays: bool = False

    @on_entry
    def run(self, here: Root) -> None:
        socket.join(self.client_id, self.channel_id, stays=self.stays)


class invite(Open):
    channel_id: str
    seconds: float = 60
    guest: str | None = None

    @on_entry
    def run(self, here: Root) -> None:
        self.report(socket.channel_token(self.channel_id, seconds=self.seconds, root=self.guest))


class questions(Walker):
    """How often a function was asked about a channel."""

    channel_id: str

    @on_entry
    def count(self, here: Root) -> None:
        self.report(sum(one[2] == self.channel_id for one in asked))


@authorize("talk:*")
def may_talk(caller: Any, deed: str, channel_id: str) -> bool:
    asked.append((caller.root_id, deed, channel_id))
    return caller.is_authenticated and (deed == "join" or channel_id.endswith(caller.root_id))


@authorize("slow:*", seconds=60)
async def may_talk_slowly(caller: Any, deed: str, channel_id: str) -> bool:
    asked.append((caller.root_id, deed, channel_id))
    await asyncio.sleep(0.01)
    return bool(caller.is_authenticated)


@authorize("broken:*")
def fails(caller: Any, deed: str, channel_id: str) -> bool:
    raise RuntimeError("a secret")


@authorize("owned:*")
class owns(Walker):
    """The channel of a board belongs to whom the board belongs."""

    deed: str
    channel_id: str

    class __specs__:
        private = True

    @on_entry
    def decide(self, here: Root) -> None:
        self.report(parse_root(self.channel_id.removeprefix("owned:")) == here.__jac__.id)
