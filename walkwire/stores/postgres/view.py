"""View: the reads of `store.View` in PostgreSQL. Frequent reads are executed by the driver itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

from sqlalchemy import Connection

from walkwire.store import (
    EdgeRecord,
    Lost,
    Neighbourhood,
    NodeRecord,
    Reads,
    Search,
    Selection,
    TaskRecord,
    TokenState,
    UserKey,
    UserRecord,
    known_user,
)
from walkwire.stores.postgres.commit import check_all, size_of
from walkwire.stores.postgres.driver.pool import Away, Pool, Raw, as_busy, driver_of
from walkwire.stores.postgres.driver.prepared import Row
from walkwire.stores.postgres.statements import (
    EDGES_BY_ID,
    NODES_BY_ID,
    TOKEN_STATES,
    neighbourhood_of,
    node_and_neighbourhood_of,
)
from walkwire.stores.sql.selections import EDGE, parameters
from walkwire.stores.sql.sessions import states_in
from walkwire.stores.sql.view import SqlView

Result = TypeVar("Result")

_EDGE_END = 1 + len(EDGE)


def load_nodes(connection: Raw, ids: Sequence[str]) -> list[NodeRecord]:
    """Return the nodes with these ids."""
    return _nodes(NODES_BY_ID.run(connection, ids=ids))


def load_edges(connection: Raw, ids: Sequence[str]) -> list[EdgeRecord]:
    """Return the edges with these ids."""
    return _edges(EDGES_BY_ID.run(connection, ids=ids))


def load_neighbourhood(connection: Raw, selection: Selection) -> Neighbourhood:
    """Return what a selection finds. Its mark is the `seq` of each edge."""
    return _neighbourhood(neighbourhood_of(selection).run(connection, **parameters(selection)))


def _nodes(rows: list[Row]) -> list[NodeRecord]:
    return [NodeRecord._make(row[:-1]) for row in rows]


def _edges(rows: list[Row]) -> list[EdgeRecord]:
    return [EdgeRecord._make(row[:-1]) for row in rows]


def _neighbourhood(rows: list[Row]) -> Neighbourhood:
    pairs = [(EdgeRecord._make(row[1:_EDGE_END]), NodeRecord._make(row[_EDGE_END:-1])) for row in rows]
    return Neighbourhood(pairs, tuple([row[0] for row in rows]))


class Latest:
    """A view of the newest commits for one walk.

    Each statement returns which snapshot it saw. If all saw the same one, no check is needed. A statement without rows returns no
    snapshot.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._moments: set[str | None] = set()
        self._expected: tuple[str, Selection] | None = None
        self._ahead: tuple[Selection, Neighbourhood] | None = None  # read, but not asked for yet

    @property
    def is_one_moment(self) -> bool:
        """Return whether all statements so far saw the same snapshot."""
        return not self._moments or (len(self._moments) == 1 and None not in self._moments)

    def expect(self, owner: str, selection: Selection | None) -> None:
        """Read both in one round trip when the node is asked for; see `View.expect`."""
        self._expected = None if selection is None else (owner, selection)
        self._ahead = None

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """One round trip; see `View.load_nodes`."""
        if self._expected is not None:
            expected, self._expected = self._expected, None
            if [expected[1].node] == list(ids):
                return self._load_with_neighbourhood(*expected)
        return _nodes(self._noted(self._pool.read(lambda connection: NODES_BY_ID.run(connection, ids=ids))))

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """One round trip; see `View.load_edges`."""
        return _edges(self._noted(self._pool.read(lambda connection: EDGES_BY_ID.run(connection, ids=ids))))

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """One round trip, or none if it was expected; see `View.load_neighbourhood`."""
        if self._ahead is not None:
            (known, found), self._ahead = self._ahead, None
            if known == selection:
                return found
        statement, given = neighbourhood_of(selection), parameters(selection)
        return _neighbourhood(
            self._noted(self._pool.read(lambda connection: statement.run(connection, **given)))
        )

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """One round trip, which does not return its snapshot: `is_one_moment` becomes False. See `View.search_nodes`."""
        return self._seen(lambda view: view.search_nodes(search))

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """One round trip, which does not return its snapshot: `is_one_moment` becomes False. See `View.search_edges`."""
        return self._seen(lambda view: view.search_edges(search))

    def load_task(self, id: str) -> TaskRecord | None:
        """One round trip, which does not return its snapshot: `is_one_moment` becomes False. See `View.load_task`."""
        return self._seen(lambda view: view.load_task(id))

    def load_user(self, key: UserKey) -> UserRecord | None:
        """One round trip, which does not return its snapshot: `is_one_moment` becomes False. See `View.load_user`."""
        return self._seen(lambda view: view.load_user(key))

    def _load_with_neighbourhood(self, owner: str, selection: Selection) -> list[NodeRecord]:
        statement, given = node_and_neighbourhood_of(selection), parameters(selection)
        rows = self._pool.read(lambda connection: statement.run(connection, owner=owner, **given))
        nodes = [NodeRecord._make(row[_EDGE_END:-1]) for row in self._noted(rows)[:1]]
        if nodes and nodes[0].owner == owner:
            self._ahead = selection, _neighbourhood(rows[1:])
        return nodes

    def _noted(self, rows: list[Row]) -> list[Row]:
        self._moments.add(rows[0][-1] if rows else None)
        return rows

    def _seen(self, work: Callable[[SqlView], Result]) -> Result:
        self._moments.add(None)
        return self._pool.read_sql(lambda connection: work(SqlView(connection)))


