"""A program with a walker for every way in which a request carries fields: body, path, query, files, webhook keys, sockets."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any

from fastapi import UploadFile
from pydantic import BaseModel

from walkwire import BaseUser, Node, Root, Walker, on_entry


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    """A model inside a walker's fields."""

    name: str
    count: int = 1
    parts: list[Item] = []


class Thing(Node):
    text: str = ""


class User(BaseUser):
    """A user with a name, who can replace a lost password."""

    name: str = ""

    @staticmethod
    def send_reset_code(code: str, email: str) -> None:
        """Drop the code: nobody reads it here."""


class anything(Walker):
    """Takes any JSON, from everybody."""

    data: Any = None
    texts: list[str] = []

    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def answer(self) -> None:
        self.report("here")


class typed(Walker):
    """Fields of many types."""

    text: str
    number: int = 0
    share: float = 0.0
    flag: bool = False
    day: date = date(2024, 2, 29)
    colour: Colour = Colour.RED
    items: list[Item] = []
    table: dict[str, int] = {}
    pair: tuple[int, str] = (0, "")
    choice: int | str | None = None

    class __specs__:
        methods = ["websocket", "post", "put"]

    @on_entry
    def answer(self, here: Root) -> None:
        self.report(self.number)


class echo(Walker):
    """Reports what it was given."""

    data: Any = None

    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def answer(self) -> None:
        self.report(self.data)


class search(Walker):
    """All fields in the query."""

    text: str = ""
    tags: list[str] = []
    numbers: list[int] = []
    day: date | None = None

    class __specs__:
        methods = ["get"]
        as_query = "*"
        auth = False

    @on_entry
    def answer(self) -> None:
        self.report(self.text)


class stop(Walker):
    """A field in the path, one in the query, one in the body."""

    name: str
    number: int
    lang: str = "en"

    class __specs__:
        methods = ["post"]
        path = "stops/{name}"
        as_query = ["lang"]
        auth = False

    @on_entry
    def answer(self) -> None:
        self.report(self.name)


class upload(Walker):
    """A file, several files, and JSON beside them."""

    picture: UploadFile
    pages: list[UploadFile] = []
    title: str = ""
    tags: list[str] = []

    class __specs__:
        methods = ["post"]
        auth = False

    @on_entry
    def answer(self) -> None:
        self.report(self.title)


class upload_mine(Walker):
    """A file of a user."""

    picture: UploadFile

    @on_entry
    def answer(self, here: Root) -> None:
        self.report(self.picture.filename)


class hooked(Walker):
    """Called by a webhook key in a header."""

    text: str = ""

    class __specs__:
        webhook = {"type": "header", "name": "X-Hook-Key"}

    @on_entry
    def answer(self) -> None:
        self.report(self.text)


class hooked_by_body(Walker):
    """Called by a webhook key in the body."""

    text: str = ""

    class __specs__:
        webhook = {"type": "body", "name": "hook"}

    @on_entry
    def answer(self) -> None:
        self.report(self.text)


class hooked_by_path(Walker):
    """Called by a webhook key in the path."""

    text: str = ""

    class __specs__:
        path = "{hook}"
        webhook = {"type": "path", "name": "hook"}

    @on_entry
    def answer(self) -> None:
        self.report(self.text)


class plant(Walker):
    """Connects nodes to the caller's root."""

    count: int

    class __specs__:
        methods = ["websocket", "post"]

    @on_entry
    def connect(self, here: Root) -> None:
        for number in range(min(self.count, 5000)):
            here.connect(Thing(str(number)))


class read_thing(Walker):
    """Enters at a node."""

    class __specs__:
        methods = ["websocket", "get", "post"]

    @on_entry
    def read(self, here: Thing) -> None:
        self.report(here.text)
