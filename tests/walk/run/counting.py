"""Walkers that count, for tests of what several walks do at once."""

from __future__ import annotations

from walkwire import (
    Node,
    Root,
    Walker,
    on_entry,
    socket,
)


class CountedNode(Node):
    n: int = 0


class Profile(Node):
    name: str = ""


class Account(Node):
    balance: int = 100


class make_counter(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(here.connect(CountedNode()))


class add_one(Walker):
    @on_entry
    def add(self, here: CountedNode) -> None:
        here.n += 1
        socket.notify_channels(["counter"], here.n)
        self.report(here.n)
