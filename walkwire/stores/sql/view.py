"""View: reads of the graph and statements on users that all SQL engines share. Connections and transactions are the engine's."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Select, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from walkwire.store import (
    EdgeRecord,
    NodeRecord,
    Search,
    TaskRecord,
    UserExists,
    UserKey,
    UserRecord,
)
from walkwire.stores.sql import tasks
from walkwire.stores.sql.schema import edges, nodes, users
from walkwire.stores.sql.selections import (
    EDGE,
    NODE,
)

_NEW_NODES = insert(nodes)


class SqlView:
    """The searches and look-ups of `store.View`, on one open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """Return the nodes that match, ordered by id; see `View.search_nodes`."""
        statement = _nodes_found(search, *NODE).order_by(nodes.c.id)
        return [NodeRecord(*row) for row in self._connection.execute(statement)]

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """Return the edges that match, in the order of creation; see `View.search_edges`."""
        statement = _edges_found(search, *EDGE).order_by(edges.c.seq)
        return [EdgeRecord(*row) for row in self._connection.execute(statement)]

    def load_task(self, id: str) -> TaskRecord | None:
        """One look-up by primary key; see `View.load_task`."""
        return tasks.load(self._connection, id)

    def load_user(self, key: UserKey) -> UserRecord | None:
        """One look-up by index; see `View.load_user`."""
        column, value = key
        return user_by(self._connection, **{column: value})


def add_user(connection: Connection, user: UserRecord) -> None:
    """Insert a user and its root. Raises UserExists."""
    root = NodeRecord(user.root_id, "", user.root_id, 1, "{}")
    connection.execute(_NEW_NODES, [root._asdict()])
    row = user._asdict() | {"email_key": user.email.casefold(), "state": json.dumps(dict(user.state))}
    try:
        connection.execute(insert(users), [row])
    except IntegrityError:
        raise UserExists(user.email) from None


def user_by(connection: Connection, **column: str) -> UserRecord | None:
    """Return the user with this value in one column (`id`, `email_key` or `root_id`), or None."""
    ((name, value),) = column.items()
    columns = [users.c[field] for field in UserRecord._fields]
    row = connection.execute(select(*columns).where(users.c[name] == value)).first()
    return UserRecord(*row)._replace(state=json.loads(row[-1])) if row else None


def change_password(connection: Connection, user_id: str, old: str, new: str) -> bool:
    """Replace a hash and increment the token generation. Returns False if the stored hash is not `old`."""
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.password == old)
        .values(password=new, token_generation=users.c.token_generation + 1)
    )
    return connection.execute(statement).rowcount == 1


def node_ids(connection: Connection, search: Search) -> frozenset[str]:
    """Return the ids of the nodes that a search finds."""
    return frozenset(connection.execute(_nodes_found(search, nodes.c.id)).scalars())


def edge_ids(connection: Connection, search: Search) -> frozenset[str]:
    """Return the ids of the edges that a search finds."""
    return frozenset(connection.execute(_edges_found(search, edges.c.id)).scalars())


def _nodes_found(search: Search, *columns: Any) -> Select[Any]:
    if search.kinds == frozenset({""}):  # roots have an index of their own
        return _fitting(
            select(*columns).where(nodes.c.kind == literal_column("''")),
            search._replace(kinds=None),
            nodes.c.id,
            nodes.c.kind,
        )
    return _fitting(select(*columns), search, nodes.c.id, nodes.c.kind)


def _edges_found(search: Search, *columns: Any) -> Select[Any]:
    leaving = select(*columns).join(nodes, nodes.c.id == edges.c.source)
    return _fitting(leaving, search, edges.c.id, edges.c.kind)


def _fitting(statement: Select[Any], search: Search, id: Any, kind: Any) -> Select[Any]:
    for column, wanted in ((id, search.ids), (kind, search.kinds), (nodes.c.owner, search.owners)):
        if wanted is not None:
            statement = statement.where(column.in_(sorted(wanted)))
    return statement
