"""A program whose names are hostile, and its shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from walkwire.program import load_alone
from walkwire.types.shapes import ProgramShapes, shapes_of

PROGRAM = '''
from enum import Enum
from typing import Literal, TypedDict

from fastapi import UploadFile

from walkwire import Edge, Node, Root, Walker, current_client, on_entry, socket, specs
from walkwire.walk.archetypes.obj import Obj


class Colour(Enum):
    RED = "red"
    BLUE = 2


class Message(Obj):
    """What is said."""

    text: str
    replies: list["Message"] = []


class Card(Node):
    """A card. */ `${x}` \\"\\"\\" \\\\ """

    title: str
    colour: Colour = Colour.RED
    list: str = ""
    point: tuple[int, str] = (1, "a")


class Wrote(Edge):
    likes: int = 0


class Moved(TypedDict, total=False):
    card: Card
    by: str


class vote(Walker):
    """Votes.

    Twice, if need be.
    """

    choice: Literal["tea", "coffee"]
    weight: int = 1
    colour: Colour | None = None
    card: Card | None = None
    message: Message | None = None
    secret: str = ""

    class __specs__:
        methods = ["post", "websocket"]
        excluded = ["secret"]
        auth = False
        reports = "Card | int"
        tells = {"chat": Message, "moved": Moved, "odd 'name\\"\\n\\u2028*/": int}

    @on_entry
    def count(self, here: Root) -> None:
        self.report(Card("a") if self.choice == "tea" else self.weight)
        told = {"type": "chat", "data": Message(self.choice)}
        socket.notify_clients([current_client()], told)
        socket.notify_clients([current_client()], {"type": "moved", "data": {"by": "ada"}})
        socket.notify_clients([current_client()], {"type": ["no name"]})


class upload(Walker):
    file: UploadFile

    class __specs__:
        methods = ["post", "websocket"]


@specs(methods=["websocket"], reports=Card, tells={"chat": Message})
class string(Walker):
    größe: int = 1


class interface(Walker, background=True):
    class __specs__:
        methods = ["websocket"]


class _Client(Walker):
    class __specs__:
        methods = ["websocket"]


class hidden(Walker):
    class __specs__:
        private = True


@specs(methods=["get"], reports=list[Card])
class read(Walker):
    pass
'''


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("typed") / "main.py"
    file.write_text(PROGRAM)
    return file


@pytest.fixture
def shapes(program: Path) -> ProgramShapes:
    return shapes_of(load_alone(program))
