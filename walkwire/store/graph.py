"""Graph store: reads of the graph, and commits that check what a walk read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from walkwire.store.changes import Changes, Reads
from walkwire.store.record import EdgeRecord, Neighbourhood, NodeRecord, Search, Selection
from walkwire.store.shared_locks import Crowd
from walkwire.store.task import TaskRecord
from walkwire.store.user import UserKey, UserRecord


class View(Protocol):
    """A way to read the graph: the newest commits (the store itself, `GraphStore.latest`) or one moment of it
    (`GraphStore.snapshot`). What one call returns is of one moment.

    `is_one_moment`: whether all that was read through this view is known to be of one moment.
    """

    @property
    def is_one_moment(self) -> bool: ...

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """The nodes with these ids; absent ones are left out."""

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """The edges with these ids; absent ones are left out."""

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """A node's edges and the nodes at their far ends, in the order in which the edges were made: that of their commits, but
        two that were under way at the same time may stand either way."""

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """The nodes that fit, kept objects and walkers included. Without an id or an owner it costs a look at every record."""

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """The edges that fit; otherwise as `search_nodes`."""

    def load_task(self, id: str) -> TaskRecord | None:
        """The task of this walker. One that was begun by a server that is silent since is told as it was."""

    def load_user(self, key: UserKey) -> UserRecord | None:
        """Return the user that this look-up finds, or None."""


class GraphStore(View, Protocol):
    """Nodes and edges."""

    is_shared: bool  # whether anybody else may write to the database

    @property
    def crowd(self) -> Crowd | None:
        """The locks between servers; None where one alone uses the database."""

    def latest(self) -> View:
        """Return a view of the newest commits, for one unit of work of one walk."""

    def snapshot(self) -> AbstractContextManager[View]:
        """A view in which all reads are of one moment."""

    def check(self, reads: Reads) -> None:
        """Raise Lost unless all of `reads` is still so, at one moment."""

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        """Write `changes` if `reads` is still so and both ends of each new edge exist; else write nothing and raise Lost.

        Raises Held where others have taken locks of the `crowd` on what would be written; `mine` are those that this walk has.

        `then` is called after the commit, and before any later commit of this process that wrote one of the same records calls
        its own; commits of other processes may be told earlier or later. It must be quick and must not raise. Raises Busy if the
        database stays locked, CommitInDoubt, TaskTaken where `changes` end a task that is not this server's any more.
        """

    def close(self) -> None:
        """Free all connections. Nothing is called afterwards."""
