"""View: reads of the graph and statements on users that all SQL engines share. Connections and transactions are the engine's."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, literal_column, or_, select, update
from sqlalchemy.exc import IntegrityError

from walkwire.store import (
    EdgeRecord,
    NodeRecord,
    Search,
    TaskRecord,
    UserExists,
    UserKey,
    UserRecord,
    email_key,
)
from walkwire.stores.sql import tasks, webhooks
from walkwire.stores.sql.schema import edges, nodes, sessions, users
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
    key = email_key(user.email)
    _free_key(connection, key)
    row = user._asdict() | {"email_key": key, "state": json.dumps(dict(user.state))}
    try:
        connection.execute(insert(users), [row])
    except IntegrityError:
        raise UserExists(user.email) from None


def user_by(connection: Connection, **column: str) -> UserRecord | None:
    """Return the user with this value in one column (`id`, `email_key` or `root_id`), or None.

    Earlier versions case-folded the e-mail address: such a user is found, too, and not by another address.
    """
    ((name, value),) = column.items()
    is_email = name == "email_key"
    values = {value, value.casefold()} if is_email else {value}
    columns = [users.c[field] for field in UserRecord._fields]
    for row in connection.execute(select(*columns).where(users.c[name].in_(values))):
        if not is_email or email_key(row.email) == value:
            return UserRecord(*row)._replace(state=json.loads(row[-1]))
    return None


def find_users(connection: Connection, text: str, limit: int) -> list[UserRecord]:
    """Return users whose address contains a text, or whose id or root it is, by address."""
    columns = [users.c[field] for field in UserRecord._fields]
    is_like = users.c.email_key.contains(email_key(text), autoescape=True)
    statement = select(*columns).order_by(users.c.email_key).limit(limit)
    if text:
        statement = statement.where(or_(is_like, users.c.id == text, users.c.root_id == text))
    return [UserRecord(*row)._replace(state=json.loads(row[-1])) for row in connection.execute(statement)]


def _free_key(connection: Connection, key: str) -> None:
    """Correct the key of a user of another address, which an earlier version case-folded."""
    email = connection.execute(select(users.c.email).where(users.c.email_key == key)).scalar()
    if email is not None and email_key(email) != key:
        mistaken = update(users).where(users.c.email_key == key, users.c.email == email)
        connection.execute(mistaken.values(email_key=email_key(email)))


def change_password(connection: Connection, user_id: str, old: str, new: str) -> bool:
    """Replace a hash, increment the token generation and delete sessions and webhook keys.

    Returns False if the stored hash is not `old`.
    """
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.password == old)
        .values(password=new, token_generation=users.c.token_generation + 1)
    )
    is_changed = connection.execute(statement).rowcount == 1
    if is_changed:
        _end_all(connection, user_id)
    return is_changed


def _end_all(connection: Connection, user_id: str) -> None:
    webhooks.remove_all(connection, user_id)
    root = select(users.c.root_id).where(users.c.id == user_id).scalar_subquery()
    connection.execute(delete(sessions).where(sessions.c.root_id == root))


def prove_email(connection: Connection, user_id: str) -> bool:
    """Note that an active user owns the e-mail address. Returns False if nothing changed."""
    unproved = (users.c.id == user_id, users.c.is_activated, users.c.email_proof != "proved")
    return connection.execute(update(users).where(*unproved).values(email_proof="proved")).rowcount == 1


def users_after(connection: Connection, after: str, limit: int) -> list[UserRecord]:
    """Return users in the order of their addresses; see `UserStore.users`."""
    columns = [users.c[field] for field in UserRecord._fields]
    key = users.c.email_key
    statement = select(*columns).where(key > email_key(after)).order_by(key).limit(limit)
    return [UserRecord(*row)._replace(state=json.loads(row[-1])) for row in connection.execute(statement)]


def activate(connection: Connection, user_id: str, is_activated: bool) -> bool:
    """Set whether a user may sign in. If not, revoke tokens, sessions and webhook keys; see `UserStore.activate_user`."""
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.is_activated != is_activated)
        .values(is_activated=is_activated, token_generation=users.c.token_generation + 1)
    )
    is_changed = connection.execute(statement).rowcount == 1
    if is_changed and not is_activated:
        _end_all(connection, user_id)
    return is_changed


def make_admin(connection: Connection, user_id: str, is_admin: bool) -> bool:
    """Set whether a user is an administrator. Returns False if nothing changed."""
    changed = (users.c.id == user_id, users.c.is_admin != is_admin)
    return connection.execute(update(users).where(*changed).values(is_admin=is_admin)).rowcount == 1


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
