"""View: the reads of `store.View` in PostgreSQL. Those on the roads that matter are put to the driver itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from walkwire.store import EdgeRecord, Lost, Neighbourhood, NodeRecord, Search, Selection, TaskRecord
from walkwire.stores.postgres.pool import Away, Raw, driver_of, told
from walkwire.stores.postgres.statements import EDGES_BY_ID, NODES_BY_ID, neighbourhood_of
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


class Moment:
    """A view of one moment, on a connection in a transaction for it. A walk whose connection breaks has to run again."""

    def __init__(self, connection: Connection) -> None:
        self._driver = driver_of(connection)
        self._view = SqlView(connection)

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        return _asked(load_nodes, self._driver, ids)

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        return _asked(load_edges, self._driver, ids)

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        return _asked(load_neighbourhood, self._driver, selection)

    def roots(self) -> list[NodeRecord]:
        return _asked(self._view.roots)

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        return _asked(self._view.search_nodes, search)

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        return _asked(self._view.search_edges, search)

    def load_task(self, id: str) -> TaskRecord | None:
        return _asked(self._view.load_task, id)


def _asked(question: Callable[..., Result], *arguments: Any) -> Result:
    try:
        with told():
            return question(*arguments)
    except Away:
        raise Lost from None
