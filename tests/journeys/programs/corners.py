"""A program for the table of bad input: one walker for each way in which a call can go wrong."""

from datetime import date
from enum import Enum

from walkwire import Node, PublicError, Root, Walker, on_entry, root


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Note(Node):
    text: str = ""


class open_to_all(Walker):
    """For everybody, also those who have not signed in."""

    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def answer(self) -> None:
        self.report("here")


class typed(Walker):
    """Fields of several types, three of them required."""

    text: str
    number: int
    day: date
    colour: Colour = Colour.RED
    tags: list[str] = []

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def answer(self, here: Root) -> None:
        self.report(self.number)


class write_note(Walker):
    """Makes a note of one's own."""

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def write(self, here: Root) -> None:
        self.report(here.connect(Note("mine")))


class read_note(Walker):
    """Enters at a note."""

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def read(self, here: Note) -> None:
        self.report(here.text)


class post_only(Walker):
    """Not for the socket."""

    @on_entry
    def answer(self) -> None:
        self.report("over REST")


class hidden(Walker):
    """For other walkers only."""

    class __specs__:
        methods = ["websocket", "post"]
        private = True


class fail(Walker):
    """Raises what nobody expected, after it has written something."""

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def break_down(self, here: Root) -> None:
        here.connect(Note("never to be seen"))
        raise RuntimeError("the secret is 4711")


class sell(Walker):
    """Raises a public error."""

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def refuse(self, here: Root) -> None:
        raise PublicError("sold_out", "No tickets left", status=410)


class unprintable(Walker):
    """Reports what has no JSON form."""

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def answer(self, here: Root) -> None:
        here.connect(Note("never to be seen"))
        self.report(object())


class count_notes(Walker):
    """How many notes there are below one's root."""

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def count(self) -> None:
        self.report(len(root().out(Note)))
