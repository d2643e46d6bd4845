"""SQL: what every SQL engine is asked, in SQLAlchemy Core. Connections, and who may write when, are the engine's own file."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from walkwire.store import (
    EdgeRecord,
    NodeRecord,
    Search,
    TaskRecord,
    UserExists,
    UserRecord,
)
from walkwire.stores import tasks
from walkwire.stores.schema import edges, nodes, users
from walkwire.stores.selections import (
    EDGE,
    NODE,
)

_ROOTS = select(*NODE).where(nodes.c.kind == "").order_by(nodes.c.id)
_NEW_NODES = insert(nodes)


class SqlView:
    """The reads of `store.View`, on one open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def roots(self) -> list[NodeRecord]:
        return [NodeRecord(*row) for row in self._connection.execute(_ROOTS)]

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        statement = _fitting(select(*NODE), search, nodes.c.id, nodes.c.kind)
        return [NodeRecord(*row) for row in self._connection.execute(statement.order_by(nodes.c.id))]

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        leaving = select(*EDGE).join(nodes, nodes.c.id == edges.c.source)
        statement = _fitting(leaving, search, edges.c.id, edges.c.kind)
        return [EdgeRecord(*row) for row in self._connection.execute(statement.order_by(edges.c.seq))]

    def load_task(self, id: str) -> TaskRecord | None:
        return tasks.load(self._connection, id)


def add_user(connection: Connection, user: UserRecord) -> None:
    """Write a user and its root. Raises UserExists."""
    root = NodeRecord(user.root_id, "", user.root_id, 1, "{}")
    connection.execute(_NEW_NODES, [root._asdict()])
    row = user._asdict() | {"email_key": user.email.casefold(), "state": json.dumps(dict(user.state))}
    try:
        connection.execute(insert(users), [row])
    except IntegrityError:
        raise UserExists(user.email) from None


def user_by(connection: Connection, **column: str) -> UserRecord | None:
    """The user whose `email_key` or `id` is the one given."""
    ((name, value),) = column.items()
    columns = [users.c[field] for field in UserRecord._fields]
    row = connection.execute(select(*columns).where(users.c[name] == value)).first()
    return UserRecord(*row)._replace(state=json.loads(row[-1])) if row else None


def change_password(connection: Connection, user_id: str, old: str, new: str) -> bool:
    """Replace a hash and raise the token generation; False where the hash is not `old` any more."""
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.password == old)
        .values(password=new, token_generation=users.c.token_generation + 1)
    )
    return connection.execute(statement).rowcount == 1


def _fitting(statement: Select[Any], search: Search, id: Any, kind: Any) -> Select[Any]:
    for column, wanted in ((id, search.ids), (kind, search.kinds), (nodes.c.owner, search.owners)):
        if wanted is not None:
            statement = statement.where(column.in_(sorted(wanted)))
    return statement
