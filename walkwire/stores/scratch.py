"""Scratch: the database of a program that is run without one: a temporary SQLite file, deleted when the program ends.

Most such programs never read what they committed, and end before a database driver would be loaded. So commits are held in
memory, and the file is created by the first read after a commit. Nothing else writes to it, so no commit can be refused.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.store import (
    Changes,
    CommitAll,
    EdgeRecord,
    GraphStore,
    Neighbourhood,
    NodeRecord,
    Reads,
    Search,
    Selection,
    SharedLocks,
    TaskRecord,
    UserKey,
    UserRecord,
    View,
)

_ROOTS = [NodeRecord(root, "", root, 1, "{}") for root in (SYSTEM_ROOT, PUBLIC_ROOT)]


class ScratchStore:
    """A graph store that one program has to itself. It has no users."""

    is_shared = False
    is_one_moment = True
    shared_locks: SharedLocks | None = None
    commit_all: CommitAll | None = None

    def __init__(self) -> None:
        self._committed: list[Changes] = []
        self._file: GraphStore | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def expect(self, owner: str, selection: Selection | None) -> None:
        """Do nothing: each read is made when it is asked for."""

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """Return nodes from the file; the two roots that every database has, if nothing was committed yet."""
        if (file := self._opened()) is not None:
            return file.load_nodes(ids)
        return [root for root in _ROOTS if root.id in ids]

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """Return edges from the file; none if nothing was committed yet."""
        return [] if (file := self._opened()) is None else file.load_edges(ids)

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """Read the file; return an empty neighbourhood if nothing was committed yet."""
        if (file := self._opened()) is not None:
            return file.load_neighbourhood(selection)
        return Neighbourhood([], None)

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """Search the file; the two roots that every database has, if nothing was committed yet."""
        if (file := self._opened()) is not None:
            return file.search_nodes(search)
        return [root for root in _ROOTS if _fits(search, root)]

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """Search the file; return nothing if nothing was committed yet."""
        return [] if (file := self._opened()) is None else file.search_edges(search)

    def load_task(self, id: str) -> TaskRecord | None:
        """Read the file; return None if nothing was committed yet."""
        return None if (file := self._opened()) is None else file.load_task(id)

    def load_user(self, key: UserKey) -> UserRecord | None:
        """Return None: there are no users."""
        return None

    def latest(self) -> View:
        """Return the store itself."""
        return self

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """Yield the store itself: only its own program commits."""
        yield self

    def check(self, reads: Reads) -> None:
        """Do nothing: no other process can have changed what was read."""

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        """Write to the file, or append to the commits in memory if the file does not exist yet."""
        if self._file is None:
            self._committed.append(changes)
            then()
        else:
            self._file.commit(Reads(), changes, then)

    def pending_tasks(self, root_id: str, most: int) -> int:
        """Return 0: nothing runs tasks here."""
        return 0

    def close(self) -> None:
        """Close and delete the file, if it was created."""
        if self._file is not None:
            self._file.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _opened(self) -> GraphStore | None:
        """Return the file, created if there are commits to write; None if there is nothing to read."""
        if self._file is None and self._committed:
            from walkwire.stores.sqlite.store import SqliteStore

            self._folder = tempfile.TemporaryDirectory(prefix="walkwire-")
            self._file = SqliteStore(f"{self._folder.name}/scratch.db")
            for changes in self._committed:
                self._file.commit(Reads(), changes, lambda: None)
            self._committed.clear()
        return self._file


def _fits(search: Search, node: NodeRecord) -> bool:
    wanted = zip((search.ids, search.kinds, search.owners), (node.id, node.kind, node.owner), strict=True)
    return all(among is None or value in among for among, value in wanted)
