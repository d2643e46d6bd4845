"""A program that tells whom it is asked to tell, and keeps what it is given."""

import time
from pathlib import Path
from typing import Any

from walkwire import Node, Root, Walker, commit, on_entry, socket


class Note(Node):
    number: int


class Open:
    class __specs__:
        methods = ["websocket", "post"]
        auth = False


class tell(Open, Walker):
    kind: str
    targets: list[str]
    data: Any

    @on_entry
    def notify(self, here: Root) -> None:
        say = {
            "users": socket.notify_users,
            "channels": socket.notify_channels,
            "clients": socket.notify_clients,
        }
        say[self.kind](self.targets, self.data)


class there(Open, Walker):
    """Says who is in a channel, and which of these users are online."""

    channel_id: str
    roots: list[str] = []

    @on_entry
    def look(self, here: Root) -> None:
        self.report(socket.online(self.channel_id))
        self.report(socket.online_users(self.roots))


class bring(Open, Walker):
    """Takes a client into a channel, and tells the channel at once."""

    client_id: str
    channel_id: str
    data: Any

    @on_entry
    def move(self, here: Root) -> None:
        socket.join(self.client_id, self.channel_id)
        socket.notify_channels([self.channel_id], self.data)


class send_off(Open, Walker):
    client_id: str
    channel_id: str

    @on_entry
    def move(self, here: Root) -> None:
        socket.leave(self.client_id, self.channel_id)


class write(Open, Walker):
    """Keeps a number and tells a channel."""

    channel_id: str
    number: int

    @on_entry
    def keep(self, here: Root) -> None:
        here.connect(Note(number=self.number))
        socket.notify_channels([self.channel_id], {"number": self.number})
        self.report(self.number)


class written(Open, Walker):
    @on_entry
    def read(self, here: Root) -> None:
        self.report(sorted(note.number for note in here.out(Note)))


class Counter(Node):
    count: int = 0


class make_counter(Open, Walker):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(here.connect(Counter()))


class count_aloud(Open, Walker):
    """Counts on and tells the channel: of many at a time, all but one have to run again."""

    channel_id: str

    @on_entry
    def add(self, here: Counter) -> None:
        here.count += 1
        socket.notify_channels([self.channel_id], {"count": here.count})
        self.report(here.count)


class who_am_i(Walker):
    """Only for those who have signed in."""

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def tell(self, here: Root) -> None:
        self.report(True)


class write_when_let(Open, Walker):
    """Notes that it walks, in a file outside of the graph, keeps a number, and waits for a second file.

    `in_parts`: it commits the number before it waits.
    """

    number: int
    walks: str
    gate: str
    in_parts: bool = False

    @on_entry
    def keep(self, here: Root) -> None:
        with Path(self.walks).open("a") as walks:
            walks.write("walk\n")
        here.connect(Note(number=self.number))
        if self.in_parts:
            commit()
        while not Path(self.gate).exists():
            time.sleep(0.01)
        self.report(self.number)
