"""Multiplayer cursors: clients tell each other where they point, and the program decides who may, and by which name."""

import re

from walkwire import Node, PublicError, Root, Walker, authorize, on_entry, presence_info, socket

ROOM = re.compile(r"room:[\w-]{1,40}")
MOST = 50  # people in a room


class Person(Node):
    """What others see of a user."""

    name: str
    colour: str


class introduce(Walker):
    """Give oneself a name and a colour. Reports both."""

    name: str
    colour: str = "#4453b8"

    class __specs__:
        methods = ["post", "websocket"]
        entry_type = "ROOT"

    @on_entry
    def note(self, here: Root) -> None:
        name = self.name.strip()
        if not 1 <= len(name) <= 30:
            raise PublicError("bad_name", "A name has 1 to 30 characters", status=422)
        if not re.fullmatch(r"#[0-9a-f]{6}", self.colour):
            raise PublicError("bad_colour", "A colour is # and six digits", status=422)
        found = here.out(Person)
        person = found[0] if found else here.connect(Person(name=name, colour=self.colour))
        person.name, person.colour = name, self.colour
        self.report({"name": name, "colour": self.colour})


@presence_info
class shown(Walker):
    """Others see the name and the colour, whatever the client says."""

    class __specs__:
        private = True

    @on_entry
    def show(self, here: Root) -> None:
        for person in here.out(Person):
            self.report({"name": person.name, "colour": person.colour})


@authorize("room:*", seconds=60)
class may_point(Walker):
    """Who has a name may join a room and point in it, while there is a place."""

    channel_id: str

    class __specs__:
        private = True

    @on_entry
    def decide(self, here: Root) -> None:
        is_room = ROOM.fullmatch(self.channel_id) is not None
        self.report(is_room and bool(here.out(Person)) and socket.online(self.channel_id)["count"] < MOST)
