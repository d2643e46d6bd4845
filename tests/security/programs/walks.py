"""A program for the attacks on walks: fields that hold anything, references between records, and walks inside walks."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from walkwire import (
    Node,
    Root,
    Walker,
    allow_root,
    commit,
    create_task,
    delete,
    jid,
    jobj,
    on_entry,
    perm_grant,
)
from walkwire.walk.archetypes.obj import Obj

NOBODY = "n:Secret:" + "0" * 24
ARRIVED: list[int] = []
STARTED: list[str] = []


class Thing(Obj):
    name: str = ""


class Secret(Node):
    text: str = "nobody else reads this"


class Board(Node):
    title: str = ""


class Note(Node):
    """`mixed` may hold a dictionary or an archetype."""

    anything: Any = None
    mixed: "Thing | Secret | dict[str, Any] | None" = None
    table: dict[str, Any] = {}


class Link(Node):
    number: int = 0
    next: "Link | None" = None
    others: "list[Link | None]" = []


class Open(Walker):
    """What all walkers here have in common."""

    class __specs__:
        methods = ["websocket", "post"]


class make_board(Open):
    @on_entry
    def make(self, here: Root) -> None:
        board = here.connect(Board("the board"))
        perm_grant(board, "CONNECT")
        self.report(jid(board))


class make_secret(Open):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(jid(here.connect(Secret())))


class pin(Open):
    """Anybody pins a note with whatever they like."""

    anything: Any = None
    mixed: dict[str, Any] = {}
    table: dict[str, Any] = {}

    @on_entry
    def pin(self, here: Board) -> None:
        note = Note(self.anything, self.mixed, self.table)
        here.connect(note)
        perm_grant(note, "READ")


class read_board(Open):
    """Reports the notes, as a third person sees them."""

    @on_entry
    def read(self, here: Board) -> None:
        for note in here.out(Note):
            self.report([note.anything, note.mixed, note.table])


class make_chain(Open):
    """Reports the references of the links, the head first; each one holds the next one in two fields."""

    length: int
    readable_by_all: bool = True

    @on_entry
    def make(self, here: Root) -> None:
        links = [here.connect(Link(number)) for number in range(self.length)]
        for link, behind in pairwise(links):
            link.next, link.others = behind, [behind, None, links[0]]
        for link in links:
            if self.readable_by_all:
                perm_grant(link, "READ")
        self.report([jid(link) for link in links])


class share(Open):
    """Lets one user write here."""

    root: str

    @on_entry
    def share(self, here: Link) -> None:
        allow_root(here, self.root, "WRITE")


class read_link(Open):
    @on_entry
    def read(self, here: Link) -> None:
        others = [None if one is None else one.number for one in here.others]
        self.report([here.number, None if here.next is None else here.next.number, others])


class print_link(Open):
    @on_entry
    def print(self, here: Link) -> None:
        self.report(here)


class renumber(Open):
    """Changes another field than those with the references, which it has read."""

    number: int

    @on_entry
    def renumber(self, here: Link) -> None:
        assert here.next is None
        assert len(here.others) == 3
        here.number = self.number


class unlink(Open):
    @on_entry
    def unlink(self, here: Link) -> None:
        here.next = None
        here.others.remove(None)


class remove(Open):
    @on_entry
    def remove(self, here: Link) -> None:
        delete(here)


class take(Open):
    """Takes a board, and no other thing."""

    board: Board
    more: list[Board] = []

    @on_entry
    def take(self) -> None:
        self.report(self.board.title)


class inner(Open):
    @on_entry
    def plain(self, here: Root) -> None:
        assert here.out(Secret) == []


class middle(Open):
    """Waits until so many are here: then each of them holds a thread."""

    at_once: int

    @on_entry
    async def between(self, here: Root) -> None:
        ARRIVED.append(1)
        while len(ARRIVED) < self.at_once:  # noqa: ASYNC110 - an Event would have to be made on this loop
            await asyncio.sleep(0.01)
        await inner().aspawn(here)
        await asyncio.gather(inner().aspawn(here), inner().aspawn(here))


class outer(Open):
    """Plain, then async, then plain again."""

    at_once: int

    @on_entry
    def outside(self, here: Root) -> None:
        middle(self.at_once).spawn(here)
        self.report("done")


class count(Open):
    """Counts up on a board, and commits in the middle of an async ability."""

    @on_entry
    async def count(self, here: Board) -> None:
        here.title += "+"
        await asyncio.sleep(0.02)  # one that is retried holds locks meanwhile, for which others wait
        commit()
        await asyncio.sleep(0.02)
        self.report("counted")


class nap(Open):
    """An async ability that needs nothing from the database."""

    @on_entry
    async def nap(self, here: Root) -> None:
        await asyncio.sleep(0)
        self.report("awake")


class linger(Open):
    """Keeps a thread until a file is there, and tells in which order such walks began."""

    name: str
    file: str

    @on_entry
    def linger(self) -> None:
        STARTED.append(self.name)
        while not Path(self.file).exists():
            time.sleep(0.01)
        self.report(list(STARTED))


class linger_anonymously(linger):
    class __specs__:
        methods = ["websocket", "post"]
        auth = False


class find(Open):
    """Looks for a record by its reference."""

    reference: str

    @on_entry
    def find(self) -> None:
        self.report(jobj(self.reference) is None)


class plan(Open):
    """Orders a walk for tomorrow."""

    @on_entry
    def plan(self, here: Root) -> None:
        create_task(find(NOBODY), date=datetime.now(UTC) + timedelta(days=1))
        here.connect(Board("planned"))


class boards(Open):
    @on_entry
    def boards(self, here: Root) -> None:
        self.report(len(here.out(Board)))
