"""A program that executes a list of steps as one walk. A test can ask for any transaction, and a checker can read the answer.

Each node has a `tag`, a unique number that its client chose. Most nodes belong to the public graph, where everybody may write.
Pins belong to the users who made them, so that a search can select them by owner.
"""

from collections.abc import Callable
from typing import Any

from walkwire import (
    BaseUser,
    Node,
    PublicError,
    Root,
    Walker,
    commit,
    delete,
    jid,
    jobj,
    on_entry,
    perm_grant,
    root,
    save,
    socket,
)
from walkwire.dialect.anchors import NodeAnchor
from walkwire.dialect.names import allroots

Result = Any


class Track(Node):
    """A list."""

    tag: int
    items: list[int]


class Cell(Node):
    """A register, with the value that its own replaced."""

    tag: int
    value: int = 0
    previous: int = 0


class Half(Node):
    """One of two numbers that are always equal."""

    tag: int
    count: int = 0


class Hub(Node):
    """What leaves are around."""

    tag: int


class Leaf(Node):
    tag: int
    slot: int


class Pin0(Node):
    tag: int


class Pin1(Node):
    tag: int


PINS: list[type[Any]] = [Pin0, Pin1]


class User(BaseUser):
    pass


class Served:
    class __specs__:
        methods = ["websocket", "post"]


class Public:
    class __specs__:
        methods = ["websocket", "post"]
        auth = False


class make(Public, Walker):
    """New nodes: [class, tag] each. Reports their references."""

    wanted: list[tuple[str, int]]

    @on_entry
    def make_all(self, here: Root) -> None:
        kinds: dict[str, Callable[[int], Node]] = {
            "track": lambda tag: Track(tag=tag, items=[]),
            "cell": lambda tag: Cell(tag=tag),
            "half": lambda tag: Half(tag=tag),
            "hub": lambda tag: Hub(tag=tag),
        }
        made = [kinds[kind](tag) for kind, tag in self.wanted]
        for node in made:
            save(node)
        self.report([jid(node) for node in made])


class act(Served, Walker):
    """All `steps` in their order; reports a result for each. `in_hand`: a node that was found once is used as it is from then on,
    and otherwise looked up for each step."""

    steps: list[list[Any]]
    in_hand: bool = False

    @on_entry
    def run(self, here: Root) -> None:
        self.found: dict[str, Any] = {}
        self.report([getattr(self, f"do_{name}")(*arguments) for name, *arguments in self.steps])

    def node(self, reference: str) -> Any:
        if self.in_hand and reference in self.found:
            return self.found[reference]
        self.found[reference] = jobj(reference)
        return self.found[reference]

    def do_append(self, reference: str, value: int, channel: str | None = None, key: str = "") -> Result:
        """How many values there were; None without the node."""
        track = self.node(reference)
        if track is None:
            return None
        before = len(track.items)
        track.items = [*track.items, value]
        if channel is not None:
            socket.notify_channels([channel], {"key": key, "value": value, "version": before + 1})
        return before

    def do_read(self, reference: str) -> Result:
        track = self.node(reference)
        return None if track is None else list(track.items)

    def do_write(self, reference: str, value: int) -> Result:
        cell = self.node(reference)
        if cell is None:
            return None
        before = [cell.value, cell.previous]
        cell.value, cell.previous = value, cell.value
        return before

    def do_get(self, reference: str) -> Result:
        cell = self.node(reference)
        return None if cell is None else [cell.value, cell.previous]

    def do_write_if(self, other: str, reference: str, value: int) -> Result:
        """Write only if another register has never been written since it was made, or by an even value."""
        looked = self.do_get(other)
        if looked is None or looked[0] % 2:
            return [looked, None]
        return [looked, self.do_write(reference, value)]

    def do_destroy(self, reference: str) -> Result:
        """Whether it was there."""
        node = self.node(reference)
        if node is None:
            return False
        delete(node)
        return True

    def do_ensure(self, reference: str, slot: int, tag: int) -> Result:
        """Get or create a leaf by a look around: the tags of those that were there, and whether one was made."""
        hub = self.node(reference)
        if hub is None:
            return None
        there = hub.out(Leaf, slot=slot)
        if not there:
            leaf = hub.connect(Leaf(tag=tag, slot=slot))
            perm_grant(leaf, "WRITE")
        return [[leaf.tag for leaf in there], not there]

    def do_around(self, reference: str) -> Result:
        hub = self.node(reference)
        return None if hub is None else [[leaf.tag, leaf.slot] for leaf in hub.out(Leaf)]

    def do_drop(self, reference: str, slot: int) -> Result:
        """Delete the leaves of a slot: their tags."""
        hub = self.node(reference)
        if hub is None:
            return None
        there = hub.out(Leaf, slot=slot)
        for leaf in there:
            delete(leaf)
        return [leaf.tag for leaf in there]

    def do_claim(self, kind: int, tag: int, by_count: bool) -> Result:
        """Make a pin if a search finds none of one's own: the tags found (None: only counted), and whether one was made."""
        mine = {"name": PINS[kind].__name__, "root": root().__jac__.id}
        if by_count:
            count = NodeAnchor.Collection.count(mine)
            found: list[int] | None = None if count else []
        else:
            found = [anchor.archetype.tag for anchor in NodeAnchor.Collection.find(mine)]
            count = len(found)
        if not count:
            pin = PINS[kind](tag=tag)
            perm_grant(pin, "READ")
            save(pin)
        return [found, not count]

    def do_release(self, kind: int) -> Result:
        """Delete all of one's own pins of a class: their tags."""
        mine = {"name": PINS[kind].__name__, "root": root().__jac__.id}
        pins = [anchor.archetype for anchor in NodeAnchor.Collection.find(mine)]
        for pin in pins:
            delete(pin)
        return [pin.tag for pin in pins]

    def do_pins(self, kind: int) -> Result:
        """Everybody's pins of a class."""
        return [anchor.archetype.tag for anchor in NodeAnchor.Collection.find({"name": PINS[kind].__name__})]

    def do_roots(self) -> Result:
        return [each.__jac__.id for each in allroots()]

    def do_user(self, email: str) -> Result:
        """The id of a user's root; None where there is no such user."""
        user = User.Collection.find_by_email(email)
        return None if user is None else user.root_id

    def do_count_both(self, one: str, other: str) -> Result:
        halves = self.node(one), self.node(other)
        before = [half.count for half in halves]
        for half in halves:
            half.count += 1
        return before

    def do_peek(self, one: str, other: str, channel: str, key: str) -> Result:
        """Read two numbers that are always equal, and tell them at once if the walk has written nothing."""
        pair = [self.node(one).count, self.node(other).count]
        socket.notify_channels([channel], {"key": key, "pair": pair})
        return pair

    def do_commit(self) -> Result:
        commit()

    def do_abort(self) -> Result:
        raise PublicError("aborted", "The program changed its mind.", status=418)
