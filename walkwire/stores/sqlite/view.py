"""View: the reads of `store.View` in SQLite, on one open connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from walkwire.store import EdgeRecord, KeyedCall, Neighbourhood, NodeRecord, Selection, TokenState
from walkwire.stores.sql import keyed_calls
from walkwire.stores.sql.selections import EDGE, parameters, shape_of
from walkwire.stores.sql.sessions import states_in
from walkwire.stores.sql.view import SqlView
from walkwire.stores.sqlite.ends import ends
from walkwire.stores.sqlite.statements import (
    EDGES_BY_ID,
    NODES_BY_ID,
    TOKEN_STATES,
    SqliteStatement,
    driver_of,
    neighbourhood_of,
    rows_by_id,
)

_EDGE_END = 1 + len(EDGE)
_KEYED_CALL = SqliteStatement(keyed_calls.by_key())


class SqliteView(SqlView):
    """A view on one connection. The driver itself executes frequent reads. Use it for one call, or in a transaction."""

    is_one_moment = True

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.connection = connection
        self.driver = driver_of(connection)

    def expect(self, owner: str, selection: Selection | None) -> None:
        """Do nothing: each read is made when it is asked for."""

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """One statement for each 512 ids; see `View.load_nodes`."""
        return [NodeRecord._make(row) for row in rows_by_id(self.driver, NODES_BY_ID, ids)]

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """One statement for each 512 ids; see `View.load_edges`."""
        return [EdgeRecord._make(row) for row in rows_by_id(self.driver, EDGES_BY_ID, ids)]

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """Needs a transaction if the selection has a limit; see `View.load_neighbourhood`."""
        rows = self._rows(selection)
        pairs = [(EdgeRecord._make(row[1:_EDGE_END]), NodeRecord._make(row[_EDGE_END:])) for row in rows]
        return Neighbourhood(pairs, tuple([row[0] for row in rows]))

    def token_states(self, root_ids: Sequence[str]) -> dict[str, TokenState]:
        """One statement for each 512 roots; see `SessionStore.token_states`."""
        return states_in(rows_by_id(self.driver, TOKEN_STATES, root_ids))

    def keyed_call(self, root_id: str, key: str, now: float) -> KeyedCall | None:
        """One statement; see `KeyedCallStore.take_key`."""
        return keyed_calls.of(_KEYED_CALL.run(self.driver, {"root_id": root_id, "key": key}), now)

    def close(self) -> None:
        """Return the connection to its pool."""
        self.connection.close()

    def _rows(self, selection: Selection) -> list[Any]:
        if shape_of(selection).is_end_of_many:
            return ends(self.driver, selection)
        return neighbourhood_of(selection).run(self.driver, parameters(selection)).fetchall()
