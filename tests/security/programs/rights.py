"""A program for the attacks on rights: each walker here tries one route to a card, an edge or a drawer of somebody else.

`target` is a reference that a client gives. A walker that gets at the card reports its text, or "done".
"""

from typing import Any

from fastapi import UploadFile

from walkwire import (
    Edge,
    Node,
    Root,
    Walker,
    allow_root,
    create_task,
    delete,
    disallow_root,
    get_context,
    jid,
    jobj,
    on_entry,
    perm_grant,
    perm_revoke,
    root,
)
from walkwire.dialect.anchors import BaseAnchor, EdgeAnchor, NodeAnchor, reset_graph
from walkwire.dialect.hops import hop
from walkwire.dialect.printgraph import printgraph

KEPT: list[Any] = []


class Card(Node):
    text: str
    tags: list[str] = []

    @on_entry
    def greet(self, visitor: "greeted") -> None:
        visitor.report(self.text)


class Other(Node):
    name: str = ""


class Pinned(Edge):
    note: str = ""


class Holder(Node):
    """What a stranger owns: it held the card when that was allowed."""

    card: Card | None = None
    cards: list[Card | None] = []
    anything: Any = None


class Club(Node):
    """Its members may write. The rule reads a field that a walk may change."""

    members: list[str] = []
    title: str = ""

    def __jac_access__(self) -> str:
        return "WRITE" if root().__jac__.id in self.members else "READ"


class Open(Walker):
    class __specs__:
        methods = ["websocket", "post"]


class Target(Open):
    target: str


# The owner's


class make_card(Open):
    @on_entry
    def make(self, here: Root) -> None:
        card = here.connect(Card("the secret"), Pinned("a secret edge"))
        KEPT.append(card)
        self.report([jid(card), jid(here.edges(Pinned, node=Card)[-1])])


class make_club(Open):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(jid(here.connect(Club(title="the club"))))


class let(Target):
    """Gives one user a level, or takes it away."""

    to: str
    level: Any = None

    @on_entry
    def let(self, here: Root) -> None:
        card = here if self.target == "root" else jobj(self.target)
        if self.level is None:
            disallow_root(card, self.to)
        else:
            allow_root(card, self.to, self.level)


class drop(Target):
    @on_entry
    def drop(self, here: Root) -> None:
        delete(jobj(self.target))


class read_club(Target):
    @on_entry
    def read(self, here: Root) -> None:
        club = jobj(self.target)
        self.report([club.title, club.members])


# A stranger's: before


class hold(Target):
    """Puts the card into fields, and joins it, while that is allowed."""

    @on_entry
    def hold(self, here: Root) -> None:
        card = jobj(self.target)
        holder = here.connect(Holder(card, [card, None], {"deep": [card]}))
        holder.connect(card, Pinned())
        card.connect(holder, Pinned())
        self.report([jid(holder), jid(holder.edges(Pinned)[0])])


# Reading


class look(Open):
    @on_entry
    def look(self, here: Card) -> None:
        self.report(here.text)


class greeted(Open):
    """Its only ability is the card's own."""


class at_edge(Open):
    @on_entry
    def look(self, here: Pinned) -> None:
        self.report([here.note, here.source.text if isinstance(here.source, Card) else here.target.text])


class anywhere(Open):
    """Its ability has no class: it runs before the first place is entered."""

    @on_entry
    def look(self, here: Any) -> None:
        self.report(getattr(here, "text", None))


class refer(Target):
    @on_entry
    def look(self, here: Root) -> None:
        self.report(jobj(self.target).text)


class refer_twice(Target):
    """The second name of an id that a walk has met is as good as the first."""

    @on_entry
    def look(self, here: Root) -> None:
        for name in (self.target, self.target[-24:], f"n::{self.target[-24:]}", self.target):
            found = jobj(name)
            self.report([jid(found)[-24:], getattr(found, "text", None)] if found else None)


