"""A town's buses: stops joined by roads, a board that everybody watches, and a task."""

from __future__ import annotations

from typing import ClassVar

from walkwire import Edge, Node, Root, Walker, on_entry, on_exit, socket


class Stop(Node):
    name: str = ""
    waiting: int = 0


class Line(Node):
    name: str = ""


class Road(Edge):
    minutes: int = 1


class build(Walker):
    """Build a line with stops."""

    line: str = "Red"
    stops: list[str] = ["Harbour", "Market", "Station"]

    class __specs__:
        methods: ClassVar = ["post", "websocket"]
        auth = False

    @on_entry
    def build(self, here: Root) -> None:
        at: Node = here.connect(Line(self.line))
        for name in self.stops:
            at = at.connect(Stop(name), Road(3))
        self.report(here)


class board(Walker):
    """Count somebody who waits at each stop, and tell the board."""

    people: int = 1

    class __specs__:
        methods: ClassVar = ["post", "websocket"]
        auth = False

    @on_entry
    def start(self, here: Root) -> None:
        self.visit(here.out(Line))

    @on_entry
    def along(self, here: Line) -> None:
        self.visit(here.out(Stop))

    @on_entry
    def count(self, here: Stop) -> None:
        here.waiting += self.people
        socket.notify_channels(["board"], {"stop": here.name, "waiting": here.waiting})
        self.visit(here.out(Stop))

    @on_exit
    def say(self, here: Stop) -> None:
        self.report({here.name: here.waiting})


class recount(Walker, background=True):
    """Count everything again, later."""

    class __specs__:
        auth = False

    @on_entry
    def count(self, here: Root) -> None:
        self.report("done")


class every_night(Walker):
    """Close the town."""

    class __specs__:
        private = True
        schedule: ClassVar = {"trigger": "cron", "hour": 3}

    @on_entry
    def close(self, here: Root) -> None: ...


class log_in(Walker):
    """Take a password, which nobody else is to see."""

    name: str
    password: str = ""

    @on_entry
    def look(self, here: Root) -> None: ...
