"""View: the reads of `store.View` in PostgreSQL. Those on the roads that matter are put to the driver itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

from sqlalchemy import Connection

from walkwire.store import EdgeRecord, Lost, Neighbourhood, NodeRecord, Reads, Search, Selection, TaskRecord
from walkwire.stores.postgres.commit import judge, size_of
from walkwire.stores.postgres.pool import Away, Pool, Raw, driver_of, told
from walkwire.stores.postgres.statements import EDGES_BY_ID, NODES_BY_ID, TOKEN_GENERATIONS, neighbourhood_of
from walkwire.stores.selections import EDGE, parameters
from walkwire.stores.sql import SqlView

Result = TypeVar("Result")

_EDGE_WIDTH = len(EDGE)


def load_nodes(connection: Raw, ids: Sequence[str]) -> list[NodeRecord]:
    """The nodes with these ids."""
    return [NodeRecord._make(row) for row in NODES_BY_ID.run(connection, ids=list(ids))]


def load_edges(connection: Raw, ids: Sequence[str]) -> list[EdgeRecord]:
    """The edges with these ids."""
    return [EdgeRecord._make(row) for row in EDGES_BY_ID.run(connection, ids=list(ids))]


def load_neighbourhood(connection: Raw, selection: Selection) -> Neighbourhood:
    """What is selected. Its mark is the numbers of the edges."""
    rows = neighbourhood_of(selection).run(connection, **parameters(selection)).fetchall()
    end = 1 + _EDGE_WIDTH
    pairs = [(EdgeRecord._make(row[1:end]), NodeRecord._make(row[end:])) for row in rows]
    return Neighbourhood(pairs, tuple(row[0] for row in rows))


def token_generations(connection: Raw, root_ids: Sequence[str]) -> dict[str, int]:
    """As `store.UserStore`."""
    return dict(TOKEN_GENERATIONS.run(connection, ids=list(root_ids)).fetchall())


class Moment:
    """A view of one moment, on a connection in a transaction for it. A walk whose connection breaks has to run again.

    A walk may wait for something else between two reads. Then the connection is given back (`rest`), and the next read is of a
    later moment, if at that one all is still as it was read before. Else the walk has to run again.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reads = Reads()
        self._lock = threading.Lock()
        self._taken = ExitStack()
        self._connection: Connection | None = None
        self._used = 0.0

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        found = self._ask(lambda connection: load_nodes(driver_of(connection), ids))
        self._reads.nodes.update(dict.fromkeys(ids, 0))
        return self._noted(found)

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        found = self._ask(lambda connection: load_edges(driver_of(connection), ids))
        self._reads.edges.update(dict.fromkeys(ids, 0))
        self._reads.edges.update((edge.id, edge.version) for edge in found)
        return found

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        found = self._ask(lambda connection: load_neighbourhood(driver_of(connection), selection))
        self._reads.neighbourhoods[selection] = found.mark
        self._reads.edges.update((edge.id, edge.version) for edge, _ in found.pairs)
        self._noted([far for _, far in found.pairs])
        return found

    def roots(self) -> list[NodeRecord]:
        return self._noted(self._ask(lambda connection: SqlView(connection).roots()))

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        return self._noted(self._ask(lambda connection: SqlView(connection).search_nodes(search)))

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        found = self._ask(lambda connection: SqlView(connection).search_edges(search))
        self._reads.edges.update((edge.id, edge.version) for edge in found)
        return found

    def load_task(self, id: str) -> TaskRecord | None:
        return self._ask(lambda connection: SqlView(connection).load_task(id))

    def is_idle(self, seconds: float) -> bool:
        return self._connection is not None and time.monotonic() - self._used > seconds

    def rest(self, seconds: float) -> None:
        if self._lock.acquire(blocking=False):  # else it reads, or rests already
            try:
                if self.is_idle(seconds):
                    self._give_back()
            finally:
                self._lock.release()

    def end(self) -> None:
        """No more is read."""
        with self._lock:
            self._give_back()

    def _ask(self, question: Callable[[Connection], Result]) -> Result:
        with self._lock:
            connection = self._connection or self._take()
            self._pool.watch.begin(driver_of(connection))
            try:
                with told():
                    return question(connection)
            except Away:
                raise Lost from None
            finally:
                self._used = time.monotonic()

    def _take(self) -> Connection:
        with ExitStack() as stack:
            connection = stack.enter_context(self._pool.moment())
            if self._used:
                self._pool.watch.begin(driver_of(connection), size_of(self._reads))
                with told():
                    judge(driver_of(connection), self._reads)
            self._taken = stack.pop_all()
            self._connection = connection
            return connection

    def _give_back(self) -> None:
        self._connection = None
        self._taken.close()

    def _noted(self, found: list[NodeRecord]) -> list[NodeRecord]:
        self._reads.nodes.update((node.id, node.version) for node in found)
        return found