class refer_past(Target):
    """As `refer_twice`, after a traversal has met the card."""

    @on_entry
    def look(self, here: Holder) -> None:
        here.both(Card)
        found = jobj(self.target[-24:])
        self.report(getattr(found, "text", None))
        found.out()


class handle(Target):
    @on_entry
    def look(self, here: Root) -> None:
        self.report(BaseAnchor.ref(self.target).archetype.text)


class in_memory(Target):
    @on_entry
    def look(self, here: Root) -> None:
        found = get_context().mem.find_by_id(BaseAnchor.ref(self.target))
        self.report(found.archetype.text)  # type: ignore[union-attr]


class collected(Target):
    @on_entry
    def look(self, here: Root) -> None:
        found = NodeAnchor.Collection.find_one({"_id": self.target[-24:]})
        self.report(found.archetype.text)


class collected_by_owner(Target):
    """`target` is the owner's root."""

    @on_entry
    def look(self, here: Root) -> None:
        found = NodeAnchor.Collection.find({"root": self.target[-24:], "name": "Card"})
        self.report([one.archetype.text for one in found])
        self.report(NodeAnchor.Collection.count({"name": "Card"}))


class edges_collected(Target):
    @on_entry
    def look(self, here: Root) -> None:
        found = EdgeAnchor.Collection.find_one({"_id": self.target[-24:]})
        self.report([found.archetype.note, found.archetype.target])


class visits(Target):
    @on_entry
    def go(self, here: Root) -> None:
        self.visit(jobj(self.target))

    @on_entry
    def look(self, here: Card) -> None:
        self.report(here.text)


class spawns(Target):
    @on_entry
    def go(self, here: Root) -> None:
        look().spawn(jobj(self.target))


class takes(Open):
    card: Card
    more: list[Card] = []

    @on_entry
    def look(self) -> None:
        self.report(self.card)
        self.report(self.more)


class takes_with_file(Open):
    card: Card
    file: UploadFile

    @on_entry
    def look(self) -> None:
        self.report(self.card.text)


class held(Open):
    @on_entry
    def look(self, here: Holder) -> None:
        card = here.card or here.cards[0] or here.anything["deep"][0]
        self.report(None if card is None else card.text)


class held_in_report(Open):
    @on_entry
    def look(self, here: Holder) -> None:
        self.report(here)


class neighbours(Open):
    @on_entry
    def look(self, here: Holder) -> None:
        self.report([one.text for one in (*here.out(Card), *here.into(Card), *here.both(Card))])


class filtered(Open):
    @on_entry
    def look(self, here: Holder) -> None:
        found = [here.out(Card, text="the secret"), here.out(limit=1), here.into(Card, limit=-1)]
        found.append(hop(here, node_if=lambda one: one.text.startswith("the")))
        found.append(hop(here, "into", gives="steps")[1:])
        self.report([one.text for part in found for one in part if isinstance(one, Card)])


class ends(Open):
    @on_entry
    def look(self, here: Holder) -> None:
        self.report([edge.target.text for edge in here.edges(Pinned, note="")])


class edge_end(Target):
    @on_entry
    def look(self, here: Root) -> None:
        self.report(jobj(self.target).target.text)


class drawn(Open):
    @on_entry
    def look(self, here: Holder) -> None:
        self.report(printgraph(here, depth=1, format="json"))


class kept(Open):
    """A walk of the owner left its node in a global."""

    @on_entry
    def look(self, here: Root) -> None:
        self.report(KEPT[-1].__jac__.archetype.text)


class kept_visited(Open):
    @on_entry
    def look(self, here: Root) -> None:
        anywhere().spawn(KEPT[-1])


class tasked(Target):
    """A task that enters at a card; the card's reference is given as that of a root, for which nothing is asked."""

    @on_entry
    def order(self, here: Root) -> None:
        self.report(create_task(look(), jobj(f"n::{self.target[-24:]}")))


class later(Walker, background=True):
    @on_entry
    def look(self, here: Card) -> None:
        self.report(here.text)


