"""The program that walkwire serves while it is measured."""

from __future__ import annotations

import time

from walkwire import Node, Root, Walker, on_entry, socket, specs

for_all = specs(auth=False, methods=["websocket", "post"])
for_users = specs(methods=["websocket", "post"])


class Item(Node):
    text: str


class Shelf(Node):
    count: int = 0


@for_all
class nothing(Walker):
    """Does nothing."""

    @on_entry
    def enter(self, here: Root) -> None: ...


@for_users
class nothing_signed_in(Walker):
    """Does nothing, for users only."""

    @on_entry
    def enter(self, here: Root) -> None: ...


@for_all
class nothing_async(Walker):
    """Does nothing, on the programs' event loop."""

    @on_entry
    async def enter(self, here: Root) -> None: ...


@for_all
class make(Walker):
    """Makes and connects one node, at the root or at a shelf."""

    text: str

    @on_entry
    def enter(self, here: Root | Shelf) -> None:
        self.report(here.connect(Item(text=self.text)))


@for_all
class plant(Walker):
    """Makes a shelf with ten items, and reports it."""

    @on_entry
    def enter(self, here: Root) -> None:
        shelf = here.connect(Shelf())
        for number in range(10):
            shelf.connect(Item(text=f"item {number}"))
        self.report(shelf)


@for_all
class read(Walker):
    """Reads a shelf of ten."""

    @on_entry
    def enter(self, here: Shelf) -> None:
        self.report([item.text for item in here.out(Item)])


@for_all
class ends(Walker):
    """Reads the first and the last ten items of a shelf, of however many."""

    @on_entry
    def enter(self, here: Shelf) -> None:
        self.report([item.text for limit in (10, -10) for item in here.out(Item, limit=limit)])


@for_all
class change(Walker):
    """Changes one field of a shelf."""

    @on_entry
    def enter(self, here: Shelf) -> None:
        here.count += 1
        self.report(here.count)


@for_all
class tell(Walker):
    """Notifies a channel."""

    text: str

    @on_entry
    def enter(self, here: Root) -> None:
        socket.notify_channels(["room"], {"text": self.text})


@for_all
class compute(Walker):
    """Keeps a core busy with Python."""

    seconds: float

    @on_entry
    def enter(self, here: Root) -> None:
        end = time.perf_counter() + self.seconds
        number = 0
        while time.perf_counter() < end:
            for _ in range(10_000):
                number = (number * 31 + 7) % 1_000_003
        self.report(number)


@for_all
class make_and_tell(Walker):
    """Makes and connects one node, and tells a channel."""

    text: str
    channel_id: str

    @on_entry
    def enter(self, here: Root) -> None:
        self.report(here.connect(Item(text=self.text)))
        socket.notify_channels([self.channel_id], {"text": self.text})
