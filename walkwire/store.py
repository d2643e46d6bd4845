"""Store: what the graph and the users ask of a database. Kinds live in `stores/`, chosen by URL.

All calls are synchronous and may come from any thread. What a call raises besides the errors named here is the driver's.
Guarantees: a commit is all or nothing, and once it returned it survives the death of the process; a read sees only commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from walkwire.errors import WalkwireError

Direction = Literal["out", "into", "both"]


class NodeRecord(NamedTuple):
    """A stored node. `kind` is its class ("" = a root), `owner` a root's id, `version` counts its changes from 1,
    `data` its fields and `access` its grants, both JSON objects as text (`access` None: no grants)."""

    id: str
    kind: str
    owner: str
    version: int
    data: str
    access: str | None = None


class EdgeRecord(NamedTuple):
    """A stored edge. `kind` is its class ("" = a bare edge); the ends are ids of nodes with their classes, which never change."""

    id: str
    kind: str
    source: str
    source_kind: str
    target: str
    target_kind: str
    version: int
    data: str


class Selection(NamedTuple):
    """A part of a node's neighbourhood: which way, edges of which classes, to nodes of which classes (None = all)."""

    node: str
    direction: Direction
    edge_kinds: frozenset[str] | None = None
    node_kinds: frozenset[str] | None = None


class Neighbourhood(NamedTuple):
    """What a selection held when it was read: edges with their far nodes in the order in which they were made, and `mark`,
    which is equal at a later reading if and only if no edge came or went in between. Opaque to all but the store."""

    pairs: list[tuple[EdgeRecord, NodeRecord]]
    mark: object


@dataclass(slots=True)
class Reads:
    """What a walk has looked at: the version of each record (0 = it was absent), the mark of each selection."""

    nodes: dict[str, int] = field(default_factory=dict)
    edges: dict[str, int] = field(default_factory=dict)
    neighbourhoods: dict[Selection, object] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What a commit writes. The version in a changed or deleted record is the one that was read; the store counts it up.
    Deleting a node deletes its edges as they are at the commit."""

    new_nodes: list[NodeRecord] = field(default_factory=list)
    new_edges: list[EdgeRecord] = field(default_factory=list)
    changed_nodes: list[NodeRecord] = field(default_factory=list)
    changed_edges: list[EdgeRecord] = field(default_factory=list)
    deleted_nodes: list[str] = field(default_factory=list)
    deleted_edges: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.new_nodes
            or self.new_edges
            or self.changed_nodes
            or self.changed_edges
            or self.deleted_nodes
            or self.deleted_edges
        )


class Lost(WalkwireError):
    """What a walk read is no longer so. Names what it lost: the ids of records, and of nodes whose neighbourhood changed."""

    def __init__(self, records: Iterable[str] = (), neighbourhoods: Iterable[str] = ()) -> None:
        self.records = frozenset(records)
        self.neighbourhoods = frozenset(neighbourhoods)
        super().__init__(
            f"lost {sorted(self.records)} and the neighbourhoods of {sorted(self.neighbourhoods)}"
        )


class View(Protocol):
    """A way to read the graph: the newest commits (the store itself) or one moment of it (`GraphStore.snapshot`)."""

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """The nodes with these ids; absent ones are left out."""

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """The edges with these ids; absent ones are left out."""

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """A node's edges and the nodes at their far ends, in the order in which the edges were committed."""

    def roots(self) -> list[NodeRecord]:
        """Every root, the system's and the public one included."""


class GraphStore(View, Protocol):
    """Nodes and edges."""

    def snapshot(self) -> AbstractContextManager[View]:
        """A view in which all reads are of one moment."""

    def check(self, reads: Reads) -> None:
        """Raise Lost unless all of `reads` is still so, at one moment."""

    def commit(self, reads: Reads, changes: Changes, then: Callable[[], None]) -> None:
        """Write `changes` if `reads` is still so and both ends of each new edge exist; else write nothing and raise Lost.

        `then` is called after the commit and before any later commit that wrote one of the same records calls its own; it must
        be quick and must not raise. Raises Busy when the database stays locked.
        """

    def close(self) -> None:
        """Free all connections. Nothing is called afterwards."""


class UserRecord(NamedTuple):
    """A user. `password` is a hash. `tokens` is counted up to end all tokens issued before. `state` is the program's own."""

    id: str
    email: str
    password: str
    root_id: str
    tokens: int = 0
    is_activated: bool = True
    is_admin: bool = False
    state: Mapping[str, Any] = {}


class UserExists(WalkwireError):
    """That e-mail address has a user already."""


class UserStore(Protocol):
    """Users. An e-mail address is one user's, whatever its case."""

    def add_user(self, user: UserRecord) -> None:
        """Store a user and its root, together. Raises UserExists."""

    def user_by_email(self, email: str) -> UserRecord | None:
        """The user with this address, in any case."""

    def user_by_id(self, user_id: str) -> UserRecord | None:
        """The user with this id."""

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        """Replace the hash `old` by `new` and count `tokens` up; False where `old` is no longer the stored hash."""


class Store(GraphStore, UserStore, Protocol):
    """One database that holds both."""
