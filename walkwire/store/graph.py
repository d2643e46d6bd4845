"""Graph store: reads of the graph, and commits that check what a walk read.

Guarantees:

- The result of one read call is a snapshot: all of it is from the same set of commits.
- Commits are serialisable: all walks have the effect that they would have had one after another.
- A commit that would break this is refused with Lost and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from walkwire.store.changes import Changes, Reads
from walkwire.store.record import EdgeRecord, Neighbourhood, NodeRecord, Search, Selection
from walkwire.store.shared_locks import SharedLocks
from walkwire.store.task import TaskRecord
from walkwire.store.user import UserKey, UserRecord


class View(Protocol):
    """Reads of the graph: of the newest commits (`GraphStore.latest`, or the store itself) or of one snapshot
    (`GraphStore.snapshot`).
    """

    @property
    def is_one_moment(self) -> bool:
        """Return whether all reads through this view so far are known to be from the same snapshot."""

    def expect(self, owner: str, selection: Selection | None) -> None:
        """Hear that the node of a selection will be loaded by itself, and then, if it belongs to `owner`, the selection.

        A view may read both at once, which must not be seen from outside but by the time that it takes. Nodes of others are left
        out, as the caller may have no right to read them: an answer would take longer for a node that exists. None: nothing is
        expected any more, and what was read for it is forgotten.
        """

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """Return the nodes with these ids, in any order. Absent ones are left out."""

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return the edges with these ids, in any order. Absent ones are left out."""

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """Return a node's edges and the nodes at their far ends, in the order in which the edges were committed.

        Two edges whose commits overlapped in time may be in either order.
        """

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """Return the nodes that match, stored objects and walkers included. Without ids or owners every node is scanned."""

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """Return the edges that match. Without ids or owners every edge is scanned."""

    def load_task(self, id: str) -> TaskRecord | None:
        """Return the task of the walker with this id, or None.

        A task whose server has died since is still returned as STARTED until `TaskStore.abandon_tasks` marks it.
        """

    def load_user(self, key: UserKey) -> UserRecord | None:
        """Return the user that this look-up finds, or None."""


class UnitOfWork(NamedTuple):
    """What one of several commits checks and writes; see `GraphStore.commit`."""

    reads: Reads
    changes: Changes
    then: Callable[[], None]


CommitAll = Callable[[Sequence[UnitOfWork]], list[BaseException | None]]


class GraphStore(View, Protocol):
    """A store of nodes and edges.

    - `is_shared`: whether other processes may write to the database.
    """

    is_shared: bool

    @property
    def shared_locks(self) -> SharedLocks | None:
        """Return the locks that all servers on this database share; None if one server alone uses it."""

    @property
    def commit_all(self) -> CommitAll | None:
        """Return a function that commits several units of work in one transaction; None if one after another costs no more.

        Each commit is checked by itself, after those before it. The result has an element for each: None, or what `commit` would
        have raised. If the transaction itself fails, all of them have failed. Each `then` is called as `commit` calls it.
        """

    def latest(self) -> View:
        """Return a view of the newest commits, for one unit of work of one walk."""

    def snapshot(self) -> AbstractContextManager[View]:
        """Return a view in which all reads are from the same snapshot, until the block ends."""

    def check(self, reads: Reads) -> None:
        """Raise Lost unless all of `reads` still holds, judged in one snapshot."""

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        """Write `changes` if all of `reads` still holds and both ends of each new edge exist.

        - `then`: called after the commit, and before any later commit of this process that wrote one of the same records, or
          appended to one of the same streams, calls its own. It must be quick and must not raise. There is no such order between
          processes.
        - `mine`: names of the shared locks that this walk holds (`lock_keys`).

        Raises, with nothing written:

        - Lost: a read is out of date, or an end of a new edge is gone.
        - Held: other walks hold shared locks on what would be written.
        - TaskTaken: `changes.ended_task` no longer belongs to this server.
        - KeyTaken: another call with the key of `changes.call` is committed.
        - Busy: the database stayed locked or unreachable.

        Raises CommitInDoubt if the connection broke and the outcome cannot be found out.
        """

    def pending_tasks(self, root_id: str, most: int) -> int:
        """Return how many pending tasks the user with this root has, but no more than `most`."""

    def close(self) -> None:
        """Free all connections. No method may be called afterwards."""