class take_later(Walker, background=True):
    card: Card

    @on_entry
    def look(self, here: Root) -> None:
        self.report(self.card.text)


class outcome(Target):
    @on_entry
    def look(self, here: Root) -> None:
        done = jobj(self.target).__jac__.schedule
        self.report([done.status, done.reports, done.error])


class hooked(Walker):
    @on_entry
    def look(self, here: Card) -> None:
        self.report(here.text)

    class __specs__:
        webhook = {"type": "header", "name": "X-Hook"}


# Joining


class joins(Target):
    @on_entry
    def join(self, here: Root) -> None:
        here.connect(jobj(self.target))
        self.report("done")


class joins_from_afar(Target):
    @on_entry
    def join(self, here: Root) -> None:
        jobj(self.target).connect(here)
        self.report("done")


class adds(Target):
    @on_entry
    def add(self, here: Root) -> None:
        jobj(self.target).connect(Other("put there"))
        self.report("done")


class cuts(Open):
    @on_entry
    def cut(self, here: Holder) -> None:
        (card,) = here.out(Card)
        here.disconnect(card)
        self.report("done")


class cuts_edge(Target):
    @on_entry
    def cut(self, here: Root) -> None:
        delete(jobj(self.target))
        self.report("done")


# Writing


class assigns(Target):
    @on_entry
    def write(self, here: Root) -> None:
        jobj(self.target).text = "spoilt"
        self.report("done")


class appends(Target):
    @on_entry
    def write(self, here: Root) -> None:
        jobj(self.target).tags.append("spoilt")
        self.report("done")


class removes(Target):
    @on_entry
    def write(self, here: Root) -> None:
        delete(jobj(self.target))
        self.report("done")


class opens(Target):
    @on_entry
    def write(self, here: Root) -> None:
        perm_grant(jobj(self.target), "WRITE")
        self.report("done")


class allows(Target):
    @on_entry
    def write(self, here: Root) -> None:
        allow_root(jobj(self.target), here, "WRITE")
        self.report("done")


class replaces(Target):
    @on_entry
    def write(self, here: Root) -> None:
        jobj(self.target).__jac__.access = {"all": "WRITE"}
        self.report("done")


class closes(Target):
    @on_entry
    def write(self, here: Root) -> None:
        perm_revoke(jobj(self.target))
        self.report("done")


class gives_up(Target):
    """Writes, and gives up the right to."""

    @on_entry
    def write(self, here: Root) -> None:
        card = jobj(self.target)
        card.tags.append("the last word")
        disallow_root(card, here)
        self.report("done")


class enrols(Target):
    """Puts the caller among those who may write, then uses it."""

    how: str

    @on_entry
    def write(self, here: Root) -> None:
        club = jobj(self.target)
        club.members.append(here.__jac__.id)
        if self.how == "assign":
            club.title = "taken over"
        elif self.how == "delete":
            delete(club)
        elif self.how == "connect":
            club.connect(Other())
        self.report("done")


class resigns(Target):
    @on_entry
    def write(self, here: Root) -> None:
        jobj(self.target).members.remove(here.__jac__.id)
        self.report("done")


class founds(Target):
    """The owner makes somebody a member."""

    member: str

    @on_entry
    def write(self, here: Root) -> None:
        jobj(self.target).members.append(self.member[-24:])


class empties(Target):
    """Deletes all that somebody owns."""

    @on_entry
    def write(self, here: Root) -> None:
        reset_graph(jobj(self.target))
        self.report("done")


class uses_root(Target):
    """What can be done with the handle of a root: nothing is asked to get it."""

    how: str

    @on_entry
    def use(self, here: Root) -> None:
        handle: Any = jobj(self.target)
        match self.how:
            case "out":
                self.report(len(handle.out()))
            case "connect":
                here.connect(handle)
            case "into":
                handle.connect(Other())
            case "grant":
                perm_grant(handle, "WRITE")
            case "spawn":
                anywhere().spawn(handle)
                look().spawn(handle)
            case "level":
                self.report(handle.__jac__.access.all)