def token_states_of(connection: Raw, root_ids: Sequence[str]) -> dict[str, TokenState]:
    """Return which tokens are valid, for each active user with one of these roots."""
    return states_in(TOKEN_STATES.run(connection, ids=root_ids))


class Snapshot:
    """A view of one snapshot, in a transaction on a connection of its own. If the connection breaks, the walk is retried.

    A walk may wait for something else between two reads. Then its connection is returned to the pool (`give_back`). The next read
    opens a newer snapshot, if everything read before is unchanged there. If not, it raises Lost and the walk is retried.
    """

    is_one_moment = True

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reads = Reads()
        self._lock = threading.Lock()
        self._opened = ExitStack()
        self._connection: Connection | None = None
        self._used = 0.0

    def expect(self, owner: str, selection: Selection | None) -> None:
        """Do nothing: each read is made when it is asked for."""

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """One round trip, noted for a later check; see `View.load_nodes`."""
        found = self._ask(lambda connection: load_nodes(driver_of(connection), ids))
        self._reads.nodes.update(dict.fromkeys(ids, 0))
        return self._noted(found)

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """One round trip, noted for a later check; see `View.load_edges`."""
        found = self._ask(lambda connection: load_edges(driver_of(connection), ids))
        self._reads.edges.update(dict.fromkeys(ids, 0))
        self._reads.edges.update((edge.id, edge.version) for edge in found)
        return found

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """One round trip, noted for a later check; see `View.load_neighbourhood`."""
        found = self._ask(lambda connection: load_neighbourhood(driver_of(connection), selection))
        self._reads.neighbourhoods[selection] = found.mark
        self._reads.edges.update((edge.id, edge.version) for edge, _ in found.pairs)
        self._noted([far for _, far in found.pairs])
        return found

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """One round trip, noted for a later check; see `View.search_nodes`."""
        found = self._ask(lambda connection: SqlView(connection).search_nodes(search))
        self._reads.node_searches[search] = frozenset(node.id for node in found)
        return self._noted(found)

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """One round trip, noted for a later check; see `View.search_edges`."""
        found = self._ask(lambda connection: SqlView(connection).search_edges(search))
        self._reads.edge_searches[search] = frozenset(edge.id for edge in found)
        self._reads.edges.update((edge.id, edge.version) for edge in found)
        return found

    def load_task(self, id: str) -> TaskRecord | None:
        """One round trip, noted for a later check; see `View.load_task`."""
        task = self._ask(lambda connection: SqlView(connection).load_task(id))
        self._reads.tasks[id] = None if task is None else task.state
        return task

    def load_user(self, key: UserKey) -> UserRecord | None:
        """One round trip, noted for a later check; see `View.load_user`."""
        user = self._ask(lambda connection: SqlView(connection).load_user(key))
        self._reads.users[key] = known_user(user)
        return user

    def is_idle(self, seconds: float) -> bool:
        """Return whether the view holds a connection that it has not used for `seconds`."""
        return self._connection is not None and time.monotonic() - self._used > seconds

    def give_back(self, seconds: float) -> None:
        """Return the connection to the pool if it has been idle for `seconds`. Never waits for a read."""
        if self._lock.acquire(
            blocking=False
        ):  # not free: a read is in progress, or the connection is being returned
            try:
                if self.is_idle(seconds):
                    self._give_back()
            finally:
                self._lock.release()

    def end(self) -> None:
        """Return the connection to the pool. Nothing may be read afterwards."""
        with self._lock:
            self._give_back()

    def _ask(self, question: Callable[[Connection], Result]) -> Result:
        with self._lock:
            connection = self._connection or self._open()
            self._pool.watchdog.begin(driver_of(connection))
            try:
                with as_busy():
                    return question(connection)
            except Away:
                raise Lost from None
            finally:
                self._used = time.monotonic()

    def _open(self) -> Connection:
        with ExitStack() as stack:
            connection = stack.enter_context(self._pool.snapshot())
            if self._used:
                self._pool.watchdog.begin(driver_of(connection), size_of(self._reads))
                with as_busy():
                    check_all(connection, self._reads)
            self._opened = stack.pop_all()
            self._connection = connection
            return connection

    def _give_back(self) -> None:
        self._connection = None
        self._opened.close()

    def _noted(self, found: list[NodeRecord]) -> list[NodeRecord]:
        self._reads.nodes.update((node.id, node.version) for node in found)
        return found
