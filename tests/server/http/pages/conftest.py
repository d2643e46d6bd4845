"""A program whose walkers declare what they report and tell, and its description."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import Server

PROGRAM = '''
from walkwire import Node, Root, Walker, current_client, on_entry, socket, specs
from walkwire.walk.archetypes.obj import Obj


class Card(Node):
    """A <b>card</b>."""

    text: str


@specs(methods=["post", "websocket"], auth=False, reports=Card, tells={"größe <i>": int, "card": Card})
class add(Walker):
    """Adds a card & says so."""

    text: str

    @on_entry
    def make(self, here: Root) -> None:
        card = here.connect(Card(text=self.text))
        socket.notify_clients([current_client()], {"type": "card", "data": card})
        self.report(card)


@specs(methods=["websocket"], entry_type="NODE")
class look(Walker):
    pass


class Thing(Obj):
    inside: "Thing | None"


@specs(methods=["websocket"])
class nest(Walker):
    thing: Thing


@specs(methods=["websocket"], entry_type="ROOT")
class later(Walker, background=True):
    pass
'''


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("described")
    (folder / "main.py").write_text(PROGRAM)
    with Server(folder / "main.py", folder) as server:
        yield server
